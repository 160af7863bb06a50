import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";

import { Markdown } from "../src/components/markdown/Markdown";

test.each([
  ["[here](https://evil.example/x)", "here (evil.example)"],
  ["[Sign in](//evil.example/)", "Sign in (evil.example)"],
  ["[https://paypal.com](https://paypal.co)", "https://paypal.com (paypal.co)"],
  ["[example.org](https://example.org.evil.example)", "example.org (example.org.evil.example)"],
  ["![a chart](https://evil.example/x.png)", "Image: a chart (evil.example)"],
  ["https://example.org/a", "https://example.org/a"],
  ["[example.org](https://example.org/a)", "example.org"],
])("%s shows where it goes", (text, shown) => {
  const html = renderToStaticMarkup(<Markdown text={text} growing={false} />);
  expect(html.replaceAll(/<[^>]*>/g, "")).toBe(shown);
});
