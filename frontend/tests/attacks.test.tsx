/** What a model may say to do harm: markup, scripts, things that call home. Every prefix of every case, as it would stream. */

import { Copy } from "lucide-react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { CASES } from "./attack-cases";
import { Markdown } from "../src/components/markdown/Markdown";

const OUR_ICON = renderToStaticMarkup(<Copy aria-hidden />);

const ELEMENTS = new Set(
  "div p a bdi em strong del code pre figure figcaption span button table thead tbody tr th td ul ol li input blockquote details summary sub kbd h1 h2 h3 h4 h5 h6 hr br sup section".split(
    " ",
  ),
);

const STEP = process.env["QUICK"] === undefined ? 1 : 7;
const ACTS = /\s(on\w+|style|src|srcset|srcdoc|action|formaction|background|poster)=/;
const HARMLESS = /^(https?:|\/\/|mailto:|#|$)/;

describe.each(CASES)("%s", (text) => {
  test.each([true, false])("is harmless at every length, growing: %s", (growing) => {
    const harm = new Set<string>();
    for (let end = text.length; end > 0; end -= STEP) {
      const html = renderToStaticMarkup(<Markdown text={text.slice(0, end)} growing={growing} />).replaceAll(OUR_ICON, "");
      for (const [tag, name, attributes = ""] of html.matchAll(/<([a-z0-9]+)((?:\s[^<>]*)?)>/g)) {
        const leads = [...attributes.matchAll(/\shref="([^"]*)"/g)].map(([, href = ""]) => href);
        if (
          !ELEMENTS.has(name ?? "") ||
          ACTS.test(attributes.replaceAll(/"[^"]*"/g, "")) ||
          !leads.every((href) => HARMLESS.test(href))
        )
          harm.add(tag);
      }
    }
    expect(harm).toEqual(new Set());
  });
});
