import { MoreHorizontal } from "lucide-react";
import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode, type RefObject } from "react";

export interface MenuItem {
  label: string;
  /** Present: the item is on or off. */
  checked?: boolean;
  danger?: boolean;
  run: () => void;
}

/** A button that opens a list of things to do: arrows, Home, End and first letters move in it, Esc and Tab close it. */
export function Menu({ label, items, icon }: { label: string; items: readonly MenuItem[]; icon?: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useId();
  return (
    <>
      <button
        ref={button}
        type="button"
        className="quiet icon"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? list : undefined}
        onClick={() => setOpen(true)}
      >
        {icon ?? <MoreHorizontal aria-hidden />}
      </button>
      {isOpen && (
        <Items
          id={list}
          label={label}
          items={items}
          button={button}
          onClose={() => {
            setOpen(false);
            button.current?.focus();
          }}
        />
      )}
    </>
  );
}

function Items({
  id,
  label,
  items,
  button,
  onClose,
}: {
  id: string;
  label: string;
  items: readonly MenuItem[];
  button: RefObject<HTMLElement | null>;
  onClose: () => void;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const menu = box.current;
    if (menu === null || button.current === null) return;
    menu.showModal();
    place(menu, button.current.getBoundingClientRect());
    menu.querySelector("button")?.focus();
  }, [button]);
  const onKeyDown = (event: KeyboardEvent<HTMLDialogElement>): void => {
    const buttons = [...event.currentTarget.querySelectorAll("button")];
    const at = buttons.findIndex((one) => one === document.activeElement);
    const next = moved(event.key, at, items);
    if (event.key === "Tab") event.currentTarget.close();
    else if (event.key === "Escape") {
      event.stopPropagation(); // it closes this, and stops no reply
      return;
    } else if (next === null) return;
    else buttons[next]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <dialog
      ref={box}
      className="menu"
      aria-label={label}
      onClose={onClose}
      onCancel={(event) => event.stopPropagation()}
      onKeyDown={onKeyDown}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <ul role="menu" id={id} aria-label={label}>
        {items.map(({ label: text, checked, danger, run }) => (
          <li key={text} role="none">
            <button
              type="button"
              role={checked === undefined ? "menuitem" : "menuitemcheckbox"}
              aria-checked={checked}
              tabIndex={-1}
              className={danger ? "danger" : undefined}
              onClick={() => {
                box.current?.close(); // it holds the focus while it is open
                onClose();
                run();
              }}
            >
              {text}
            </button>
          </li>
        ))}
      </ul>
    </dialog>
  );
}

/** Which item a key goes to, null for a key that goes nowhere. */
function moved(key: string, at: number, items: readonly MenuItem[]): number | null {
  const count = items.length;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at + count - 1) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key.length !== 1 || key === " ") return null;
  const order = items.map((_, step) => (at + 1 + step) % count);
  return order.find((index) => items[index]?.label.toLowerCase().startsWith(key.toLowerCase())) ?? null;
}

/** Below the button, above it where there is no room, and never beyond the window. */
function place(menu: HTMLElement, button: DOMRect): void {
  const { width, height } = menu.getBoundingClientRect();
  const isRightToLeft = getComputedStyle(menu).direction === "rtl";
  const left = isRightToLeft ? button.left : button.right - width;
  const top = button.bottom + height > innerHeight ? button.top - height : button.bottom;
  menu.style.left = `${Math.max(0, Math.min(left, innerWidth - width))}px`;
  menu.style.top = `${Math.max(0, Math.min(top, innerHeight - height))}px`;
}
