import { memo, useLayoutEffect, useRef, useState } from "react";

import { words } from "../../words";

/** Longer ones stay as they are written: setting them would hold up the page. */
const LONGEST = 2_000;

/** Formulas are set at once, but in a turn no more than take so many milliseconds; many that come together take turns. */
const TURN = 16;
const jobs: (() => void)[] = [];
let spent = 0;
let isTurn = false;

function soon(job: () => void): void {
  if (jobs.length > 0 || spent > TURN) jobs.push(job);
  else work(job);
}

function work(job: () => void): void {
  if (!isTurn) setTimeout(turn);
  isTurn = true;
  const start = performance.now();
  job();
  spent += performance.now() - start;
}

function turn(): void {
  [isTurn, spent] = [false, 0];
  while (spent <= TURN) {
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
        soon(() => {
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
