import { memo, useRef, useState, type KeyboardEvent } from "react";

import type { Cell, Spec } from "../../api/lab";
import type { LabRow, LabView } from "../../stores/lab";
import { words } from "../../words";
import { next } from "./moves";
import { rowName } from "./names";
import { markOf, sentenceOf, type Mark } from "./outcome";

const MARKS: readonly Mark[] = ["waiting", "running", "passed", "missed", "ended", "failed", "stopped"];
const SIGNS: Readonly<Record<Mark, string>> = {
  waiting: "",
  running: "●",
  passed: "✓",
  missed: "✕",
  ended: "=",
  failed: "!",
  stopped: "–",
};

/** All trials: a row for each prompt, model and setting, in it a sign for each task. Arrow keys go from one to the next. */
export function Matrix({ view, onOpen }: { view: LabView; onOpen: (cell: number) => void }) {
  const { spec } = view.run;
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [about, setAbout] = useState<Cell | null>(null);
  const first = view.rows[0]?.cells[0]?.number ?? null;
  const current = at ?? first;
  const now = about === null ? undefined : view.rows.flatMap(({ cells }) => cells).find(({ number }) => number === about.number);

  const onKeyDown = (event: KeyboardEvent): void => {
    const target = next(view.rows, current, event.key);
    if (target === null) return;
    event.preventDefault();
    setAt(target);
    box.current?.querySelector<HTMLElement>(`[data-cell="${target}"]`)?.focus();
  };
  const used = new Set(view.rows.flatMap(({ cells }) => cells.map(markOf)));
  return (
    <section className="matrix">
      <div
        ref={box}
        className="grid-scroll"
        role="grid"
        aria-label={words.lab.matrix}
        aria-readonly
        onKeyDown={onKeyDown}
        onMouseLeave={() => setAbout(null)}
      >
        {view.rows.map((row) => (
          <Row
            key={`${row.template} ${row.model} ${row.setting}`}
            row={row}
            spec={spec}
            current={row.cells.some(({ number }) => number === current) ? current : null}
            onOpen={onOpen}
            onLook={setAbout}
          />
        ))}
      </div>
      <p className="muted about" aria-hidden>
        {now === undefined ? words.lab.matrixHint : sentenceOf(spec, now)}
      </p>
      <ul className="legend muted">
        {MARKS.filter((mark) => used.has(mark)).map((mark) => (
          <li key={mark}>
            <span className="cell" data-mark={mark} aria-hidden>
              {SIGNS[mark]}
            </span>
            {words.lab.marks[mark]}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface RowProps {
  row: LabRow;
  spec: Spec;
  /** The trial that the keyboard is at, where it is in this row. */
  current: number | null;
  onOpen: (cell: number) => void;
  onLook: (cell: Cell) => void;
}

const Row = memo(function Row({ row, spec, current, onOpen, onLook }: RowProps) {
  return (
    <div role="row" className="trials">
      <span role="rowheader" className="title" title={rowName(spec, row)}>
        {rowName(spec, row)}
      </span>
      {row.cells.map((cell) => (
        <Trial key={cell.number} cell={cell} spec={spec} isCurrent={cell.number === current} onOpen={onOpen} onLook={onLook} />
      ))}
    </div>
  );
});

interface TrialProps extends Pick<RowProps, "spec" | "onOpen" | "onLook"> {
  cell: Cell;
  isCurrent: boolean;
}

const Trial = memo(function Trial({ cell, spec, isCurrent, onOpen, onLook }: TrialProps) {
  const mark = markOf(cell);
  return (
    <span role="gridcell">
      <button
        type="button"
        className="cell"
        data-cell={cell.number}
        data-mark={mark}
        data-first={cell.repeat === 0 && spec.repeats > 1 ? "" : undefined}
        tabIndex={isCurrent ? 0 : -1}
        aria-label={sentenceOf(spec, cell)}
        onClick={() => onOpen(cell.number)}
        onMouseEnter={() => onLook(cell)}
        onFocus={() => onLook(cell)}
      >
        {SIGNS[mark]}
      </button>
    </span>
  );
});
