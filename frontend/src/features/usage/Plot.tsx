import { count } from "../../components/said";

export interface Bar {
  label: string;
  value: number;
}

/** Bars side by side, the highest as high as the plot; the table beside it says the numbers. */
export function Columns({ bars, unit }: { bars: Bar[]; unit: string }) {
  const top = Math.max(1, ...bars.map(({ value }) => value));
  const width = 100 / Math.max(1, bars.length);
  return (
    <figure className="plot">
      <svg
        viewBox="0 0 100 40"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${unit} a day, from ${bars[0]?.label ?? ""} to ${bars.at(-1)?.label ?? ""}`}
      >
        {bars.map(({ label, value }, at) => {
          const height = (40 * value) / top;
          return (
            <rect key={label} x={at * width + width * 0.1} y={40 - height} width={width * 0.8} height={height}>
              <title>{`${label}: ${count(value)} ${unit}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption className="muted">
        <span>{bars[0]?.label}</span>
        <span>
          highest {count(top)} {unit}
        </span>
        <span>{bars.at(-1)?.label}</span>
      </figcaption>
    </figure>
  );
}

/** Bars one under the other, with their names and values. */
export function Lines({ bars, unit }: { bars: Bar[]; unit: string }) {
  const top = Math.max(1, ...bars.map(({ value }) => value));
  return (
    <ul className="lines-plot">
      {bars.map(({ label, value }) => (
        <li key={label}>
          <span>{label}</span>
          <span className="muted">
            {count(value)} {unit}
          </span>
          <meter min={0} max={top} value={value} aria-label={label} />
        </li>
      ))}
    </ul>
  );
}
