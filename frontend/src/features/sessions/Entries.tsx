import { memo, type CSSProperties } from "react";

import type { ListedSession } from "../../api/schema";
import { Entry } from "./Entry";

/** As many rows as are laid out, or left alone, together. */
const TOGETHER = 50;

interface Props {
  sessions: readonly ListedSession[];
  shown: number | null;
  /** Says in which folder a session is, where its place does not. */
  folderOf?: (session: ListedSession) => string | undefined;
  onChosen: () => void;
}

/** Sessions, one under the other, in blocks: a list of thousands is as fast as what is near and what has changed of it. */
export function Entries({ sessions, shown, folderOf, onChosen }: Props) {
  const blocks = Array.from({ length: Math.ceil(sessions.length / TOGETHER) }, (_, at) =>
    sessions.slice(at * TOGETHER, (at + 1) * TOGETHER),
  );
  return blocks.map((those, at) => (
    <Block
      key={at}
      sessions={those}
      shown={those.some(({ id }) => id === shown) ? shown : null}
      folders={folderOf && those.map(folderOf)}
      onChosen={onChosen}
    />
  ));
}

interface BlockProps extends Omit<Props, "folderOf"> {
  folders: readonly (string | undefined)[] | undefined;
}

const Block = memo(function Block({ sessions, shown, folders, onChosen }: BlockProps) {
  return (
    <ul className="block" style={{ "--own-rows": sessions.length } as CSSProperties}>
      {sessions.map((session, at) => (
        <Entry key={session.id} session={session} isShown={session.id === shown} folder={folders?.[at]} onChosen={onChosen} />
      ))}
    </ul>
  );
}, isSame);

function isSame(one: BlockProps, other: BlockProps): boolean {
  return (
    one.shown === other.shown &&
    one.onChosen === other.onChosen &&
    areSame(one.sessions, other.sessions) &&
    areSame(one.folders ?? [], other.folders ?? [])
  );
}

function areSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}
