/** Text while it grows and when it is copied: selections, the caret, copies without words of the page, diagrams, what is too heavy. */

import { mkdirSync } from "node:fs";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { ask, ended, says } from "./manners";
import { Studio, type Visitor } from "./studio";
import { longTasks } from "./tasks";

const PICTURES = new URL("./pictures/", import.meta.url).pathname;

let studio: Studio;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  studio = await Studio.open({ tokens: 1, rate: 0 });
});

afterAll(async () => {
  await studio.close();
});

/** A reply of these pieces, `rate` a second. */
async function replying(pieces: string[], rate = 200): Promise<Visitor> {
  const visitor = await studio.newcomer({ permissions: ["clipboard-read", "clipboard-write"] });
  await studio.script({ pieces, rate });
  await ask(visitor.page, "Go on");
  return visitor;
}

/** One person for the cases of a group, each at a page that was just opened; after a failure it is another one. */
function shared(): (act: (page: Page) => Promise<void>) => Promise<void> {
  let visitor: Visitor | null = null;
  afterAll(async () => {
    await visitor?.close();
  });
  return async (act) => {
    const one = visitor ?? (await studio.newcomer());
    visitor = one;
    try {
      await act(one.page);
      expect(one.complaints).toEqual([]);
      await one.page.goto(studio.url);
      const browser = await one.context.newCDPSession(one.page);
      await browser.send("HeapProfiler.collectGarbage"); // of what this case left, not in the next one's time
      await browser.detach();
    } catch (error) {
      visitor = null;
      await one.context.close();
      throw error;
    }
  };
}

async function replied(text: string): Promise<Visitor> {
  const visitor = await replying([text], 0);
  await ended(visitor.page);
  return visitor;
}

/** Selects from the first occurrence of a text in the reply to the end of another one. */
async function select(page: Page, from: string, to: string): Promise<void> {
  await page.evaluate(
    (ends) => {
      const answer = [...document.querySelectorAll(".answer")].at(-1);
      const place = (text: string, isEnd: boolean): [Node, number] => {
        const texts = document.createTreeWalker(answer as Node, NodeFilter.SHOW_TEXT);
        for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
          const at = node.nodeValue?.indexOf(text) ?? -1;
          if (at !== -1) return [node, at + (isEnd ? text.length : 0)];
        }
        throw new Error(`${text} is nowhere`);
      };
      document.getSelection()?.setBaseAndExtent(...place(ends.from, false), ...place(ends.to, true));
    },
    { from, to },
  );
}

async function selected(page: Page): Promise<string> {
  return page.evaluate(() => document.getSelection()?.toString() ?? "");
}

async function copied(page: Page): Promise<string> {
  await page.keyboard.press("ControlOrMeta+c");
  return page.evaluate(() => navigator.clipboard.readText());
}

const selecting = shared();

test.each([
  ["a paragraph", "alpha beta gamma ", "delta "],
  ["a list", "- alpha beta gamma ", "delta "],
  ["code", "```js\nalpha beta gamma ", "delta\n"],
  ["a table", "| a |\n|---|\n| alpha beta gamma ", "delta "],
])("a selection in %s survives its growth", async (_name, start, more) => {
  await selecting(async (page) => {
    await studio.script({ pieces: [start, ...Array.from({ length: 4000 }, () => more), "\n\nlast"], rate: 100 });
    await ask(page, "Go on");
    await says(page, "delta");
    await select(page, "beta", "gamma");
    const before = await page.locator(".answer .markdown").innerText();
    await page.waitForFunction(
      (length) => (document.querySelector(".answer .markdown")?.textContent.length ?? 0) > length + 100,
      before.length,
    );
    expect(await page.locator(".answer").getAttribute("aria-busy")).toBe("true");
    expect(await selected(page)).toBe("beta gamma");
    await page.keyboard.press("Escape");
    await ended(page);
  });
});

const writing = shared();

test.each([
  ["a paragraph", "alpha"],
  ["a list", "- one\n- two\n  - alpha"],
  ["code", "```js\nf();\nalpha"],
  ["a table", "| a | b |\n|---|---|\n| alpha"],
  ["a quote", "> alpha"],
  ["an item that has only begun", "- one\n- "],
])("the caret stands at the end of %s", async (_name, text) => {
  await writing(async (page) => {
    await studio.script({ pieces: [text, ...Array.from({ length: 600 }, () => "​")], rate: 10 });
    await ask(page, "Go on");
    await page.locator(".answer[aria-busy=true] .caret").waitFor();
    const content = await page.evaluate(() => {
      // Asked in one go: the next piece may replace the line that holds the caret.
      const carets = [...document.querySelectorAll(".answer[aria-busy=true] .caret")];
      return {
        count: carets.length,
        text: carets[0]?.textContent,
        width: parseFloat(getComputedStyle(carets[0] as Element, "::after").width),
      };
    });
    expect(content.count).toBe(1);
    expect(content.width).toBeGreaterThan(2);
    if (text.includes("alpha")) expect(content.text).toContain("alpha");
    await page.keyboard.press("Escape");
    await ended(page);
  });
});

test("code can be copied before it closes", async () => {
  const visitor = await replying(["```js\nfirst();\n", ...Array.from({ length: 2000 }, () => "more();\n")], 20);
  const { page } = visitor;
  await says(page, "more();");
  await page.getByRole("button", { name: words.markdown.copyCode }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^first\(\);\nmore\(\);/);
  await page.keyboard.press("Escape");
  await visitor.close();
});

const MIXED = [
  "Start **bold** with `code`, $x^2$ and [a link](https://a.example/x).",
  "",
  "```js title=x",
  "one();",
  "  two();",
  "```",
  "",
  "| a | b |",
  "|---|--:|",
  "| `p\\|q` | $|x|$ |",
  '| **s** | say "hi", you |',
  "",
  "Two roads",
  "diverged[^1].",
  "",
  "[^1]: Frost",
  "",
  "$$",
  "E = mc^2",
  "$$",
  "",
  "Finish",
].join("\n");

test("a selection of a reply is copied without a word of the page", async () => {
  const visitor = await replied(MIXED);
  const { page } = visitor;
  await page.locator(".answer .katex").first().waitFor();
  await select(page, "Start", "Finish");
  const text = await copied(page);
  expect(text.split("\n").filter((line) => line.trim() !== "")).toEqual([
    "Start bold with code, $x^2$ and a link.",
    "one();",
    "  two();",
    "a\tb",
    "p|q\t$\\vert x\\vert$",
    's\tsay "hi", you',
    "Two roads",
    "diverged[1].",
    "[1]",
    "Frost",
    "$$",
    "E = mc^2",
    "$$",
    "Finish",
  ]);
  await select(page, "one", "two");
  expect(await copied(page)).toBe("one();\n  two");
  await page.evaluate(() => document.getSelection()?.selectAllChildren(document.querySelector(".thread") as Node));
  const all = await copied(page);
  for (const said of [words.markdown.wrap, "title=x", "a.example", words.markdown.copyTable, "TSV"])
    expect(all).not.toContain(said);
  expect(all).toContain("Go on");
  await visitor.close();
});

test("a table is copied for a spreadsheet, a text and a program", async () => {
  const visitor = await replied(MIXED);
  const { page } = visitor;
  const formats = {
    tsv: 'a\tb\np|q\t$\\vert x\\vert$\ns\tsay "hi", you',
    markdown: '| a | b |\n| --- | --: |\n| `p\\|q` | $\\vert x\\vert$ |\n| **s** | say "hi", you |\n',
    csv: 'a,b\r\np|q,$\\vert x\\vert$\r\ns,"say ""hi"", you"\r\n',
  } as const;
  await page.locator(".answer .katex").first().waitFor();
  for (const [format, text] of Object.entries(formats)) {
    await page.getByRole("button", { name: words.markdown.tableFormats[format as keyof typeof formats], exact: true }).click();
    await page.locator(".table-copies").getByText(words.common.copied).waitFor();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(text);
  }
  await page.locator(".table").hover();
  await page.screenshot({ path: `${PICTURES}40 table with its copies.png` });
  await visitor.close();
});

const DIAGRAM = '```mermaid\ngraph TD\n  A[Start] --> B{"Is it <b>?"}\n  B -->|yes| C[开始]\n```\n';

test("a diagram is drawn when somebody asks for it, as an image; its source stays", async () => {
  const visitor = await replied(DIAGRAM);
  const { page } = visitor;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const ground = page.locator(".diagram img");
  await page.getByRole("button", { name: words.markdown.draw, exact: true }).click();
  await ground.waitFor();
  expect(await ground.getAttribute("src")).toMatch(/^data:image\/svg\+xml/);
  expect(await ground.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(50);
  expect(asked.some((url) => url.includes("mermaid"))).toBe(true);
  expect(asked.every((url) => url.startsWith(studio.url) || url.startsWith("data:"))).toBe(true);
  expect(await page.locator("iframe").count()).toBe(0);
  expect(await page.locator(".code pre").innerText()).toContain("graph TD");
  await page.screenshot({ path: `${PICTURES}41 diagram.png` });
  await visitor.close();
});

test("a diagram that is none says so, and nothing in one runs", async () => {
  const visitor = await replied(
    [
      "```mermaid\ngraph TD\n  A[--> B\n```",
      '```mermaid\n%%{init: {"securityLevel": "loose", "themeCSS": "*{background:url(https://evil.example/)}"}}%%\ngraph TD\n  A["<img src=x onerror=alert(1)>"]\n  click A "javascript:alert(1)"\n```',
    ].join("\n\n"),
  );
  const { page } = visitor;
  const elsewhere: string[] = []; // what the policy of the frame does not stop
  page.on("requestfailed", (request) => {
    if (!request.url().startsWith(studio.url) && request.failure()?.errorText !== "csp") elsewhere.push(request.url());
  });
  page.on("requestfinished", (request) => {
    if (!request.url().startsWith(studio.url) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  for (const button of await page.getByRole("button", { name: words.markdown.draw, exact: true }).all()) await button.click();
  await page.locator(".code > .problem").first().waitFor();
  expect(await page.locator(".code > .problem").first().innerText()).toContain(words.markdown.noDiagram("").trim());
  await page.waitForFunction(() => document.querySelectorAll(".diagram img, .code > .problem").length === 2);
  expect(elsewhere).toEqual([]);
  visitor.complaints.length = 0; // what the frame refused stands in the console
  await visitor.close();
});

const MEGA = 1_000_000;
const HEAVY: Record<string, string> = {
  "stars and underscores": "*_".repeat(8000),
  "stars and underscores on lines": "*_ a\n".repeat(8000),
  "a list 500 deep": Array.from({ length: 500 }, (_, level) => `${"  ".repeat(level)}- level`).join("\n"),
  "a list 500 deep on one line": `${"- ".repeat(500)}x`,
  brackets: "[".repeat(100_000),
  "links that never end": "[a](b".repeat(20_000),
  "a line of a megabyte": "word ".repeat(MEGA / 5),
  "a word of a megabyte": "a".repeat(MEGA),
  "a megabyte of code in one line": `\`\`\`js\n${"a".repeat(MEGA)}\n\`\`\``,
  "quotes 5 000 deep": `${"> ".repeat(5000)}x`,
  "quotes that go deeper": Array.from({ length: 500 }, (_, level) => `${"> ".repeat(level)}x`).join("\n"),
  "2 000 columns": `|${"a|".repeat(2000)}\n|${"-|".repeat(2000)}\n${`|${"b|".repeat(2000)}\n`.repeat(20)}`,
  "900 columns that few rows fill": `|${"a|".repeat(900)}\n|${"-|".repeat(900)}\n${"|b\n".repeat(300)}`,
  "2 000 rows": `| a | b | c |\n|---|---|---|\n${"| `a_b` | *c* | [d](e) |\n".repeat(2000)}`,
  "3 000 items": "- **a** b\n".repeat(3000),
  "20 000 lines": "line\n".repeat(20_000),
  "2 000 definitions": Array.from({ length: 2000 }, (_, at) => `[r${at}]: https://a.example/${at}`).join("\n"),
  "500 formulas": "$x^2$ and\n".repeat(500),
  "500 formulas by themselves": "$$\n\\sum_{i=1}^n i^2\n$$\n\n".repeat(500),
  "600 formulas in a table": `| a | b |\n|---|---|\n${"| $x^2$ | $\\frac{a}{b}$ |\n".repeat(300)}`,
  "1 000 blocks of code in a list": "- ```js\n  const a = `${b}`;\n  ```\n".repeat(1000),
  "100 long blocks of code": `\`\`\`js\n${"const a = { b: [1, 2], c: `${d}` };\n".repeat(200)}\`\`\`\n`.repeat(100),
  "3 000 details": "<details>\n".repeat(3000),
  "runs of backticks": Array.from({ length: 500 }, (_, length) => "`".repeat(length)).join(" "),
};

/** Milliseconds of the processor that one task may take. */
const BOUND = 200;

const burdening = shared();

test.each(Object.entries(HEAVY))(
  "%s holds up the page for less than 200 ms at a time, while it comes and when it is there",
  { timeout: 120_000, retry: 2 }, // the least of three: what else runs on the machine makes a task longer, and never shorter
  (_name, text) =>
    burdening(async (page) => {
      page.setDefaultTimeout(60_000);
      const half = Math.floor(text.length / 2);
      await studio.script({ pieces: ["x\n\n", text.slice(0, half), text.slice(half), "\n\n", "The end"], rate: 5 });
      const seldom = { polling: 100 }; // a text is read as a whole each time
      const isThere = async (): Promise<void> => {
        const ends = (): boolean => document.querySelector(".answer .markdown")?.textContent.includes("The end") === true;
        await page.waitForFunction(ends, null, seldom);
      };
      const coming = await longTasks(page, BOUND, async () => {
        await ask(page, "Go on");
        await isThere();
        await ended(page);
      });
      const again = await longTasks(page, BOUND, async () => {
        await page.reload();
        await isThere();
        const begins = (): boolean => document.querySelector(".answer .markdown")?.textContent.startsWith("x") === true;
        await page.waitForFunction(begins, null, seldom);
      });
      expect({ coming, again }).toEqual({ coming: [], again: [] });
    }),
);
