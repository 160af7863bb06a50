/** What one can do in a session. */

import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useLocation } from "wouter";

import { addressOf } from "../../base";
import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import type { MessageAnswer, SessionSettings } from "../../api/schema";
import { requestId, type Send } from "../../api/streams";
import { reacted, together } from "../../api/together";
import { addWaiting } from "../../api/waiting";
import { documentsOf, type Picture } from "../../protocol/parts";
import type { Back } from "../../stores/conversation";
import { drafts, type Draft } from "../../stores/drafts";
import { notices } from "../../stores/notices";
import { speech } from "../../stores/speech";
import { focusComposer } from "./focus";
import { changeMessage } from "./messages";
import { useConversations } from "./streams";

export interface SessionActions {
  say: (draft: Draft) => Promise<void>;
  /** To be said after the reply that runs. */
  wait: (draft: Draft) => Promise<void>;
  edit: (turn: MessageAnswer, text: string, pictures: readonly Picture[]) => void;
  regenerate: (reply: MessageAnswer) => void;
  goOn: (reply: MessageAnswer) => void;
  show: (message: number) => Promise<void>;
  rate: (reply: MessageAnswer, rating: "good" | "bad" | null) => Promise<void>;
  /** A sign from whoever sits here, put there or taken away. */
  react: (message: MessageAnswer, emoji: string, isOn: boolean) => Promise<void>;
  /** Everybody's page goes there. */
  lead: (message: MessageAnswer) => Promise<void>;
}

/** Without a session, the first message makes it, with the settings that were chosen for it. */
export function useSessionActions(session: number | null, settings: SessionSettings, onMade: () => void): SessionActions {
  const conversations = useConversations();
  const queries = useQueryClient();
  const [, navigate] = useLocation();

  return useMemo(() => {
    const send = (message: Send, hides: number | null, back: Back): void => {
      speech.stop();
      conversations.send(message, hides, back);
      focusComposer();
    };
    return {
      async say({ text, documents, pictures, template }) {
        const chosen = template && { template_id: template.id, variables: template.variables };
        const back = { text, documents, pictures, template };
        let id = session;
        if (id === null) {
          drafts.sent(null, back);
          try {
            const body = { ...settings, ...chosen, ...(chosen && { system_prompt: null }) };
            id = (await answered(api.POST("/api/chatbot/sessions", { body }))).id;
          } catch (error) {
            drafts.giveBack(null, back, error instanceof Error ? error.message : String(error));
            return;
          }
          onMade();
          drafts.taken(null, back);
        }
        const message = { session_id: id, content: text, documents: [...documents], images: idsOf(pictures) };
        send({ ...message, ...(session !== null && chosen) }, null, back);
        if (session === null && location.pathname === addressOf("/")) {
          drafts.move(id);
          navigate(`/c/${id}`);
        }
      },
      async wait({ text, documents, pictures, template }) {
        if (session === null) return;
        const back = { text, documents, pictures, template };
        drafts.sent(session, back);
        try {
          if (template !== null) {
            const body = { template_id: template.id, variables: template.variables };
            const path = { session_id: session };
            await answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path }, body }));
          }
          await addWaiting(session, { text, documents, images: idsOf(pictures), id: requestId() });
          drafts.taken(session, back);
        } catch (error) {
          drafts.giveBack(session, back, error instanceof Error ? error.message : String(error));
        }
        await refresh(queries, ["waiting", session]);
      },
      edit(turn, text, pictures) {
        const message = { content: text, documents: documentsOf(turn.parts), images: idsOf(pictures) };
        send({ session_id: turn.session_id, ...message, parent_id: turn.parent_id ?? 0 }, turn.id, {
          edits: [{ turn: turn.id, text, pictures }],
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
      async react(message, emoji, isOn) {
        changeMessage(queries, reacted(message, emoji, isOn));
        try {
          await together.react(message.session_id, message.id, emoji, isOn);
        } catch (error) {
          told(error);
        }
        await refresh(queries, ["messages", message.session_id]);
      },
      async lead(message) {
        await together.follow(message.session_id, message.id).catch(told);
      },
    };
  }, [session, settings, onMade, conversations, queries, navigate]);
}

function idsOf(pictures: readonly Picture[]): string[] {
  return pictures.map(({ id }) => id);
}

export function told(error: unknown): void {
  notices.show(error instanceof Error ? error.message : String(error));
}
