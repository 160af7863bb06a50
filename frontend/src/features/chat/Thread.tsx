import { useEffect, useEffectEvent, useRef, useState, useSyncExternalStore, type ReactNode, type RefObject } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";

import type { MessageAnswer } from "../../api/schema";
import { AsWritten } from "../../components/AsWritten";
import { Boundary } from "../../components/Boundary";
import { WholeContext } from "../../components/whole";
import { textOf } from "../../protocol/parts";
import { commands } from "../../stores/commands";
import { drafts } from "../../stores/drafts";
import type { LiveReply } from "../../stores/conversation";
import { lastExchange, type Row } from "../../stores/rows";
import { words } from "../../words";
import { Answer } from "./Answer";
import { Author } from "./Author";
import { useReading } from "./company";
import { Find } from "./Find";
import { findField, focusFind } from "./focus";
import { keepPlace, placeOf, type Place } from "./place";
import { usePrinting } from "./print";
import { useAutoRead, useSpokenMark } from "./reading";
import type { SessionActions } from "./session-actions";
import { hasOlder, useOlder } from "./messages";
import { Scroller } from "./Scroller";
import { useIsBusy, useRows, useSentCount } from "./streams";
import { Said, Turn } from "./Turn";
import { WaitingMessages } from "./WaitingMessages";

const SETTLE_TRIES = 60;

interface Props {
  session: number | null;
  messages: MessageAnswer[];
  live: LiveReply | undefined;
  actions: SessionActions;
  /** A message that somebody looks for; `onSought` once it is in sight, or not to be found on this path. */
  sought: number | null;
  onSought: (isThere: boolean) => void;
  /** Stands where pictures are written to a model that cannot see them. */
  blind: ReactNode;
}

/** The conversation, and the reply on its way at its end. */
export function Thread({ session, messages, live, actions, sought, onSought, blind }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const older = useOlder(session);
  const sent = useSentCount();
  const edits = useSyncExternalStore(drafts.subscribe, () => drafts.get(session).edits);
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

  const [place, setPlace] = useState(() => (sought === null ? placeOf(session) : null));
  usePlace(place, () => setPlace(null), { found, edge, messages, older, list, box });
  const [isFinding, setFinding] = useState(false);
  useFindKey(() => setFinding(true));
  const bring = (key: string): void => {
    const at = found.findIndex((row) => row.key === key);
    if (at !== -1 && at < edge) list.current?.scrollToIndex(at, { align: "center" });
  };
  const { isPrinting, print } = usePrinting(older);
  useThreadCommands(() => setFinding(true), print);
  const reads = useReading(messages.at(-1)?.id);
  useAutoRead(session, live);
  useSpokenMark(box);

  const shown = (row: Row) => (
    <Boundary key={row.key} of={row.kind === "asked" ? row.parts : row.message} fallback={<Unreadable row={row} live={live} />}>
      {element(row)}
    </Boundary>
  );
  const element = (row: Row) => {
    switch (row.kind) {
      case "turn": {
        const isEdited = edits.some(({ turn }) => turn === row.message.id);
        return <Turn turn={row.message} busy={busy} isEdited={isEdited} actions={actions} blind={blind} />;
      }
      case "asked":
        return (
          <article className="turn">
            <Author of={null} />
            <Said parts={row.parts} />
            <footer />
          </article>
        );
      default:
        return <Answer message={row.message} live={row.kind === "live" ? live : undefined} busy={busy} actions={actions} />;
    }
  };
  return (
    <Scroller
      box={box}
      onNearTop={() => void older()}
      sent={sent}
      isSought={sought !== null || place !== null || isFinding}
      onPlace={(now) => {
        if (session !== null) keepPlace(session, now);
        reads(now?.message ?? null);
      }}
    >
      {isFinding && <Find rows={found} box={box} bring={bring} older={older} onClose={() => setFinding(false)} />}
      {isPrinting ? (
        <WholeContext value>{before.map(shown)}</WholeContext>
      ) : (
        <Virtualizer ref={list} scrollRef={box} shift={shift} bufferSize={400} data={before}>
          {shown}
        </Virtualizer>
      )}
      {found.slice(edge).map(shown)}
      {session !== null && <WaitingMessages session={session} messages={messages} busy={busy} />}
    </Scroller>
  );
}

interface Surroundings {
  found: Row[];
  edge: number;
  messages: MessageAnswer[];
  older: () => Promise<boolean>;
  list: RefObject<VirtualizerHandle | null>;
  box: RefObject<HTMLDivElement | null>;
}

/** Returns to where one read, however far above that is. */
function usePlace(place: Place | null, onDone: () => void, { found, edge, messages, older, list, box }: Surroundings): void {
  const tries = useRef(0);
  useEffect(() => {
    if (place === null || messages.length === 0) return;
    const at = found.findIndex(({ key }) => key === `${place.message}`);
    if (at === -1) {
      if (hasOlder(messages)) void older();
      else onDone();
      return;
    }
    const settle = (): void => {
      const message = document.getElementById(`message-${place.message}`);
      if (message === null) list.current?.scrollToIndex(at, { align: "start" });
      else if (box.current !== null) {
        const off = box.current.getBoundingClientRect().top - message.getBoundingClientRect().top;
        box.current.scrollTop += place.above - off;
        if (Math.abs(place.above - off) < 2) {
          onDone();
          return;
        }
      }
      if (tries.current++ < SETTLE_TRIES) timer = requestAnimationFrame(settle);
      else onDone();
    };
    let timer = requestAnimationFrame(settle);
    return () => cancelAnimationFrame(timer);
  }, [place, found, edge, messages, older, list, box, onDone]);
}

/** Ctrl+F looks in the whole conversation; pressed once more in its field, the browser looks in what is on the screen. */
function useFindKey(open: () => void): void {
  const opened = useEffectEvent(open);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "f" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      const field = findField();
      if (document.querySelector("dialog[open]") !== null || (field !== null && document.activeElement === field)) return;
      event.preventDefault();
      opened();
      focusFind();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function useThreadCommands(find: () => void, print: () => Promise<void>): void {
  const run = useEffectEvent((what: "find" | "print") => (what === "find" ? find() : void print()));
  useEffect(
    () =>
      commands.add([
        { title: words.find.command, run: () => run("find") },
        { title: words.thread.print, run: () => run("print") },
      ]),
    [],
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
