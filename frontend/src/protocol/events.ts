/** The events of a reply's stream, as docs/protocols/http-stream.md describes them. */

type Stage = "queued" | "loading" | "prompt" | "unreachable" | "recovering";
type FinishReason = "stop" | "length" | "cancelled" | "tool_calls" | "content_filter";

export interface Metadata {
  type: "metadata";
  /** Null: a run that is not about a session. */
  session_id: number | null;
  user_message_id: number | null;
  session_key: string;
  stream_id: string | null;
  assistant_message_id: number | null;
  mode: "sse" | "mqtt" | null;
  model: string | null;
  simulated: boolean | null;
  rebuilt?: boolean;
  /** UTF-16 units of the text that the reply goes on with; the first chunk repeats it. */
  continues?: number;
  /** Where several servers are configured: the one that answers. */
  server?: string;
}

export interface Progress {
  type: "progress";
  stage: Stage;
  /** Runs that start before this one. */
  position?: number;
  /** Prompt tokens. */
  processed?: number;
  total?: number;
  cached?: number;
  model?: string;
  simulated?: boolean;
  /** The code of the error that is being waited out; in the stage `recovering`, of what broke the reply off. */
  reason?: string;
  /** The model begins to think, and its thinking can be ended. */
  can_answer_now?: boolean;
  /** Where the reply comes from after all; they replace those in the metadata. */
  server?: string;
  mode?: "sse" | "mqtt";
}

interface Thinking {
  type: "thinking";
  content: string;
}

interface Chunk {
  type: "chunk";
  content: string;
}

/** A piece of a tool call: `id` and `name` come once, `arguments` is the next piece of JSON text. */
export interface ToolCall {
  type: "tool_call";
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
}

/** What a tool answered, whole. `id`: of its call. */
export interface ToolResult {
  type: "tool_result";
  id: string | null;
  content: string;
}

/** Text that came under the wrong name: from `start` (UTF-16 units) on it moves to the end of what it really is. */
export interface Relabel {
  type: "relabel";
  to: "thinking" | "answer";
  start: number;
}

/** A picture that the model returned, at this place of the answer. `media`: its name in the store of the reply's owner. */
interface Image {
  type: "image";
  media: string;
  width: number | null;
  height: number | null;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cached_tokens: number | null;
  /** The model's server did not say, so the gateway estimated. */
  estimated?: boolean;
}

export interface Timings {
  queued_ms: number | null;
  first_token_ms: number | null;
  total_ms: number | null;
  tokens_per_second: number | null;
}

export interface Done {
  type: "done";
  assistant_message_id: number | null;
  full_content: string;
  finish_reason: FinishReason;
  /** The name of who stopped it, in a session of several people. */
  stopped_by?: string | null;
  model: string | null;
  simulated: boolean | null;
  usage: Usage | null;
  timings: Timings | null;
}

export interface Failure {
  type: "error";
  message: string;
  code: string;
  retryable: boolean;
  assistant_message_id: number | null;
}

export type StreamEvent = Metadata | Progress | Thinking | Chunk | ToolCall | ToolResult | Relabel | Image | Done | Failure;

/** An event with its number in the stream; numbers start at 1 and have no gaps. null: a type that we do not know. */
export interface Numbered {
  id: number;
  event: StreamEvent | null;
}

const TYPES: Readonly<Record<StreamEvent["type"], true>> = {
  metadata: true,
  progress: true,
  thinking: true,
  chunk: true,
  tool_call: true,
  tool_result: true,
  relabel: true,
  image: true,
  done: true,
  error: true,
};

/** The event in a `data` line; null for a type that we do not know. Throws SyntaxError for what is no JSON. */
export function decode(data: string): StreamEvent | null {
  return eventOf(JSON.parse(data));
}

/** The same of JSON that was read already. */
export function eventOf(found: unknown): StreamEvent | null {
  return isEvent(found) ? found : null;
}

function isEvent(value: unknown): value is StreamEvent {
  return typeof value === "object" && value !== null && "type" in value && Object.hasOwn(TYPES, String(value.type));
}

export function isTerminal(event: StreamEvent): event is Done | Failure {
  return event.type === "done" || event.type === "error";
}
