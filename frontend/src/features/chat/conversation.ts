/** The messages of a session as server data, and what one can do with them. */

import { queryOptions, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";

import { answered, api } from "../../api/http";
import type { MessageAnswer } from "../../api/schema";
import type { Send } from "../../api/streams";
import { LiveStream } from "../../stores/live-stream";
import { useLiveReply, useLiveStreams } from "./streams";

export function messageList(session: number) {
  return queryOptions({
    queryKey: ["messages", session],
    queryFn: () =>
      answered(api.GET("/api/chatbot/sessions/{session_id}/messages", { params: { path: { session_id: session }, query: { limit: 500 } } })),
  });
}

export interface Conversation {
  say: (content: string) => Promise<void>;
  edit: (turn: MessageAnswer, content: string) => void;
  regenerate: (reply: MessageAnswer) => void;
  goOn: (reply: MessageAnswer) => void;
  show: (message: number) => Promise<void>;
}

/** What one can do in a session; without one, the first message makes it. */
export function useConversation(session: number | null): Conversation {
  const streams = useLiveStreams();
  const queries = useQueryClient();
  const [, navigate] = useLocation();

  const send = (message: Send, hides: number | null): void =>
    streams.put(message.session_id, { stream: LiveStream.sending(message), asked: message.content ?? null, hides });

  return {
    async say(content) {
      const id = session ?? (await answered(api.POST("/api/chatbot/sessions", { body: {} }))).id;
      send({ session_id: id, content }, null);
      if (session === null) navigate(`/c/${id}`);
    },
    edit(turn, content) {
      send({ session_id: turn.session_id, content, parent_id: turn.parent_id ?? 0 }, turn.id);
    },
    regenerate(reply) {
      send({ session_id: reply.session_id, regenerate: reply.id }, reply.id);
    },
    goOn(reply) {
      send({ session_id: reply.session_id, continue: reply.id }, reply.id);
    },
    async show(message) {
      if (session === null) return;
      const path = { session_id: session };
      await answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path }, body: { active_message_id: message } }));
      await queries.invalidateQueries({ queryKey: ["messages", session] });
    },
  };
}

/** Follows a reply that was found running, reads the conversation again when one begins or ends, and lets go of what is settled. */
export function useReplies(session: number | null, messages: MessageAnswer[] | undefined): void {
  const streams = useLiveStreams();
  const queries = useQueryClient();
  const live = useLiveReply(session);
  const known = live?.stream.snapshot.metadata?.assistant_message_id ?? null;
  const over = live?.stream.over ?? false;

  useEffect(() => {
    if (session === null || (known === null && !over)) return;
    void queries.invalidateQueries({ queryKey: ["messages", session] });
    void queries.invalidateQueries({ queryKey: ["sessions"] });
  }, [queries, session, known, over]);

  const newest = messages?.at(-1);
  const running = newest?.status === "streaming" ? newest.stream_id : null;
  useEffect(() => {
    if (session === null || running === null || streams.get(session) !== undefined) return;
    streams.put(session, { stream: LiveStream.following(running), asked: null, hides: null });
  }, [streams, session, running]);

  const settled = over && known !== null && messages?.some((message) => message.id === known && message.status !== "streaming") === true;
  useEffect(() => {
    if (session !== null && settled) streams.drop(session);
  }, [streams, session, settled]);

  useEffect(() => {
    streams.show(session);
    const look = (): void => streams.setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [streams, session, live]);
}
