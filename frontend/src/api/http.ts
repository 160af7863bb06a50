/** The gateway's API: typed calls, and one kind of error. */

import createClient from "openapi-fetch";

import { base } from "../base";
import { words } from "../words";
import type { paths } from "./schema";

/** `status` 0: the gateway was not reached. `code` is one of docs/reference/errors.md. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What else the answer holds, such as the `stream_id` of a busy session. */
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

const client = createClient<paths>({ baseUrl: base, credentials: "same-origin" });

export const api = client;

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's data. Throws ApiError. */
export async function answered<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch {
    throw unreachable();
  }
  if (!answer.response.ok) throw errorOf(answer.response.status, answer.error);
  return answer.data as T;
}

export function unreachable(): ApiError {
  return new ApiError(0, "gateway_unreachable", words.failure.unreachable);
}

/** The error in the body of an answer that is not 2xx. */
export function errorOf(status: number, said: unknown): ApiError {
  const body = typeof said === "object" && said !== null ? (said as Record<string, unknown>) : {};
  const code = typeof body["code"] === "string" ? body["code"] : "internal";
  const detail = typeof body["detail"] === "string" ? words.failure.problem(code, body["detail"]) : words.failure.status(status);
  return new ApiError(status, code, detail, body);
}
