import { useLayoutEffect, useRef } from "react";

import { CopyButton } from "./CopyButton";

interface Props {
  value: string;
  /** What it is, what to do with it now, and what copies it. */
  title: string;
  about: string;
  copy: string;
}

/** Something that is shown this once, to be copied; the focus is led to it. */
export function Secret({ value, title, about, copy }: Props) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <>
      <p role="status">{about}</p>
      <div className="secret">
        <input ref={field} readOnly dir="ltr" aria-label={title} value={value} onFocus={(event) => event.currentTarget.select()} />
        <CopyButton text={value} label={copy} />
      </div>
    </>
  );
}
