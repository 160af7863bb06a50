import { words } from "../../words";

export interface Bar {
  label: string;
  value: number;
}

/** Tokens of each day, side by side; `bars` has a day or more, labelled like `2026-11-24`. The highest as high as the plot; the table beside it says the numbers. */
export function Columns({ bars }: { bars: Bar[] }) {
  const top = Math.max(1, ...bars.map(({ value }) => value));
  const width = 100 / Math.max(1, bars.length);
  const [first = "", last = ""] = [bars[0]?.label, bars.at(-1)?.label];
  return (
    <figure className="plot">
      <svg
        viewBox="0 0 100 40"
        preserveAspectRatio="none"
        role="img"
        aria-label={words.usage.plot(words.format.day(first), words.format.day(last))}
      >
        {bars.map(({ label, value }, at) => {
          const height = (40 * value) / top;
          return (
            <rect key={label} x={at * width + width * 0.1} y={40 - height} width={width * 0.8} height={height}>
              <title>{words.usage.bar(words.format.day(label), value)}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption className="muted">
        <span>{words.format.day(first)}</span>
        <span>{words.usage.highest(top)}</span>
        <span>{words.format.day(last)}</span>
      </figcaption>
    </figure>
  );
}

/** Bars one under the other, with their names and values. */
export function Lines({ bars }: { bars: Bar[] }) {
  const top = Math.max(1, ...bars.map(({ value }) => value));
  return (
    <ul className="lines-plot">
      {bars.map(({ label, value }) => (
        <li key={label}>
          <span>{label}</span>
          <span className="muted">{words.usage.tokens(value)}</span>
          <meter min={0} max={top} value={value} aria-label={label} />
        </li>
      ))}
    </ul>
  );
}
