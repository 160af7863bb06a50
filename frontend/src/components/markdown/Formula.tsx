import { memo, useLayoutEffect, useRef, useState } from "react";

/** Longer ones stay as they are written: setting them would hold up the page. */
const LONGEST = 2_000;

/** A formula; as it is written until it can be shown as it is printed. */
export const Formula = memo(function Formula({ text, display }: { text: string; display: boolean }) {
  const place = useRef<HTMLSpanElement>(null);
  const [shown, setShown] = useState<string | null>(null);
  useLayoutEffect(() => {
    if (text.length > LONGEST) return;
    let isCurrent = true;
    import("./typeset").then(
      ({ typeset }) => {
        if (isCurrent && place.current !== null && typeset(text, display, place.current)) setShown(text);
      },
      () => undefined, // what is written can be read too
    );
    return () => {
      isCurrent = false;
    };
  }, [text, display]);
  const isShown = shown === text;
  return (
    <span
      className={display ? "formula display" : "formula"}
      tabIndex={display ? 0 : undefined}
      role={display ? "group" : undefined}
      aria-label={display ? "Formula" : undefined}
    >
      {!isShown && <code>{text}</code>}
      <span ref={place} hidden={!isShown} />
    </span>
  );
});
