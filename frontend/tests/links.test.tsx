/** Where links go, and that each says so. */

import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { Markdown } from "../src/components/markdown/Markdown";

function html(text: string): string {
  return renderToStaticMarkup(<Markdown text={text} growing={false} />);
}

/** What is to be read, and where the links lead. */
function read(text: string): { shown: string; to: string[] } {
  const markup = html(text);
  return {
    shown: markup.replaceAll(/<[^>]*>/g, ""),
    to: [...markup.matchAll(/ href="([^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&")),
  };
}

test.each([
  ["[here](https://evil.example/x)", "here (evil.example)"],
  ["[Sign in](//evil.example/)", "Sign in (evil.example)"],
  ["[Sign in](<\\\\\\\\evil.example/>)", "Sign in (\\\\evil.example/)"],
  ["[https://paypal.com](https://paypal.co)", "https://paypal.com (paypal.co)"],
  ["[example.org](https://example.org.evil.example)", "example.org (example.org.evil.example)"],
  ["![a chart](https://evil.example/x.png)", "Image: a chart (evil.example)"],
  ["https://example.org/a", "https://example.org/a"],
  ["[example.org](https://example.org/a)", "example.org"],
  ["[EXAMPLE.org/b](https://example.org/a)", "EXAMPLE.org/b"],
  ["https://paypal.com@evil.example/", "https://paypal.com@evil.example/ (evil.example)"],
  ["[https://paypal.com:x@evil.example](https://paypal.com:x@evil.example)", "https://paypal.com:x@evil.example (evil.example)"],
  ["https://例え.jp/x", "https://例え.jp/x (xn--r8jz45g.jp)"],
  ["[аpple.com](https://аpple.com)", "аpple.com (xn--pple-43d.com)"],
  ["[example.org](https://ex%61mple.org)", "example.org"],
  ["[example.org](https:evil.example)", "example.org (evil.example)"],
  ["[me](mailto:a@b.example)", "me (a@b.example)"],
  [
    "**[bold](https://evil.example)** and [*soft* example.org](https://evil.example)",
    "bold (evil.example) and soft example.org (evil.example)",
  ],
])("%s names the host that the browser will ask", (text, shown) => {
  expect(read(text).shown).toBe(shown);
});

test.each(["\u202E", "\u2066", "\u200B", "\u00AD"])(
  "a name with %j in it does not stand for the host, however it looks",
  (hidden) => {
    expect(read(`[example.org${hidden}](https://example.org)`).shown).toBe(`example.org${hidden} (example.org)`);
  },
);

test.each([
  ["[x](foo.md)", "x (foo.md)"],
  ["[x](/settings)", "x (/settings)"],
  ["[x](文档.md)", "x (文档.md)"],
  ["[x](100%.md)", "x (100%.md)"],
  ["[x](#part)", "x"],
  ["[x](javascript:alert(1))", "x (javascript:alert(1))"],
  ["[x](blob:https://a.example/b)", "x (blob:https://a.example/b)"],
  ["![](data:image/png;base64,AA)", "Image (data:image/png;base64,AA)"],
])("%s leads to no other site and is no link; its words stay", (text, shown) => {
  expect(read(text)).toEqual({ shown, to: [] });
});

describe("an address that is written out ends where its sentence goes on", () => {
  test.each([
    ["看https://a.example。后面", "https://a.example/"],
    ["（https://a.example/x）", "https://a.example/x"],
    ["《https://a.example》，「https://a.example」", "https://a.example/ https://a.example/"],
    ["https://a.example、https://b.example！", "https://a.example/ https://b.example/"],
    ["https://a.example？x", "https://a.example/"],
    ["“https://a.example” ‘https://a.example’", "https://a.example/ https://a.example/"],
    ["https://a.example…", "https://a.example/"],
    ["https://a.example/b．", "https://a.example/b"],
    ["https://a.example看看", "https://a.example/"],
    ["https://a.example:80에서", "https://a.example:80/"],
    ["https://zh.example/wiki/北京，好", "https://zh.example/wiki/%E5%8C%97%E4%BA%AC"],
    ["https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"],
    ["[https://a.example]", "https://a.example/"],
    ["{https://a.example}", "https://a.example/"],
    ["(see https://a.example/A_(b)).", "https://a.example/A_(b)"],
    ["https://a.example/?a[]=1&b=2", "https://a.example/?a%5B%5D=1&b=2"],
    ["https://a.example/__init__.py", "https://a.example/__init__.py"],
    ["**https://a.example**后", "https://a.example/"],
    ["https://a.example, https://b.example.", "https://a.example/ https://b.example/"],
    ["https://a.example\u202Egro", "https://a.example/"],
    ["https://a.example\u200Bx", "https://a.example/"],
    ["www.a.example。", "http://www.a.example/"],
    ["[见 https://a.example。后面", "https://a.example/"],
    ["`https://a.example。`", ""],
    ["https:// https://。 https://...", ""],
  ])("%j", (text, to) => {
    const found = read(text);
    expect(found.to.join(" ")).toBe(to);
    expect(found.shown.replaceAll(/ \(xn--[^)]*\)/g, "")).toBe(text.replaceAll(/[*`]/g, "").replaceAll("&", "&amp;"));
  });

  test("and inside of what a link is called it is no link of its own", () => {
    expect(read("[https://a.example。](https://b.example)")).toEqual({
      shown: "https://a.example。 (b.example)",
      to: ["https://b.example/"],
    });
  });

  test("a long row of marks that may end it takes no time", () => {
    expect(read(`https://a.example/${".".repeat(20_000)}x`).to).toHaveLength(1);
  });
});
