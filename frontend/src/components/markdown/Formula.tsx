import { memo, useLayoutEffect, useRef, useState } from "react";

import { words } from "../../words";

/** Longer ones stay as they are written: setting them would hold up the page. */
const LONGEST = 2_000;

/** A formula is set at once. When that has taken more than so many milliseconds since the last turn, the rest wait in a queue, and each
 *  turn sets some of them. */
const TURN = 16;
const jobs: (() => void)[] = [];
let cost = 0;
let isScheduled = false;

function setSoon(job: () => void): void {
  if (jobs.length > 0 || cost > TURN) jobs.push(job);
  else work(job);
}

function work(job: () => void): void {
  if (!isScheduled) setTimeout(takeTurn);
  isScheduled = true;
  const start = performance.now();
  job();
  cost += performance.now() - start;
}

function takeTurn(): void {
  [isScheduled, cost] = [false, 0];
  while (cost <= TURN) {
    const job = jobs.shift();
    if (job === undefined) return;
    work(job);
  }
}

/** A formula; as it is written until it can be shown as it is printed. */
export const Formula = memo(function Formula({ text, display }: { text: string; display: boolean }) {
  const place = useRef<HTMLSpanElement>(null);
  const [shown, setShown] = useState<string | null>(null);
  const [isWide, setWide] = useState(false); // wider than the column, and nowhere to be broken: it scrolls by itself
  useLayoutEffect(() => {
    if (text.length > LONGEST) return;
    let isCurrent = true;
    import("./typeset").then(
      ({ typeset }) => {
        setSoon(() => {
          if (isCurrent && place.current !== null && typeset(text, display, place.current)) setShown(text);
        });
      },
      () => undefined, // what is written can be read too
    );
    return () => {
      isCurrent = false;
    };
  }, [text, display]);
  const isShown = shown === text;
  useLayoutEffect(() => {
    const column = place.current?.closest(".markdown")?.clientWidth ?? Infinity;
    if (isShown && !display && (place.current?.getBoundingClientRect().width ?? 0) > column) setWide(true);
  }, [isShown, display]);
  return (
    <span
      dir="ltr"
      data-copied={display ? `$$\n${text}\n$$` : `$${text}$`}
      className={display ? "formula display" : isWide ? "formula wide" : "formula"}
      tabIndex={display || isWide ? 0 : undefined}
      role={display || isWide ? "group" : undefined}
      aria-label={display || isWide ? words.markdown.formula : undefined}
    >
      {!isShown && <code>{text}</code>}
      <span ref={place} hidden={!isShown} />
    </span>
  );
});
