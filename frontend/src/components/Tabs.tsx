import { useId, type ReactNode } from "react";

import { words } from "../words";

interface Props<T extends string> {
  label: string;
  titles: Readonly<Record<T, string>>;
  order: readonly T[];
  chosen: T;
  onChoose: (tab: T) => void;
  children: ReactNode;
}

/** One of several views of the same thing; the arrow keys go from one to the next. */
export function Tabs<T extends string>({ label, titles, order, chosen, onChoose, children }: Props<T>) {
  const id = useId();
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label}>
        {order.map((name, at) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={name === chosen ? 0 : -1}
            onClick={() => onChoose(name)}
            onKeyDown={(event) => {
              const onward = words.direction === "ltr" ? "ArrowRight" : "ArrowLeft";
              const step = event.key === onward ? 1 : event.key === "ArrowRight" || event.key === "ArrowLeft" ? -1 : 0;
              const to = order[(at + step + order.length) % order.length];
              if (step === 0 || to === undefined) return;
              onChoose(to);
              document.getElementById(`${id}-${to}`)?.focus();
            }}
          >
            {titles[name]}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>
        {children}
      </div>
    </>
  );
}
