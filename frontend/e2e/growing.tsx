/** A reply in the page's frame that grows as fast as it can be painted, one character at a time; built as the page is built. */

import { useRef } from "react";
import { flushSync } from "react-dom";
import { createRoot, type Root } from "react-dom/client";

import { Boundary } from "../src/components/Boundary";
import { Markdown } from "../src/components/markdown/Markdown";
import { Scroller } from "../src/features/chat/Scroller";
import "../src/styles/index.css";
import type { Grown } from "./growing-page";

const PAST_END = 100_000;
/** More pixels than one more character may add or take. */
const JUMP = 160;
/** After so many characters what comes later is waited for. */
const PAINTED = 64;
/** After so many the page is looked at, which costs a layout. */
const LOOKED_AT = 4;
/** A title is no longer, whatever begins the conversation. */
const TITLE = 200;

function Frame({ text, growing }: { text: string; growing: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  return (
    <div className="frame">
      <aside className="side" />
      <div className="content">
        <div className="studio">
          <main className="middle">
            <header>
              <h1 className="title">{text.slice(0, TITLE)}</h1>
            </header>
            <Scroller box={box} onNearTop={() => undefined} sent={0} isSought={false} onPlace={() => undefined}>
              <article className="answer" aria-busy={growing}>
                <Boundary fallback={<p id="failed" />}>
                  <Markdown text={text} growing={growing} />
                </Boundary>
              </article>
            </Scroller>
            <footer id="below">Below</footer>
          </main>
        </div>
      </div>
    </div>
  );
}

/** What is wrong with the page now; empty where nothing is. */
function faults(): string[] {
  const found: string[] = [];
  if (document.querySelector(".markdown") === null) found.push("the reply is gone");
  if (document.getElementById("failed") !== null) found.push("a boundary was needed");
  const { scrollHeight, scrollWidth } = document.documentElement;
  if (scrollHeight > innerHeight || scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} × ${scrollHeight}`);
  const frame = document.querySelector(".frame")?.getBoundingClientRect();
  const below = document.getElementById("below")?.getBoundingClientRect();
  if (frame?.top !== 0 || frame.left !== 0 || below?.bottom !== innerHeight)
    found.push(`the frame has moved to ${frame?.top}, ${below?.bottom}`);
  const thread = document.querySelector(".thread");
  if (thread !== null && thread.scrollWidth > thread.clientWidth)
    found.push(`the reply is ${thread.scrollWidth} wide in ${thread.clientWidth}`);
  const reply = document.querySelector(".markdown");
  if (reply !== null && reply.scrollWidth > reply.clientWidth)
    found.push(`words are cut off: ${reply.scrollWidth} in ${reply.clientWidth}`);
  return found;
}

/** All that may scroll a page by a program or the keyboard. */
function shove(): void {
  scrollTo(PAST_END, PAST_END);
  for (const part of document.querySelectorAll(
    ".markdown, .markdown > :last-child, .katex, .katex-mathml, a, button, [tabindex]",
  )) {
    part.scrollIntoView({ block: "start", inline: "start" });
    if (part instanceof HTMLElement) part.focus();
  }
  for (const part of document.querySelectorAll("html, body, #root, .frame, .content, .studio, .middle, .thread-frame"))
    part.scrollTo(PAST_END, PAST_END);
}

/** The heights of all formulas that are set, in pixels. */
function formulaHeights(): number {
  const all = [...document.querySelectorAll(".markdown .katex-html")];
  return all.reduce((sum, one) => sum + Math.max(0, ...[...one.children].map((part) => part.getBoundingClientRect().height)), 0);
}

/** Formulas and colours come with the next frames. */
async function painted(): Promise<void> {
  for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
}

let root: Root | null = null;

/** Shows the beginnings of the text, `step` characters more each time, then the text as one that has ended; what was wrong, and what stands there in the end. */
async function grow(text: string, step: number): Promise<Grown> {
  root?.unmount();
  const fresh = createRoot(document.getElementById("root") as HTMLElement);
  root = fresh;
  const found = new Set<string>();
  let height = 0;
  let formulasBefore = 0;
  for (let end = 1; end <= text.length; end += step) {
    flushSync(() => fresh.render(<Frame text={text.slice(0, end)} growing />));
    const now = document.querySelector(".markdown")?.clientHeight ?? 0;
    const formulas = formulaHeights();
    const allowed = JUMP + Math.abs(formulas - formulasBefore); // a formula that is set is as high as its text says
    if (step === 1 && Math.abs(now - height) > allowed) found.add(`at ${end}: a jump from ${height} to ${now}`);
    height = now;
    formulasBefore = formulas;
    if (end % PAINTED === 0) await painted();
    if (end % LOOKED_AT === 0) for (const fault of faults()) found.add(`at ${end}: ${fault}`);
    if (found.size > 0) break;
  }
  flushSync(() => fresh.render(<Frame text={text} growing={false} />));
  await painted();
  shove();
  await painted();
  for (const fault of faults()) found.add(`at the end: ${fault}`);
  const grown = document.querySelector(".markdown");
  const shown = grown?.textContent ?? "";
  const html = grown?.outerHTML ?? "";
  const first = grown?.querySelector(".blocks [dir=auto]") ?? null;
  const direction = first === null ? "ltr" : getComputedStyle(first).direction;
  fresh.unmount();
  const again = createRoot(document.getElementById("root") as HTMLElement);
  root = again;
  flushSync(() => again.render(<Frame text={text} growing={false} />));
  await painted();
  return { faults: [...found], shown, html, whole: document.querySelector(".markdown")?.outerHTML ?? "", direction };
}

Object.assign(window, { grow });
