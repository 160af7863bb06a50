import { words } from "../../words";
import { topOf, type Point } from "./usage";

interface Props {
  title: string;
  /** A day or more, in order. */
  points: readonly Point[];
  write: (value: number) => string;
}

/** A figure of each day, side by side, with an axis; the table below it says the numbers. */
export function Plot({ title, points, write }: Props) {
  const top = topOf(Math.max(0, ...points.map(({ value }) => value ?? 0)));
  const highest = points.reduce((best, point) => ((point.value ?? 0) > (best.value ?? 0) ? point : best));
  const { day } = words.format;
  const [first, last] = [points[0]?.day ?? "", points.at(-1)?.day ?? ""];
  return (
    <figure className="plot">
      <figcaption>{title}</figcaption>
      <div className="axis muted" aria-hidden>
        {[top, top / 2, 0].map((value) => (
          <span key={value}>{write(value)}</span>
        ))}
      </div>
      <svg
        viewBox={`0 0 ${points.length} 1`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words.usage.plot(title, day(first), day(last), write(highest.value ?? 0), day(highest.day))}
      >
        {[0, 0.5, 1].map((at) => (
          <line key={at} x1={0} x2={points.length} y1={at} y2={at} />
        ))}
        {points.map(({ day: label, value }, at) => (
          <rect key={label} x={at + 0.15} width={0.7} y={1 - (value ?? 0) / top} height={(value ?? 0) / top}>
            <title>{words.usage.bar(day(label), write(value ?? 0))}</title>
          </rect>
        ))}
      </svg>
      <div className="days muted" aria-hidden>
        <span>{day(first)}</span>
        <span>{day(last)}</span>
      </div>
    </figure>
  );
}
