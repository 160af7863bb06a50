import { ArrowDown } from "lucide-react";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";

import { words } from "../../words";
import { placeIn, type Place } from "./place";

const NEAR_PX = 48;
const EARLY_PX = 800;
const KEEP_MS = 150;

interface Props {
  box: RefObject<HTMLDivElement | null>;
  children: ReactNode;
  /** Somebody has come near the beginning of what is loaded. */
  onNearTop: () => void;
  /** Grows when the reader themselves said something: then the end is shown again, wherever they were. */
  sent: number;
  /** Somebody looks for a message: the end is not what they want to see. */
  isSought: boolean;
  /** Where one reads, some time after somebody scrolled; null: at the end. */
  onPlace: (place: Place | null) => void;
}

/** A column that follows its end until somebody scrolls up; a button brings the end back. */
export function Scroller({ box, children, onNearTop, sent, isSought, onPlace }: Props) {
  const column = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const before = useRef(0);
  const keeping = useRef<ReturnType<typeof setTimeout> | null>(null);
  const [isAway, setAway] = useState(false);

  const toEnd = (): void => {
    follows.current = true;
    setAway(false);
    box.current?.focus();
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };

  useEffect(() => {
    const pin = (): void => {
      if (!follows.current || !box.current) return;
      box.current.scrollTo({ top: box.current.scrollHeight });
      before.current = box.current.scrollTop;
    };
    const observer = new ResizeObserver(pin);
    for (const element of [column.current, box.current]) if (element) observer.observe(element);
    return () => observer.disconnect();
  }, [box]);

  const isSoughtFirst = useRef(isSought);
  useLayoutEffect(() => {
    if (isSoughtFirst.current) {
      isSoughtFirst.current = false;
      return;
    }
    follows.current = true;
    box.current?.scrollTo({ top: box.current.scrollHeight });
    before.current = box.current?.scrollTop ?? 0;
  }, [box, sent]);

  useLayoutEffect(() => {
    if (isSought) follows.current = false;
  }, [isSought]);

  const keep = (): void => {
    keeping.current = null;
    if (box.current) onPlace(follows.current ? null : placeIn(box.current));
  };
  const left = useEffectEvent(keep);
  useEffect(() => {
    const flush = (): void => {
      if (keeping.current !== null) left();
    };
    globalThis.addEventListener("pagehide", flush);
    return () => {
      globalThis.removeEventListener("pagehide", flush);
      if (keeping.current !== null) clearTimeout(keeping.current); // the entry in sight is another one by now
    };
  }, []);

  const look = (): void => {
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    const distance = scrollHeight - scrollTop - clientHeight;
    const isNear = distance < NEAR_PX;
    if (distance < 1) follows.current = true;
    else if (scrollTop < before.current - 1)
      follows.current = false; // somebody goes up, however slowly
    else if (isNear && scrollTop > before.current) follows.current = true;
    before.current = scrollTop;
    setAway(!isNear && !follows.current);
    if (scrollTop < EARLY_PX) onNearTop();
    if (!isSought) keeping.current ??= setTimeout(keep, KEEP_MS);
  };

  return (
    <div className="thread-frame">
      <div
        className="thread"
        ref={box}
        onScroll={look}
        onWheel={(event) => {
          if (event.deltaY < 0) follows.current = false; // at once, before the next piece of text pulls down again
        }}
        tabIndex={0}
        role="region"
        aria-label={words.thread.label}
      >
        <div className="column" ref={column}>
          {children}
        </div>
      </div>
      {isAway && (
        <button type="button" className="to-end" onClick={toEnd}>
          <ArrowDown aria-hidden /> {words.thread.toEnd}
        </button>
      )}
    </div>
  );
}
