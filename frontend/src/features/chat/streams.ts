/** The replies on their way, as React sees them. */

import { createContext, useContext, useSyncExternalStore } from "react";

import type { LiveReply, LiveStreams } from "../../stores/live-streams";

export const LiveStreamsContext = createContext<LiveStreams | null>(null);

export function useLiveStreams(): LiveStreams {
  const streams = useContext(LiveStreamsContext);
  if (streams === null) throw new Error("no LiveStreams around");
  return streams;
}

const never = (): (() => void) => () => undefined;

/** The session's reply on its way; renders again with each change of it. */
export function useLiveReply(session: number | null): LiveReply | undefined {
  const streams = useLiveStreams();
  const reply = useSyncExternalStore(streams.subscribe, () => streams.get(session));
  useSyncExternalStore(reply?.stream.subscribe ?? never, () => reply?.stream.version ?? 0);
  return reply;
}
