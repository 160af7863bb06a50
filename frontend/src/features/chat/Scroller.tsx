import { ArrowDown } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";

const NEAR_PX = 48;
const EARLY_PX = 800;

interface Props {
  box: RefObject<HTMLDivElement | null>;
  children: ReactNode;
  /** Somebody has come near the beginning of what is loaded. */
  onNearTop: () => void;
  /** Grows when the reader themselves said something: then the end is shown again, wherever they were. */
  sent: number;
}

/** A column that follows its end until somebody scrolls up; a button brings the end back. */
export function Scroller({ box, children, onNearTop, sent }: Props) {
  const column = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const before = useRef(0);
  const [isAway, setAway] = useState(false);

  const toEnd = (): void => {
    follows.current = true;
    setAway(false);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };

  useEffect(() => {
    const pin = (): void => {
      if (follows.current) box.current?.scrollTo({ top: box.current.scrollHeight });
    };
    const observer = new ResizeObserver(pin);
    for (const element of [column.current, box.current]) if (element) observer.observe(element);
    return () => observer.disconnect();
  }, [box]);

  useLayoutEffect(() => {
    follows.current = true;
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [box, sent]);

  const look = (): void => {
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (isNear) follows.current = true;
    else if (scrollTop < before.current - 1) follows.current = false;
    before.current = scrollTop;
    setAway(!isNear && !follows.current);
    if (scrollTop < EARLY_PX) onNearTop();
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
        aria-label="Conversation"
      >
        <div className="column" ref={column}>
          {children}
        </div>
      </div>
      {isAway && (
        <button type="button" className="to-end" onClick={toEnd}>
          <ArrowDown aria-hidden /> To the end
        </button>
      )}
    </div>
  );
}
