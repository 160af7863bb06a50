import type { Comparison } from "../../api/lab";
import { words } from "../../words";

export interface Bar {
  label: string;
  /** Null: not measured. */
  value: number | null;
  text: string;
  isBaseline: boolean;
}

/** A bar for each row, one under the other, baselines as outlines. `top`: what a full bar stands for; null: the highest value. */
export function Bars({ bars, top }: { bars: readonly Bar[]; top: number | null }) {
  const full = top ?? Math.max(...bars.map(({ value }) => value ?? 0), Number.MIN_VALUE);
  return (
    <ul className="bars">
      {bars.map(({ label, value, text, isBaseline }, at) => (
        <li key={at} data-baseline={isBaseline || undefined}>
          <span>{label}</span>
          <span className="muted">{value === null ? words.lab.results.notMeasured : text}</span>
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden>
            <rect className="ground" x={0} y={0} width={100} height={4} />
            {value !== null && value > 0 && <rect className="bar" x={0} y={0} width={(100 * value) / full} height={4} />}
          </svg>
        </li>
      ))}
    </ul>
  );
}

/** The difference between two rows and its interval, on a line from `-range` to `range` with nought in the middle. */
export function Interval({
  comparison,
  range,
  names: [a, b],
}: {
  comparison: Comparison;
  range: number;
  /** Of the two rows. */
  names: readonly [string, string];
}) {
  const { difference, low, high } = comparison;
  const at = (value: number): number => 50 + (48 * value) / range;
  const line = (x: number, from: number, to: number, name: string) => (
    <line className={name} x1={x} x2={x} y1={from} y2={to} vectorEffect="non-scaling-stroke" />
  );
  return (
    <figure className="interval">
      <svg
        viewBox="0 0 100 10"
        preserveAspectRatio="none"
        role="img"
        aria-label={words.lab.results.interval(difference, low, high)}
      >
        {line(50, 0, 10, "zero")}
        <line className="span" x1={at(low)} x2={at(high)} y1={5} y2={5} vectorEffect="non-scaling-stroke" />
        {line(at(low), 3, 7, "span")}
        {line(at(high), 3, 7, "span")}
        {line(at(difference), 1, 9, "mean")}
      </svg>
      <figcaption className="muted">
        <span>{words.lab.results.isBetter(b)}</span>
        <span>{words.lab.results.isBetter(a)}</span>
      </figcaption>
    </figure>
  );
}
