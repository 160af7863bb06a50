/** Random texts of markdown, with the words that somebody who reads them must find. The same seed makes the same text. */

import { characterEntities } from "character-entities";

export interface Text {
  text: string;
  words: string[];
}

/** Every name that HTML knows; some fragments use them by turns, so that all have been seen after a few hundred texts. */
export const ENTITIES = Object.keys(characterEntities);

/** A small generator of numbers from 0 to 1: mulberry32, public domain. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SCRIPTS = ["你好世界", "使用训练", "ありがとう", "안녕하세요", "مرحبا", "שלום", "Привет", "สวัสดี", "नमस्ते", "Ωμέγα"];
const FORMULAS = [
  "x^2 + y_1",
  "\\frac{a}{b}",
  "\\rule{400em}{400em}",
  "\\kern{-400em}x",
  "\\raisebox{90em}{y}",
  "\\sqrt{\\sqrt{\\sqrt{\\sqrt{z}}}}",
  "\\nosuchcommand{q}",
  "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
  "\\text{今天}",
  "{{{{",
];
const PILE = "\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309".repeat(2);

/** The text of a seed. `at`: which entities it uses. */
export function randomText(seed: number, at: number): Text {
  const next = numbers(seed);
  const words: string[] = [];
  const whole = (below: number): number => Math.floor(next() * below);
  const pick = <T>(list: readonly T[]): T => list[whole(list.length)] as T;
  const word = (): string => {
    const made = `w${words.length}${pick("bcdfghjkmnpqrstvwxz".split(""))}${whole(100)}q`;
    words.push(made);
    return made;
  };
  let entities = at;
  const entity = (): string => `&${ENTITIES[entities++ % ENTITIES.length] ?? "amp"};`;
  const host = (): string => `https://h${whole(1000)}.example/p${whole(100)}`;
  const deep = (mark: string, most: number): string => mark.repeat(1 + whole(most));
  const fence = (): string => pick(["```", "~~~", "````", "~~~~~"]);
  const lines = (body: string, before: string): string =>
    body
      .split("\n")
      .map((line) => before + line)
      .join("\n");

  const inline: (() => string)[] = [
    word,
    () => `${word()} ${entity()}${entity()} ${word()}`,
    () => `**${word()} *${word()} ~~${word()}~~***`,
    () =>
      `${pick(["**", "*", "__", "_", "~~", "`", "``", "$", "$$", "\\(", "\\[", "[", "![", "<", "<!--", "[^", "](", "|"])}${word()}`,
    () => `${deep("*", 40)}${word()}${deep("*", 40)}`,
    () => `${deep("[", 30)}${word()}${deep("]", 30)}`,
    () => `[${word()} ${entity()}](${host()} "${entity()}")`,
    () => `![${word()} ${entity()}](${host()}/x.png '${entity()}')`,
    () => `\`${word()} ${entity()}\``,
    () => `$${pick(FORMULAS)}$ ${word()}`,
    () => `\\(${pick(FORMULAS)}\\) ${word()}`,
    () => `${pick(SCRIPTS)}${word()}${pick(SCRIPTS)}，${host()}。${word()}（${host()}）${word()}`,
    () => `\u202e${word()}\u202c \u2067${word()} \u2066${pick(SCRIPTS)} ${word()}`,
    () => `${word()}${PILE} \u200b\u200d\u2060${word()}`,
    () => `${word()}${"x".repeat(whole(200))}`,
    () => `<div onclick="x">${word()}</div><br>${word()} &nosuch; &amp &#0; &#x110000; &#xD800; &#38; ${word()}`,
    () => `${word()} 3~5天, 4~6天 ${word()}`,
    () => `${word()}  \n${word()}\\\n${word()}`,
  ];
  const phrase = (): string => Array.from({ length: 1 + whole(3) }, () => pick(inline)()).join(" ");
  const blocks: (() => string)[] = [
    phrase,
    phrase,
    () => `${deep("#", 6)} ${phrase()}`,
    () => `${word()}\n${pick(["===", "---"])}`,
    () => `${deep("> ", 80)}${word()}`,
    () => `${deep(pick(["- ", "1. ", "* ", "> - ", "+ "]), 80)}${word()}`,
    () => Array.from({ length: 1 + whole(20) }, (_, level) => `${"  ".repeat(level)}- ${word()}`).join("\n"),
    () => `- [ ] ${phrase()}\n- [x] ${word()}\n\n  ${word()}`,
    () => `| ${word()} | ${entity()} |\n|---|:-:|\n| ${phrase().replaceAll("\n", " ")} | ${word()} | ${word()} |\n| ${word()}`,
    () =>
      `${pick(["", " ", "   "])}${fence()}${pick(["", "py", "js title", "c++ &amp;", "&copy;"])}\n${word()} ${entity()}\n\n  ${word()}\n${fence()}`,
    () => lines(`\`\`\`js\n${word()}\n\n${word()}\n\`\`\``, pick(["> ", "  ", "    "])),
    () => `- ${word()}\n\n  ~~~\n  ${word()}\n  ~~~\n- ${word()}`,
    () => `$$\n${pick(FORMULAS)}\n$$`,
    () => `\\[\n${pick(FORMULAS)}\n\n${word()}`,
    () => `${word()}[^n${whole(5)}] [${word()}][r${whole(5)}] [r${whole(5)}]`,
    () => `[^n${whole(5)}]: ${word()} ${entity()}\n\n    ${word()}`,
    () => `[r${whole(5)}]: ${host()} "${entity()}"`,
    () => `<details>\n<summary>${word()}</summary>\n\n${word()}\n</details>`,
    () => `---\n\n${word()}`,
    () => `${word()}\r\n\r\n\`\`\`\r\n${word()}\r\n\`\`\``,
  ];
  const parts = Array.from({ length: 3 + whole(3) }, () => pick(blocks)() + pick(["\n\n", "\n\n", "\n"]));
  return { text: parts.join("").trimEnd(), words };
}
