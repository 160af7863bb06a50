import { ImageOff } from "lucide-react";
import { useState, type CSSProperties } from "react";

import { pictureAddress } from "../../api/media";
import type { Picture } from "../../protocol/parts";
import { viewing } from "../../stores/viewing";
import { words } from "../../words";

interface Props {
  pictures: readonly Picture[];
}

/** Pictures of a message, each in its place before it is there; pressed, it is shown large. */
export function Pictures({ pictures }: Props) {
  if (pictures.length === 0) return null;
  return (
    <ul className="pictures" data-interface aria-label={words.pictures.label} data-several={pictures.length > 1 ? "" : undefined}>
      {pictures.map((picture, at) => (
        <li key={at} style={placeOf(picture)}>
          <PictureButton pictures={pictures} at={at} />
        </li>
      ))}
    </ul>
  );
}

/** Shapes beyond these are seen whole in a place of that shape. */
const WIDEST = 4;

/** Where its size is not known, it has a square. */
function placeOf({ width, height }: Picture): CSSProperties {
  if (!width || !height) return {};
  const shape = Math.min(Math.max(width / height, 1 / WIDEST), WIDEST);
  return { "--own-shape": shape, "--own-width": `${width}px` } as CSSProperties;
}

/** `isSign`: it stands for the picture in a square, without room for words. */
export function PictureButton({ pictures, at, isSign = false }: Props & { at: number; isSign?: boolean }) {
  const [isMissing, setMissing] = useState(false);
  const picture = pictures[at];
  if (picture === undefined) return null;
  const { id, width, height } = picture;
  const alt = words.pictures.alt(at + 1, pictures.length, width ?? null, height ?? null);
  if (isMissing) {
    return (
      <button type="button" className="picture missing" title={words.pictures.missing} onClick={() => setMissing(false)}>
        <ImageOff aria-hidden /> <span className={isSign ? "for-ears" : undefined}>{words.pictures.missing}</span>
      </button>
    );
  }
  return (
    <button
      type="button"
      className="picture"
      aria-haspopup="dialog"
      title={words.pictures.open}
      onClick={() => viewing.set({ pictures, at })}
    >
      <img src={pictureAddress(id, isSign || pictures.length > 1)} alt={alt} decoding="async" onError={() => setMissing(true)} />
    </button>
  );
}
