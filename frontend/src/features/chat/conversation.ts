/** What one can do in a session, and what happens by itself around its replies. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useLocation } from "wouter";

import { answered, api } from "../../api/http";
import { outdate, refresh } from "../../api/refresh";
import type { MessageAnswer, SessionSettings } from "../../api/schema";
import type { Send } from "../../api/streams";
import { documentsOf, messageParts } from "../../protocol/parts";
import type { Draft } from "../../stores/drafts";
import { LiveStream } from "../../stores/live-stream";
import type { Back } from "../../stores/live-streams";
import { notices } from "../../stores/notices";
import { unsaved } from "../../stores/unsaved";
import { focusComposer } from "./focus";
import { changeMessage, messageList } from "./messages";
import { useLiveReply, useLiveStreams, useStream } from "./streams";

export interface Conversation {
  say: (draft: Draft) => Promise<void>;
  edit: (turn: MessageAnswer, text: string) => void;
  regenerate: (reply: MessageAnswer) => void;
  goOn: (reply: MessageAnswer) => void;
  show: (message: number) => Promise<void>;
  rate: (reply: MessageAnswer, rating: "good" | "bad" | null) => Promise<void>;
}

/** Without a session, the first message makes it, with the settings that were chosen for it. */
export function useConversation(session: number | null, settings: SessionSettings, onMade: () => void): Conversation {
  const streams = useLiveStreams();
  const queries = useQueryClient();
  const [, navigate] = useLocation();

  return useMemo(() => {
    const send = (message: Send, hides: number | null, back: Back): void => {
      const stream = LiveStream.sending(message, () => unsaved.settle(message.session_id));
      streams.put(
        message.session_id,
        { stream, asked: message.content == null ? null : messageParts(message.content, message.documents ?? []), hides },
        back,
      );
      focusComposer();
    };
    return {
      async say({ text, documents, template }) {
        const chosen = template && { template_id: template.id, variables: template.variables };
        let id = session;
        if (id === null) {
          const body = { ...settings, ...chosen, ...(chosen && { system_prompt: null }) };
          id = (await answered(api.POST("/api/chatbot/sessions", { body }))).id;
          onMade();
        }
        send({ session_id: id, content: text, documents: [...documents], ...(session !== null && chosen) }, null, {
          text,
          documents,
          template,
        });
        if (session === null && location.pathname === "/") navigate(`/c/${id}`);
      },
      edit(turn, text) {
        const documents = documentsOf(turn.parts);
        send({ session_id: turn.session_id, content: text, documents, parent_id: turn.parent_id ?? 0 }, turn.id, {
          edit: { turn: turn.id, text },
        });
      },
      regenerate(reply) {
        send({ session_id: reply.session_id, regenerate: reply.id }, reply.id, {});
      },
      goOn(reply) {
        send({ session_id: reply.session_id, continue: reply.id }, reply.id, {});
      },
      async show(message) {
        if (session === null) return;
        const path = { session_id: session };
        try {
          await answered(
            api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path }, body: { active_message_id: message } }),
          );
          await refresh(queries, ["messages", session]);
        } catch (error) {
          told(error);
        }
      },
      async rate(reply, rating) {
        changeMessage(queries, { ...reply, rating });
        const path = { message_id: reply.id };
        try {
          changeMessage(
            queries,
            await answered(api.PATCH("/api/chatbot/messages/{message_id}", { params: { path }, body: { rating } })),
          );
        } catch (error) {
          changeMessage(queries, reply);
          told(error);
        }
      },
    };
  }, [session, settings, onMade, streams, queries, navigate]);
}

export function told(error: unknown): void {
  notices.show(error instanceof Error ? error.message : String(error));
}

/** Follows a reply that was found running, reads the conversation again when one begins or ends, and lets go of what is settled.
 * `isRunning`: what the list of sessions says of this one. */
export function useReplies(session: number | null, messages: MessageAnswer[] | undefined, isRunning: boolean): void {
  const streams = useLiveStreams();
  const queries = useQueryClient();
  const live = useLiveReply(session);
  const known = useStream(live?.stream, ({ snapshot }) => snapshot.metadata?.assistant_message_id ?? null) ?? null;
  const over = useStream(live?.stream, (stream) => stream.over) ?? false;
  const isOwn = live?.stream.isOwn ?? false;

  useEffect(() => {
    if (session === null || (known === null && !over)) return;
    void refresh(queries, ["messages", session], ["session", session], ["sessions"], ["usage"]);
    if (isOwn) streams.announce(session);
  }, [queries, streams, session, known, over, isOwn]);

  const newest = messages?.at(-1);
  const running = newest?.status === "streaming" ? newest.stream_id : null;
  useEffect(() => {
    if (session === null || running === null || streams.get(session) !== undefined) return;
    streams.put(session, { stream: LiveStream.following(running), asked: null, hides: null });
  }, [streams, session, running, live]); // also when one that ended makes room

  const isReleased = useStream(live?.stream, ({ connection }) => connection === "released") ?? false;
  useEffect(() => {
    if (isReleased && !isRunning) live?.stream.attach(); // only the end is left to be read
  }, [live, isReleased, isRunning]);

  const isElsewhere = isRunning && live === undefined;
  useEffect(() => {
    if (session !== null && isElsewhere) void refresh(queries, messageList(session).queryKey);
  }, [queries, session, isElsewhere]);

  useEffect(
    () =>
      streams.onAnnounced((elsewhere) => {
        void refresh(queries, ["sessions"], ["usage"]);
        const messages = ["messages", elsewhere];
        if (document.visibilityState === "hidden")
          void outdate(queries, messages); // reading it would mark it as read
        else void refresh(queries, messages);
      }),
    [queries, streams],
  );

  const length =
    useStream(live?.stream, ({ snapshot }) => (snapshot.terminal?.type === "done" ? snapshot.terminal.full_content.length : 0)) ??
    0; // a shorter one was read before the end
  const settled =
    over &&
    known !== null &&
    messages?.some(({ id, status, content }) => id === known && status !== "streaming" && content.length >= length) === true;
  useEffect(() => {
    if (session !== null && settled) streams.drop(session);
  }, [streams, session, settled]);

  useEffect(() => {
    streams.show(session);
    const look = (): void => streams.setVisible(document.visibilityState === "visible");
    const attend = (): void => {
      if (streams.get(session)?.stream.connection === "released") streams.attend();
    };
    document.addEventListener("visibilitychange", look);
    for (const event of ["focus", "pointerdown", "keydown"]) window.addEventListener(event, attend);
    return () => {
      document.removeEventListener("visibilitychange", look);
      for (const event of ["focus", "pointerdown", "keydown"]) window.removeEventListener(event, attend);
    };
  }, [streams, session, live]);
}
