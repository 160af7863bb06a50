/** In which direction a text is read. */

import { expect, test } from "vitest";

import { directionOf } from "../src/components/markdown/direction";

test.each([
  ["Hello", "ltr"],
  ["12. مرحبا", "rtl"],
  ["**שלום** world", "rtl"],
  ["ދިވެހި", "rtl"],
  ["你好", "ltr"],
  ["# Ωδή مرحبا", "ltr"],
  ["42 · 7", undefined],
  ["", undefined],
])("%j is read %s", (text, direction) => {
  expect(directionOf(text)).toBe(direction);
});
