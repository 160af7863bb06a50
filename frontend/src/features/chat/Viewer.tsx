import { ChevronLeft, ChevronRight, Download, Maximize, Minimize } from "lucide-react";
import { useState, useSyncExternalStore, type KeyboardEvent } from "react";

import { pictureAddress } from "../../api/media";
import { Dialog } from "../../components/Dialog";
import { viewing, type Viewing } from "../../stores/viewing";
import { words } from "../../words";

/** The pictures that somebody looks at, one at a time, over the page. */
export function Viewer() {
  const now = useSyncExternalStore(viewing.subscribe, viewing.get);
  return now !== null && <Shown {...now} />;
}

function Shown({ pictures, at: first }: Viewing) {
  const [at, setAt] = useState(first);
  const [isWhole, setWhole] = useState(true);
  const picture = pictures[at];
  if (picture === undefined) return null;
  const { id, width, height } = picture;
  const title = words.pictures.alt(at + 1, pictures.length, width ?? null, height ?? null);
  const go = (to: number): void => setAt((to + pictures.length) % pictures.length);
  const press = (event: KeyboardEvent): void => {
    const to = target(event, at, pictures.length);
    if (to === null || !isWhole) return; // the keys move a picture that is larger than its frame
    event.preventDefault();
    go(to);
  };
  return (
    <Dialog title={title} shape="viewer" onClose={() => viewing.set(null)}>
      <div className="viewing" onKeyDown={press}>
        <div
          className={isWhole ? "whole" : "full-size"}
          {...(!isWhole && { tabIndex: 0, role: "group", "aria-label": words.pictures.label })}
        >
          <img key={id} src={pictureAddress(id)} alt={title} {...(width && height && { width, height })} />
        </div>
        <p className="for-ears" role="status">
          {title}
        </p>
        <footer>
          {pictures.length > 1 && (
            <>
              <button type="button" className="icon" aria-label={words.pictures.previous} onClick={() => go(at - 1)}>
                <ChevronLeft aria-hidden className="points" />
              </button>
              <button type="button" className="icon" aria-label={words.pictures.next} onClick={() => go(at + 1)}>
                <ChevronRight aria-hidden className="points" />
              </button>
            </>
          )}
          <button type="button" aria-pressed={!isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? <Maximize aria-hidden /> : <Minimize aria-hidden />} {words.pictures.fullSize}
          </button>
          <a className="button" href={pictureAddress(id)} download>
            <Download aria-hidden /> {words.pictures.download}
          </a>
        </footer>
      </div>
    </Dialog>
  );
}

/** The picture that a key goes to, null for a key that goes nowhere. */
function target({ key, altKey, ctrlKey, metaKey }: KeyboardEvent, at: number, count: number): number | null {
  const forward = words.direction === "rtl" ? -1 : 1;
  if (altKey || ctrlKey || metaKey) return null;
  if (key === "ArrowRight") return at + forward;
  if (key === "ArrowLeft") return at - forward;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : null;
}
