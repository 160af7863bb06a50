/** The replies on their way, as React sees them. */

import { createContext, useContext, useSyncExternalStore } from "react";

import type { LiveStream } from "../../stores/live-stream";
import type { LiveReply, LiveStreams } from "../../stores/live-streams";

export const LiveStreamsContext = createContext<LiveStreams | null>(null);

export function useLiveStreams(): LiveStreams {
  const streams = useContext(LiveStreamsContext);
  if (streams === null) throw new Error("no LiveStreams around");
  return streams;
}

const never = (): (() => void) => () => undefined;

/** The session's reply on its way, if there is one. */
export function useLiveReply(session: number | null): LiveReply | undefined {
  const streams = useLiveStreams();
  return useSyncExternalStore(streams.subscribe, () => streams.get(session));
}

/** Something about a stream; renders again only when it becomes something else, not with each token. */
export function useStream<T extends string | number | boolean | null>(
  stream: LiveStream | undefined,
  read: (stream: LiveStream) => T,
): T | undefined {
  return useSyncExternalStore(stream?.subscribe ?? never, () => (stream === undefined ? undefined : read(stream)));
}

/** Renders again with each change of the stream, once a frame at most. */
export function useEachChange(stream: LiveStream | undefined): void {
  useStream(stream, ({ version }) => version);
}

export function useIsBusy(live: LiveReply | undefined): boolean {
  return useStream(live?.stream, ({ over }) => !over) ?? false;
}

/** How often something was said here; it grows with each time. */
export function useSentCount(): number {
  const streams = useLiveStreams();
  return useSyncExternalStore(streams.subscribe, () => streams.sent);
}
