/** What one can do in a session. */

import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useLocation } from "wouter";

import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import type { MessageAnswer, SessionSettings } from "../../api/schema";
import type { Send } from "../../api/streams";
import { documentsOf } from "../../protocol/parts";
import type { Back } from "../../stores/conversation";
import type { Draft } from "../../stores/drafts";
import { notices } from "../../stores/notices";
import { focusComposer } from "./focus";
import { changeMessage } from "./messages";
import { useConversations } from "./streams";

export interface SessionActions {
  say: (draft: Draft) => Promise<void>;
  edit: (turn: MessageAnswer, text: string) => void;
  regenerate: (reply: MessageAnswer) => void;
  goOn: (reply: MessageAnswer) => void;
  show: (message: number) => Promise<void>;
  rate: (reply: MessageAnswer, rating: "good" | "bad" | null) => Promise<void>;
}

/** Without a session, the first message makes it, with the settings that were chosen for it. */
export function useSessionActions(session: number | null, settings: SessionSettings, onMade: () => void): SessionActions {
  const conversations = useConversations();
  const queries = useQueryClient();
  const [, navigate] = useLocation();

  return useMemo(() => {
    const send = (message: Send, hides: number | null, back: Back): void => {
      conversations.send(message, hides, back);
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
  }, [session, settings, onMade, conversations, queries, navigate]);
}

export function told(error: unknown): void {
  notices.show(error instanceof Error ? error.message : String(error));
}
