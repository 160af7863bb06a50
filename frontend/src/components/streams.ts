/** Something that changes while one looks, such as a reply on its way, as React sees it. */

import { useSyncExternalStore } from "react";

interface Changing {
  subscribe: (listener: () => void) => () => void;
}

const never = (): (() => void) => () => undefined;

/** Something about a stream; renders again only when it becomes something else, not with each token. */
export function useStream<S extends Changing, T extends string | number | boolean | null>(
  stream: S | undefined,
  read: (stream: S) => T,
): T | undefined {
  return useSyncExternalStore(stream?.subscribe ?? never, () => (stream === undefined ? undefined : read(stream)));
}

/** Renders again with each change of the stream, once a frame at most. */
export function useEachChange(stream: (Changing & { readonly version: number }) | undefined): void {
  useStream(stream, ({ version }) => version);
}
