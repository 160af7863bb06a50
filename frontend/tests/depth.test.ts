import { expect, test } from "vitest";

import { highlighted } from "../src/components/markdown/highlight";

test.each([
  ["javascript", "`${"],
  ["typescript", "${`"],
  ["bash", '"$('],
  ["ruby", '"#{'],
  ["python", 'f"{'],
  ["kotlin", '"${'],
  ["rust", "/*"],
  ["swift", "/*"],
  ["xml", "<script>"],
])("code in %s that is quoted in itself thousands of times stays plain: a browser could not lay it out", (language, piece) => {
  expect(highlighted(language, piece.repeat(2_000))).toBeNull();
  expect(highlighted(language, `${piece} x`)).not.toBeNull();
});
