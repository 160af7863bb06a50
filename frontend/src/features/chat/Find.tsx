import { ChevronDown, ChevronUp, X } from "lucide-react";
import { useDeferredValue, useEffect, useEffectEvent, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from "react";

import { isComposing } from "../../components/keys";
import { occurrences } from "../../protocol/occurrences";
import type { Row } from "../../stores/rows";
import { words } from "../../words";
import { findRef } from "./focus";
import { paint } from "./marks";
import { rangesIn, textToFind } from "./plain";

/** How often, and how long, a message that comes into sight is looked at until it is built. */
const AGAIN_MS = 50;
const TRIES = 40;
const REPAINT_MS = 100;

interface Props {
  rows: Row[];
  box: RefObject<HTMLDivElement | null>;
  /** Brings a message into sight, as far as it is not there. */
  bring: (key: string) => void;
  /** Fetches what is above; false where there is nothing more. */
  older: () => Promise<boolean>;
  onClose: () => void;
}

/** One place where it is found: the message, and which of the places in it. */
interface Place {
  key: string;
  nth: number;
}

/** Looks for a text in the whole conversation, also in messages that are out of sight. */
export function Find({ rows, box, bring, older, onClose }: Props) {
  const [text, setText] = useState("");
  const [current, setCurrent] = useState<Place | null>(null);
  const isWhole = useAll(older);
  const question = useDeferredValue(text);
  const places = useMemo(() => placesOf(rows, question), [rows, question]);
  const at = current === null ? -1 : places.findIndex(({ key, nth }) => key === current.key && nth === current.nth);
  usePaint(box, question, current);
  useReveal(box, question, at === -1 ? null : current, bring);

  const begin = useEffectEvent(() => {
    const first = topOf(box.current);
    const from = places.findIndex(({ key }) => Number(key) >= first);
    setCurrent(places[Math.max(0, from)] ?? null);
  });
  const hasPlaces = places.length > 0;
  useEffect(() => {
    const timer = setTimeout(begin);
    return () => clearTimeout(timer);
  }, [question, hasPlaces]);

  const step = (by: 1 | -1): void => {
    if (places.length > 0) setCurrent(places[(at + by + places.length) % places.length] ?? null);
  };
  const press = (event: KeyboardEvent): void => {
    if (isComposing(event)) return;
    if (event.key === "Enter") {
      event.preventDefault();
      step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.stopPropagation(); // it closes this, and stops no reply
      onClose();
    }
  };
  return (
    <search className="find" onKeyDown={press}>
      <input
        ref={findRef}
        type="text"
        enterKeyHint="search"
        aria-label={words.find.label}
        placeholder={words.find.label}
        value={text}
        autoFocus
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <span className="muted" role="status">
        {counted(question, at, places.length, isWhole)}
      </span>
      <button
        type="button"
        className="quiet icon"
        title={words.find.previousHint}
        aria-label={words.find.previous}
        onClick={() => step(-1)}
      >
        <ChevronUp aria-hidden />
      </button>
      <button type="button" className="quiet icon" title={words.find.nextHint} aria-label={words.find.next} onClick={() => step(1)}>
        <ChevronDown aria-hidden />
      </button>
      <button type="button" className="quiet icon" aria-label={words.find.close} onClick={onClose}>
        <X aria-hidden />
      </button>
    </search>
  );
}

function counted(question: string, at: number, count: number, isWhole: boolean): string {
  if (question.trim() === "") return "";
  if (!isWhole) return words.find.loading(count);
  return count === 0 ? words.find.none : words.find.at(at + 1, count);
}

/** Fetches all that is above; whether it is all there. */
function useAll(older: () => Promise<boolean>): boolean {
  const [isWhole, setWhole] = useState(false);
  const next = useEffectEvent(older);
  useEffect(() => {
    const end = new AbortController();
    const load = async (): Promise<void> => {
      while (!end.signal.aborted && (await next())) continue;
      if (!end.signal.aborted) setWhole(true);
    };
    void load();
    return () => end.abort();
  }, []);
  return isWhole;
}

function placesOf(rows: Row[], question: string): Place[] {
  return rows.flatMap((row) => {
    const text = textToFind(row);
    return text === null ? [] : occurrences(text, question).map((_, nth) => ({ key: row.key, nth }));
  });
}

/** The number of the first message in sight. */
function topOf(box: HTMLElement | null): number {
  if (box === null) return 0;
  const { top } = box.getBoundingClientRect();
  const first = [...box.querySelectorAll("[id^='message-']")].find((one) => one.getBoundingClientRect().bottom > top);
  return Number(first?.id.slice("message-".length) ?? 0);
}

/** Marks all places that are on the page, again whenever other messages come onto it. */
function usePaint(box: RefObject<HTMLDivElement | null>, question: string, current: Place | null): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const repaint = (): void => {
      timer = null;
      const [all, now]: [Range[], Range[]] = [[], []];
      for (const message of box.current?.querySelectorAll("[id^='message-']") ?? []) {
        const ranges = rangesIn(message, (text) => occurrences(text, question));
        ranges.forEach((range, nth) => {
          const isNow =
            current !== null && message.id === `message-${current.key}` && nth === Math.min(current.nth, ranges.length - 1);
          (isNow ? now : all).push(range);
        });
      }
      paint("found", all);
      paint("found-now", now);
    };
    const observer = new MutationObserver(() => (timer ??= setTimeout(repaint, REPAINT_MS)));
    if (box.current) observer.observe(box.current, { childList: true, characterData: true, subtree: true });
    repaint();
    return () => {
      observer.disconnect();
      if (timer !== null) clearTimeout(timer);
      paint("found", []);
      paint("found-now", []);
    };
  }, [box, question, current]);
}

/** Brings the current place into sight, once its message is there and built that far. */
function useReveal(
  box: RefObject<HTMLDivElement | null>,
  question: string,
  current: Place | null,
  bring: (key: string) => void,
): void {
  const brought = useRef(bring);
  useEffect(() => {
    brought.current = bring;
  });
  const { key, nth } = current ?? { key: null, nth: 0 };
  useEffect(() => {
    if (key === null) return;
    let tries = 0;
    const look = (): void => {
      const message = document.getElementById(`message-${key}`);
      const ranges = message === null ? [] : rangesIn(message, (text) => occurrences(text, question));
      const range = ranges[nth] ?? (tries >= TRIES ? ranges.at(-1) : undefined);
      if (range !== undefined && box.current !== null) centre(box.current, range);
      else if (tries++ < TRIES) {
        if (message === null) brought.current(key);
        timer = setTimeout(look, AGAIN_MS);
      }
    };
    let timer = setTimeout(look);
    return () => clearTimeout(timer);
  }, [box, question, key, nth]);
}

function centre(box: HTMLElement, range: Range): void {
  const [around, found] = [box.getBoundingClientRect(), range.getBoundingClientRect()];
  const isInSight = found.top >= around.top + around.height / 8 && found.bottom <= around.bottom - around.height / 8;
  if (!isInSight) box.scrollTop += found.top - around.top - around.height / 3;
  range.startContainer.parentElement?.closest("pre, .table-scroll")?.scrollTo({ left: 0 });
}
