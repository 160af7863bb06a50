/** A session that is dragged from its entry onto a folder, or out of one. */

import { useState, type DragEvent } from "react";

import type { Part } from "../../api/session-pages";

const TYPE = "application/x-lam-session";

/** The handlers of what is dragged. */
export function dragged(session: number) {
  return {
    draggable: true,
    onDragStart: ({ dataTransfer }: DragEvent): void => {
      dataTransfer.setData(TYPE, String(session));
      dataTransfer.effectAllowed = "copyMove"; // its address can be copied to elsewhere
    },
  };
}

/** Whether a session is dragged over a part of the list, and the handlers that let it be dropped there. */
export function useDrop(part: Part, onDrop: (session: number, part: Part) => void) {
  const [isOver, setOver] = useState(false);
  const handlers = {
    onDragOver: (event: DragEvent): void => {
      if (!event.dataTransfer.types.includes(TYPE)) return;
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = "move";
      setOver(true);
    },
    onDragLeave: ({ currentTarget, relatedTarget }: DragEvent): void => {
      if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
    },
    onDrop: (event: DragEvent): void => {
      setOver(false);
      const session = Number(event.dataTransfer.getData(TYPE));
      if (!Number.isInteger(session) || session < 1) return;
      event.preventDefault();
      event.stopPropagation();
      onDrop(session, part);
    },
  };
  return { isOver, handlers };
}
