/** What is defined in one place and used in another: links, pictures, notes. Nothing of it is lost. */

import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { Markdown } from "../src/components/markdown/Markdown";
import { Blocks } from "../src/components/markdown/blocks";
import { References } from "../src/components/markdown/references";

function html(text: string, growing = false): string {
  return renderToStaticMarkup(<Markdown text={text} growing={growing} />);
}

function shown(text: string): string {
  return html(text)
    .replaceAll("</p>", "\n")
    .replaceAll(/<[^>]*>/g, "")
    .trim();
}

const FAR = `\n\n${"Between. ".repeat(20)}\n\n`;

describe("a reference finds its definition, however far away", () => {
  test.each([
    ["[text][r]", "text (a.example)"],
    ["[r][]", "r (a.example)"],
    ["[r]", "r (a.example)"],
    ["[R]", "R (a.example)"],
    ["![alt][r]", "Image: alt (a.example)"],
    ["- item [text][r]", "item text (a.example)"],
    ["> [text][r]", "text (a.example)"],
  ])("%s", (written, read) => {
    const between = FAR.trim();
    expect(shown(`${written}${FAR}[r]: https://a.example "t"`).replaceAll(/\s+/g, " ")).toBe(
      `${read} ${between}`.replaceAll(/\s+/g, " ").trim(),
    );
    expect(shown(`[r]: <https://a.example>${FAR}${written}`).replaceAll(/\s+/g, " ")).toContain(read);
  });
});

describe("a definition that nothing refers to stands there as it is written", () => {
  test.each([
    "[Alice]: Hello",
    "[r]: https://a.example",
    "`[r]`\n\n[r]: https://a.example",
    "```\n[r]\n```\n\n[r]: https://a.example",
  ])("%j", (text) => {
    expect(html(text)).toContain(text.split("\n").at(-1));
  });

  test("and the second one of a label, which does not count", () => {
    expect(shown("[r]\n\n[r]: https://a.example\n\n[r]: https://b.example")).toContain("[r]: https://b.example");
  });
});

describe("a note", () => {
  test("stands where it was written, and its mark leads to it", () => {
    const markup = html(`One[^1] two[^note].${FAR}[^1]: First.\n[^note]: Second\n\n    goes on.`);
    expect(markup).toContain('aria-label="Footnote 1"');
    expect(markup.match(/<section/g)).toHaveLength(2);
    for (const words of ["First.", "Second", "goes on."]) expect(markup).toContain(words);
  });

  test("that nothing refers to is shown too, and a mark without a note as it is written", () => {
    expect(shown("[^x]: Alone.")).toContain("Alone.");
    expect(shown("Nowhere[^y].")).toBe("Nowhere[^y].");
  });

  test("of one reply is not taken for that of another", () => {
    const both = renderToStaticMarkup(
      <>
        <Markdown text="[^1]: a" growing={false} />
        <Markdown text="[^1]: b" growing={false} />
      </>,
    );
    const ids = [...both.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(2);
  });
});

test("no beginning of such a text loses a word that it has had time to say", () => {
  const text = `Kept1 [kept2][r] kept3[^n].${FAR}[r]: https://a.example "t"\n\n[^n]: Kept4 [kept5][r].\n\n[Bob]: kept6`;
  const words = [...text.matchAll(/kept\d/gi)].map((match) => [match[0], match.index] as const);
  for (let end = 1; end <= text.length; end++) {
    const markup = html(text.slice(0, end), true);
    const lost = words.filter(([word, at]) => at + word.length < end && !markup.includes(word));
    if (lost.length > 0) expect.fail(`${JSON.stringify(text.slice(0, end))} loses ${JSON.stringify(lost)}`);
  }
});

test("what is settled hears of a definition only if it refers to it", () => {
  const blocks = new Blocks();
  const references = new References();
  const paragraphs = Array.from({ length: 40 }, (_, at) => (at === 3 ? "See [r]." : `Paragraph ${at}.`)).join("\n\n");
  const before = references.of(blocks.of(`${paragraphs}\n\n[s]: https://b.example\n\n`));
  const after = references.of(blocks.of(`${paragraphs}\n\n[s]: https://b.example\n\n[r]: https://a.example`));
  expect(after[0]?.[3]?.before).toContain("https://a.example");
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).toBe(before[1]);
});

test.each([
  ["| a | b |\n|---|---|\n| 1 | 2 | kept |", "kept"],
  ["```js title=kept\nx\n```", "title=kept"],
  ["- ```js title=kept\n  x\n  ```", "title=kept"],
  ["<details open>\n<summary>kept</summary>\n</details>", "&lt;details open&gt;"],
  ["3~5天 and 4~6天", "3~5天 and 4~6天"],
  ["~~gone~~ but 1~2", "<del>gone</del> but 1~2"],
])("%j keeps all of its words", (text, words) => {
  expect(html(text)).toContain(words);
  expect(html(text, true)).toContain(words);
});
