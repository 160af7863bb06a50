import { words } from "../../words";
import type { Picture } from "../../protocol/parts";
import { PictureButton } from "./Pictures";

/** The earlier pictures that a reply was made without. */
export function PicturesLeftOut({ pictures }: { pictures: readonly Picture[] }) {
  if (pictures.length === 0) return null;
  return (
    <div className="left-out pictures-left-out" data-interface>
      <p title={words.pictures.leftOutWhy}>{words.pictures.leftOut(pictures.length)}</p>
      <ul className="chips" aria-label={words.pictures.leftOut(pictures.length)}>
        {pictures.map(({ id }, at) => (
          <li className="thumb" key={id}>
            <PictureButton pictures={pictures} at={at} isSign />
          </li>
        ))}
      </ul>
    </div>
  );
}
