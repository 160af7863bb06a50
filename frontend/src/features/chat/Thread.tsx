import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";

import type { MessageAnswer } from "../../api/schema";
import { AsWritten } from "../../components/AsWritten";
import { Boundary } from "../../components/Boundary";
import { textOf } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import type { LiveReply } from "../../stores/conversation";
import { lastExchange, type Row } from "../../stores/rows";
import { words } from "../../words";
import { Answer } from "./Answer";
import type { SessionActions } from "./session-actions";
import { hasOlder, useOlder } from "./messages";
import { Scroller } from "./Scroller";
import { useIsBusy, useRows, useSentCount } from "./streams";
import { Said, Turn } from "./Turn";

interface Props {
  session: number | null;
  messages: MessageAnswer[];
  live: LiveReply | undefined;
  actions: SessionActions;
  /** A message that somebody looks for; `onSought` once it is in sight, or not to be found on this path. */
  sought: number | null;
  onSought: (isThere: boolean) => void;
}

/** The conversation, and the reply on its way at its end. */
export function Thread({ session, messages, live, actions, sought, onSought }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const older = useOlder(session);
  const sent = useSentCount();
  const edited = useSyncExternalStore(drafts.subscribe, () => drafts.get(session).edit?.turn ?? null);
  const busy = useIsBusy(live);
  const found = useRows(session);
  const edge = lastExchange(found);
  const before = found.slice(0, edge);
  const shift = useIsPrepended(before);

  useEffect(() => {
    if (sought === null) return;
    const at = found.findIndex(({ key }) => key === `${sought}`);
    if (at !== -1) {
      if (at < edge) list.current?.scrollToIndex(at, { align: "center" });
      requestAnimationFrame(() => onSought(true));
    } else if (hasOlder(messages)) {
      void older();
    } else if (messages.length > 0) {
      onSought(false);
    }
  });

  const shown = (row: Row) => (
    <Boundary key={row.key} of={row.kind === "asked" ? row.parts : row.message} fallback={<Unreadable row={row} live={live} />}>
      {element(row)}
    </Boundary>
  );
  const element = (row: Row) => {
    switch (row.kind) {
      case "turn":
        return <Turn turn={row.message} busy={busy} isEdited={edited === row.message.id} actions={actions} />;
      case "asked":
        return (
          <article className="turn">
            <Said parts={row.parts} />
            <footer />
          </article>
        );
      default:
        return <Answer message={row.message} live={row.kind === "live" ? live : undefined} busy={busy} actions={actions} />;
    }
  };
  return (
    <Scroller box={box} onNearTop={() => void older()} sent={sent} isSought={sought !== null}>
      <Virtualizer ref={list} scrollRef={box} shift={shift} bufferSize={400} data={before}>
        {shown}
      </Virtualizer>
      {found.slice(edge).map(shown)}
    </Scroller>
  );
}

/** A message that could not be shown as it was meant, as it was written. */
function Unreadable({ row, live }: { row: Row; live: LiveReply | undefined }) {
  const stored: unknown = row.kind === "asked" ? textOf(row.parts) : row.message?.content;
  const text = row.kind === "live" && live !== undefined ? live.stream.snapshot.text : stored;
  return (
    <article className={row.kind === "turn" || row.kind === "asked" ? "turn" : "answer"}>
      <AsWritten text={typeof text === "string" ? text : ""} />
      <p className="problem">{words.broken.message}</p>
    </article>
  );
}

/** Whether the last change of the list came at its beginning: then what is in sight must stay where it is. */
function useIsPrepended(list: Row[]): boolean {
  const first = list[0]?.key;
  const [last, setLast] = useState({ first, length: list.length, isPrepended: false });
  if (last.first === first && last.length === list.length) return last.isPrepended;
  const isPrepended = last.first !== undefined && last.first !== first && list.some(({ key }) => key === last.first);
  setLast({ first, length: list.length, isPrepended });
  return isPrepended;
}
