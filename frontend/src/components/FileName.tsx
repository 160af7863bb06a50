import { cutName } from "../protocol/file-names";

/** The name of a file, cut in its middle where there is no room for it. The tooltip and screen readers have it whole. */
export function FileName({ name }: { name: string }) {
  const [start, end] = cutName(name.replace(/\s/g, " "));
  if (end === "") {
    return (
      <span className="file-name title" dir="auto" title={name}>
        {name}
      </span>
    );
  }
  return (
    <span className="file-name cut" dir="auto" title={name}>
      <span className="for-ears">{name}</span>
      <span className="title" aria-hidden>
        {start}
      </span>
      <span aria-hidden>{end}</span>
    </span>
  );
}
