/** Whatever a model writes: no blank page, no complaint in the console, every word in sight, and a frame that never moves. */

import { characterEntities } from "character-entities";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ENTITIES, randomText } from "../tests/fragments";
import { GrowingPage } from "./growing-page";

const TEXTS = 100;
const ENTITIES_EACH = 10;

let growing: GrowingPage;
let warning: GrowingPage;

beforeAll(async () => {
  growing = await GrowingPage.open([1280, 360]);
  warning = await GrowingPage.open([1280, 360], true);
});

afterAll(async () => {
  await growing.close();
  await warning.close();
});

interface Grows {
  name: string;
  text: string;
  words: string[];
}

/** What went wrong with these texts, shown in every beginning or only in a few. */
async function problems(shower: GrowingPage, texts: Grows[], everyBeginning = false): Promise<string[]> {
  const found: string[] = [];
  const waiting = [...texts];
  const work = async (page: Page): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { faults, shown } = await shower.grow(page, next.text, everyBeginning ? 1 : Math.ceil(next.text.length / 3));
      const missing = next.words.filter((word) => !shown.includes(word));
      if (faults.length > 0 || missing.length > 0) found.push(`${next.name}: ${[...faults, ...missing].join("; ")}`);
    }
  };
  await Promise.all(shower.pages.map(work));
  return [...found, ...shower.complaints()];
}

test("every beginning of 100 random texts is shown", { timeout: 900_000 }, async () => {
  const texts = Array.from({ length: TEXTS }, (_, seed) => ({ name: `text ${seed}`, ...randomText(seed, seed * ENTITIES_EACH) }));
  expect(await problems(growing, texts, true)).toEqual([]);
  expect(await problems(warning, texts)).toEqual([]);
});

/** All names, a few in each of the places where one may stand. */
function withEntities(names: string[]): string {
  const [text, cell, link, title, code, heading, quote] = names.map((name) => `&${name};`);
  return [
    `kept ${text}&nosuch;&#x1F600; kept`,
    `| kept | ${cell} |\n|---|---|\n| &nosuch; ${cell} | kept |`,
    `[kept ${link} &nosuch;](https://a.example/${link} "${title} &nosuch;") ![kept ${link}](https://a.example/x '${title}')`,
    `\`${code}\` kept\n\n\`\`\`${code}\n${code} &nosuch; kept\n\`\`\``,
    `# kept ${heading} &nosuch;\n\n> kept ${quote}\n\n- kept ${quote}[^1]\n\n[^1]: kept ${quote}`,
    `[kept][r] [r${text}]\n\n[r]: https://a.example/${link} "${title}"`,
  ].join("\n\n");
}

test("every named entity is shown wherever it stands, and an unknown one as it is written", async () => {
  const each = 7;
  const texts = Array.from({ length: Math.ceil(ENTITIES.length / each) }, (_, at) => {
    const names = Array.from({ length: each }, (_, one) => ENTITIES[(at * each + one) % ENTITIES.length] ?? "amp");
    const words = [
      ...names
        .slice(0, 4)
        .filter((_, place) => place !== 3)
        .map((name) => characterEntities[name] ?? ""),
      "&nosuch;",
    ];
    return { name: names.join(" "), text: withEntities(names), words };
  });
  expect(await problems(growing, texts)).toEqual([]);
  expect(await problems(warning, texts.slice(0, 12))).toEqual([]); // they differ in their names alone
});

const N = 3000;
test.each([
  ["quotes", `${"> ".repeat(N)}kept`],
  ["quotes without a space", `${">".repeat(N)}kept`],
  ["bullets", `${"- ".repeat(N)}kept`],
  ["numbers", `${"1. ".repeat(N)}kept`],
  ["quotes and bullets by turns", `${"> - ".repeat(N)}kept`],
  ["lists by indent", Array.from({ length: 150 }, (_, level) => `${"  ".repeat(level)}- kept${level}`).join("\n")],
  ["emphasis", `${"*a **b ".repeat(N / 10)}kept${" c** d*".repeat(N / 10)}`],
  ["a run of stars", `${"*".repeat(N)}kept${"*".repeat(N)}`],
  ["brackets", `${"[".repeat(N)}kept${"]".repeat(N)}`],
  ["links", `${"[".repeat(N)}kept${"](x)".repeat(N)}`],
  ["images", `${"![".repeat(N)}kept${"](x)".repeat(N)}`],
  ["cells", `${"|".repeat(N)}kept\n${"|-".repeat(N)}|\n${"|a".repeat(N)}|`],
  ["groups in a formula", `$$${"{".repeat(900)}kept${"}".repeat(900)}$$`],
  ["roots in a formula", `$$${"\\sqrt{".repeat(250)}kept${"}".repeat(250)}$$`],
  ["quoted code in coloured code", `\`\`\`js\n// kept\n${"`${".repeat(N)}\n\`\`\``],
  ["interpolations in coloured code", `\`\`\`bash\n# kept\n${'"$('.repeat(N)}\n\`\`\``],
  ["comments in coloured code", `- item\n\n  ~~~rust\n  // kept\n  ${"/*".repeat(N)}\n  ~~~`],
  ["markup", `${"<div>".repeat(N)}kept`],
  ["comments", `${"a <!-- ".repeat(N)}kept`],
  ["backticks", `${"`".repeat(N)}kept`],
  ["footnotes", `${"[^a]".repeat(N)}\n\n[^a]: kept`],
])("%s thousands deep are shown down to some depth, the rest as written", async (name, text) => {
  expect(await problems(warning, [{ name, text, words: ["kept"] }])).toEqual([]);
});
