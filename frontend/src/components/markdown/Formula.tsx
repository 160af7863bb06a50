import { memo, useLayoutEffect, useRef, useState } from "react";

import { words } from "../../words";

/** Longer ones stay as they are written: setting them would hold up the page. */
const LONGEST = 2_000;

/** Many formulas that come at once are set in turns of so many milliseconds. */
const TURN = 16;
const jobs: (() => void)[] = [];
let isWorking = false;

function soon(job: () => void): void {
  jobs.push(job);
  if (!isWorking) work();
}

function work(): void {
  const end = performance.now() + TURN;
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    job();
    if (performance.now() > end) break;
  }
  isWorking = jobs.length > 0;
  if (isWorking) setTimeout(work);
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
