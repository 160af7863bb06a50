/** What is copied of a conversation by selecting it: the text, without the words of the page; formulas as they were written. */

import { INTERFACE } from "./tables";

const TEXTS = ".thread, .markdown";
const CHANGED = `${INTERFACE}, [data-copied]`;

/** For the `copy` event of the document. A selection without anything of the page in it is left to the browser. */
export function copySelection(event: ClipboardEvent): void {
  const selection = document.getSelection();
  if (event.defaultPrevented || event.clipboardData === null || selection === null || selection.isCollapsed) return;
  if (event.target instanceof Element && event.target.matches("input, textarea")) return;
  const ranges = Array.from({ length: selection.rangeCount }, (_, at) => selection.getRangeAt(at));
  const parts = ranges.map((range) => contentsOf(range));
  if (!parts.some((part) => part !== null)) return;
  const copy = written(parts.filter((part) => part !== null));
  if (copy.text.trim() === "") return;
  event.clipboardData.setData("text/plain", copy.text);
  event.clipboardData.setData("text/html", copy.html);
  event.preventDefault();
}

/** A copy of what a range contains, in a box with its white space; null where nothing of it has to change. */
function contentsOf(range: Range): HTMLElement | null {
  const { commonAncestorContainer: around } = range;
  const element = around instanceof Element ? around : around.parentElement;
  const fragment = range.cloneContents();
  if (element === null || (element.closest(TEXTS) === null && fragment.querySelector(TEXTS) === null)) return null;
  if (fragment.querySelector(CHANGED) === null) return null;
  const box = document.createElement("div");
  box.style.whiteSpace = getComputedStyle(element).whiteSpace;
  box.append(fragment);
  for (const part of box.querySelectorAll<HTMLElement>("[data-copied]")) part.replaceWith(asCopied(part.dataset["copied"] ?? ""));
  for (const part of box.querySelectorAll(INTERFACE)) part.remove();
  for (const part of box.querySelectorAll(".has-grown")) part.classList.remove("has-grown"); // or what is out of sight would be left out
  return box;
}

function asCopied(text: string): HTMLElement {
  const span = document.createElement("span");
  span.style.whiteSpace = "pre-wrap";
  span.textContent = text;
  return span;
}

/** As text it is read the way it would be shown, which only an element in the page can say. */
function written(parts: HTMLElement[]): { text: string; html: string } {
  const place = document.createElement("div");
  place.className = "for-ears";
  place.append(...parts);
  document.body.append(place);
  const text = parts.map((part) => part.innerText).join("\n");
  const html = parts.map((part) => part.innerHTML).join("");
  place.remove();
  return { text, html };
}
