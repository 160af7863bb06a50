/** Files that are dropped anywhere in the page, for as long as somebody takes them. */

import { useEffect, useEffectEvent, useState } from "react";

/** Whether files hover over the page; a drop gives them to `take`. What takes drops of its own prevents their default before. */
export function useDrop(take: (files: FileList) => void): boolean {
  const [isOver, setOver] = useState(false);
  const taken = useEffectEvent(take);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (!brings(event)) return;
      setOver(!event.defaultPrevented); // over something that takes it for itself it is not for us
      event.preventDefault();
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false); // out of the window
    };
    const drop = (event: DragEvent): void => {
      setOver(false);
      if (event.defaultPrevented || !brings(event)) return;
      event.preventDefault(); // else the browser leaves the page for the file
      if (event.dataTransfer !== null) taken(event.dataTransfer.files);
    };
    const end = new AbortController();
    const { signal } = end;
    document.addEventListener("dragover", over, { signal });
    document.addEventListener("dragleave", leave, { signal });
    document.addEventListener("drop", drop, { signal });
    return () => end.abort();
  }, []);
  return isOver;
}

/** Whether it carries files, and no dialog lies over the page. */
function brings({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") === true && document.querySelector("dialog[open]") === null;
}
