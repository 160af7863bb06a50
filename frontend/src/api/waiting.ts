/** Messages that wait for the reply before them. The functions throw ApiError. */

import type { Document } from "../protocol/parts";
import { ApiError, answered, api } from "./http";
import type { WaitingAnswer, WaitingChanges } from "./schema";

/** What is to be said after the reply that runs. `id`: its name as a request; under the same name it is added once. */
export interface Next {
  text: string;
  documents: readonly Document[];
  images: readonly string[];
  id: string;
}

const TRIES = 3;

export function waitingIn(session: number): Promise<WaitingAnswer[]> {
  return answered(api.GET("/api/chatbot/sessions/{session_id}/waiting", { params: { path: { session_id: session } } }));
}

/** Adds it at the end, once, however often the connection breaks meanwhile. */
export async function addWaiting(session: number, { text, documents, images, id }: Next): Promise<void> {
  const body = { content: text, documents: [...documents], images: [...images], client_request_id: id };
  for (let tries = 1; ; tries++) {
    try {
      await answered(api.POST("/api/chatbot/sessions/{session_id}/waiting", { params: { path: { session_id: session } }, body }));
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0 || tries === TRIES) throw error;
    }
  }
}

export function changeWaiting(session: number, waiting: number, body: WaitingChanges): Promise<WaitingAnswer> {
  const path = { session_id: session, waiting_id: waiting };
  return answered(api.PATCH("/api/chatbot/sessions/{session_id}/waiting/{waiting_id}", { params: { path }, body }));
}

export function takeBack(session: number, waiting: number): Promise<WaitingAnswer> {
  const path = { session_id: session, waiting_id: waiting };
  return answered(api.DELETE("/api/chatbot/sessions/{session_id}/waiting/{waiting_id}", { params: { path } }));
}

export async function sendNow(session: number, waiting: number): Promise<void> {
  const path = { session_id: session, waiting_id: waiting };
  await answered(api.POST("/api/chatbot/sessions/{session_id}/waiting/{waiting_id}/send", { params: { path } }));
}
