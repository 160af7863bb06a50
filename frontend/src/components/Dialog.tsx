import { X } from "lucide-react";
import { useLayoutEffect, useRef, type ReactNode } from "react";

import { words } from "../words";

/** A dialog over the page; Esc and a click beside it close it, and focus goes back to where it was. */
export function Dialog({
  title,
  onClose,
  children,
  shape,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** `viewer`: as large as the window. */
  shape?: "wide" | "viewer";
}) {
  const box = useRef<HTMLDialogElement>(null);
  const body = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    body.current?.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
    return () => {
      // Once the dialog is gone: while it stands over the page, nothing else takes the focus.
      queueMicrotask(() => {
        if (before instanceof HTMLElement && document.activeElement === document.body) before.focus();
      });
    };
  }, []);
  return (
    <dialog
      ref={box}
      className={shape}
      aria-label={title}
      onClose={onClose}
      onCancel={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.stopPropagation(); // it closes this, and stops no reply
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <div className="dialog">
        <header>
          <h2>{title}</h2>
          <button type="button" className="quiet icon" aria-label={words.common.close} onClick={() => box.current?.close()}>
            <X aria-hidden />
          </button>
        </header>
        <div className="body" ref={body}>
          {children}
        </div>
      </div>
    </dialog>
  );
}
