import { ChevronLeft, ChevronRight } from "lucide-react";
import { useMemo } from "react";

import type { MessageAnswer } from "../../api/schema";
import { words } from "../../words";
import { useMaySteer } from "./company";
import type { SessionActions } from "./session-actions";
import { focusVersion, versionButton, type Direction } from "./focus";

/** ‹ 2 / 3 ›: what else stands in this place. */
export function Branches({ message, busy, actions }: { message: MessageAnswer; busy: boolean; actions: SessionActions }) {
  const { id, siblings } = message;
  const previous = useMemo(() => versionButton(id, "previous"), [id]);
  const next = useMemo(() => versionButton(id, "next"), [id]);
  const at = siblings.indexOf(id);
  const maySteer = useMaySteer();
  if (siblings.length < 2) return null;
  if (!maySteer) return <span className="branches">{words.thread.version(at + 1, siblings.length)}</span>;
  const step = async (direction: Direction): Promise<void> => {
    const other = siblings[direction === "previous" ? at - 1 : at + 1];
    if (other === undefined) return;
    await actions.show(other);
    setTimeout(() => focusVersion(other, direction)); // once it stands there
  };
  return (
    <span className="branches" role="group" aria-label={words.thread.versions}>
      <button
        ref={previous}
        type="button"
        className="quiet icon"
        aria-label={words.thread.previousVersion}
        disabled={busy || at <= 0}
        onClick={() => void step("previous")}
      >
        <ChevronLeft aria-hidden className="points" />
      </button>
      {words.thread.version(at + 1, siblings.length)}
      <button
        ref={next}
        type="button"
        className="quiet icon"
        aria-label={words.thread.nextVersion}
        disabled={busy || at === siblings.length - 1}
        onClick={() => void step("next")}
      >
        <ChevronRight aria-hidden className="points" />
      </button>
    </span>
  );
}
