/** Code between fences: what is shown is what is copied, and a fence is neither, while the text grows and when it has ended. */

import { Copy } from "lucide-react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { Blocks } from "../src/components/markdown/blocks";
import { Markdown } from "../src/components/markdown/Markdown";

const CODE = "one()\n\n  two()";
const ICON = renderToStaticMarkup(<Copy aria-hidden />);

function html(text: string, growing: boolean): string {
  return renderToStaticMarkup(<Markdown text={text} growing={growing} />).replaceAll(ICON, "");
}

/** The code as it stands in the page. */
function code(text: string, growing = false): string | undefined {
  return /<pre[^>]*><code>([^]*?)<\/code><\/pre>/
    .exec(html(text, growing))?.[1]
    ?.replaceAll(/<\/span><span class="lines">/g, "\n")
    .replaceAll(/<[^>]*>/g, "");
}

const FENCES: [string, string][] = [
  ["three backticks", `\`\`\`\n${CODE}\n\`\`\``],
  ["a language", `\`\`\`js\n${CODE}\n\`\`\``],
  ["more behind the language", `\`\`\` js title="a b"\n${CODE}\n\`\`\``],
  ["tildes", `~~~\n${CODE}\n~~~`],
  ["tildes with backticks behind them", `~~~ \`js\`\n${CODE}\n~~~`],
  ["four backticks", `\`\`\`\`\n${CODE}\n\`\`\`\``],
  ["a longer end", `\`\`\`\n${CODE}\n\`\`\`\`\`\``],
  ["blanks behind the end", `\`\`\`\n${CODE}\n\`\`\` \t `],
  ["an indented end", `\`\`\`\n${CODE}\n   \`\`\``],
  ["an indent", ` \`\`\`\n one()\n\n   two()\n \`\`\``],
  ["an indent that not every line has", `   \`\`\`\n one()\n\n     two()\n\`\`\``],
  ["CR LF", `\`\`\`js\r\n${CODE.replaceAll("\n", "\r\n")}\r\n\`\`\``],
  ["CR LF behind it", `\`\`\`js\r\n${CODE.replaceAll("\n", "\r\n")}\r\n\`\`\`\r\n`],
  ["CR alone", `\`\`\`js\r${CODE.replaceAll("\n", "\r")}\r\`\`\``],
  ["a line end behind it", `\`\`\`\n${CODE}\n\`\`\`\n`],
  ["no end", `\`\`\`\n${CODE}`],
  ["a list", `- item\n\n  \`\`\`js\n  one()\n\n    two()\n  \`\`\``],
  ["the first line of an item", `- \`\`\`js\n  one()\n\n    two()\n  \`\`\``],
  ["a numbered list", `1. item\n   ~~~\n   one()\n\n     two()\n   ~~~`],
  ["a list, without an end", `- item\n\n  \`\`\`js\n  one()\n\n    two()`],
  ["a quote", `> \`\`\`js\n> one()\n>\n>   two()\n> \`\`\``],
  ["a list in a quote", `> - \`\`\`\n>   one()\n>\n>     two()\n>   \`\`\``],
  ["a text before it", `Look:\n\`\`\`\n${CODE}\n\`\`\``],
];

test.each(FENCES)("with %s: the fence is not part of the code", (_name, text) => {
  expect(code(text)).toBe(CODE);
  expect(html(text, false)).not.toMatch(/[`~]{2}/);
  expect(html(text, false)).toContain('aria-label="Copy the code"');
});

test.each(FENCES)("with %s: no beginning shows a part of the closing fence as code", (_name, text) => {
  for (let end = text.indexOf("two()") + 5; end <= text.length; end++) {
    expect(code(text.slice(0, end), true), JSON.stringify(text.slice(0, end))).toMatch(/^one\(\)\n\n {2}two\(\)\n? {0,3}$/);
  }
});

describe("what only looks like an end is code", () => {
  test.each([
    ["```\na\n``` b", "a\n``` b"],
    ["```\na\n    ```", "a\n    ```"],
    ["````\na\n```", "a\n```"],
    ["```\na\n~~~", "a\n~~~"],
    ["~~~\na\n```\n~~~", "a\n```"],
    ["```\na\n``", "a\n``"],
    ["```\n```x", "```x"],
  ])("%j", (text, shown) => {
    expect(code(text)).toBe(shown);
  });
});

test.each([
  ["```\n", ""],
  ["```\n```", ""],
  ["```\n\n```", ""],
  ["```\n\n\n```", "\n"],
])("%j is code with nothing in it", (text, shown) => {
  expect(code(text)).toBe(shown);
});

test("the text behind an end without a blank line is no code", () => {
  expect(html("```\na\n```\nafter", false)).toMatch(/<p dir="auto">after<\/p>/);
  expect(html("- ```\n  a\n  ```\n\nafter\n\n```\nb\n```", false).match(/<pre/g)).toHaveLength(2);
});

test.each(["a\r\nb\r\n\r\n```\r\nc\r\n```\r\n\r\nd", "a\rb\r\r```\rc\r```\r\rd"])(
  "however lines end and reads are cut, the blocks are the same: %j",
  (text) => {
    const growing = new Blocks();
    for (let end = 0; end <= text.length; end++)
      expect(growing.of(text.slice(0, end))).toEqual(new Blocks().of(text.slice(0, end)));
  },
);
