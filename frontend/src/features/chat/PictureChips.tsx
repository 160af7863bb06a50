import { ChevronLeft, ChevronRight, X } from "lucide-react";
import { useState } from "react";
import { flushSync } from "react-dom";

import type { Picture } from "../../protocol/parts";
import type { Upload } from "../../stores/uploads";
import { words } from "../../words";
import { PictureButton } from "./Pictures";

interface Props {
  pictures: readonly Picture[];
  onRemove: (picture: Picture) => void;
  /** Puts the one at a place to another one. */
  onMove: (from: number, to: number) => void;
}

const DRAGGED = "application/x-lam-picture";

/** The pictures of something that is being written, each with ways to take it out and to another place. */
export function PictureItems({ pictures, onRemove, onMove }: Props) {
  const [over, setOver] = useState<number | null>(null);
  const move = (button: HTMLElement, from: number, to: number): void => {
    const list = button.closest("ul");
    flushSync(() => onMove(from, to)); // the focus goes along
    const item = list?.querySelectorAll(".thumb").item(to);
    const same = `[data-move="${to < from ? "earlier" : "later"}"]`;
    (item?.querySelector<HTMLElement>(same) ?? item?.querySelector<HTMLElement>("[data-move]"))?.focus();
  };
  return pictures.map((picture, at) => (
    <li
      className="thumb"
      key={picture.id}
      draggable={pictures.length > 1}
      data-over={over === at ? "" : undefined}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAGGED, `${at}`);
        event.dataTransfer.effectAllowed = "move";
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        setOver(at);
      }}
      onDragLeave={() => setOver(null)}
      onDrop={(event) => {
        setOver(null);
        const from = event.dataTransfer.getData(DRAGGED);
        if (from === "") return;
        event.preventDefault();
        if (Number(from) !== at) onMove(Number(from), at);
      }}
    >
      <PictureButton pictures={pictures} at={at} isSign />
      <Remove label={words.pictures.remove(at + 1)} onClick={() => onRemove(picture)} />
      {at > 0 && (
        <button
          type="button"
          className="icon"
          data-move="earlier"
          title={words.pictures.earlier(at + 1)}
          aria-label={words.pictures.earlier(at + 1)}
          onClick={({ currentTarget }) => move(currentTarget, at, at - 1)}
        >
          <ChevronLeft aria-hidden className="points" />
        </button>
      )}
      {at < pictures.length - 1 && (
        <button
          type="button"
          className="icon"
          data-move="later"
          title={words.pictures.later(at + 1)}
          aria-label={words.pictures.later(at + 1)}
          onClick={({ currentTarget }) => move(currentTarget, at, at + 1)}
        >
          <ChevronRight aria-hidden className="points" />
        </button>
      )}
    </li>
  ));
}

/** A picture that is being sent to the gateway, or read there. */
export function PictureOnItsWay({ upload: { name, share }, onCancel }: { upload: Upload; onCancel: () => void }) {
  return (
    <li className="thumb" title={name}>
      <progress max={1} {...(share < 1 && { value: share })} aria-label={words.pictures.progress(name)} />
      <span className="muted">{share < 1 ? words.pictures.share(share) : words.pictures.reading}</span>
      <Remove label={words.pictures.cancel(name)} onClick={onCancel} />
    </li>
  );
}

function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <button type="button" className="icon" aria-label={label} title={label} onClick={onClick}>
      <X aria-hidden />
    </button>
  );
}
