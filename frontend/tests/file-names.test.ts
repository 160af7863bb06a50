import fc from "fast-check";
import { expect, test } from "vitest";

import { cutName } from "../src/protocol/file-names";

test.each([
  ["report.txt", "report.txt", ""],
  ["Quarterly figures of the northern branch, final (3).xlsx", "Quarterly figures of the northern branch, final ", "(3).xlsx"],
  ["تقرير المبيعات السنوي للفرع الشمالي النهائي.pdf", "تقرير المبيعات السنوي للفرع الشمالي ", "النهائي.pdf"],
  ["IMG_20240611_182233_panorama_of_the_harbour.jpeg", "IMG_20240611_182233_panorama_of_the_", "harbour.jpeg"],
  ["数".repeat(40) + ".pdf", "数".repeat(36), "数数数数.pdf"],
  [`${"a".repeat(30)}\u0301bcd.pdf`, "a".repeat(29), "a\u0301bcd.pdf"],
  [`${"x".repeat(40)}👩‍👩‍👧👍🏽.pdf`, "x".repeat(40), "👩‍👩‍👧👍🏽.pdf"],
])("%s is cut between words, before its ending", (name, start, end) => {
  expect(cutName(name)).toEqual([start, end]);
});

test("nothing of a name is lost, and what is never cut stays short", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (name) => {
      const [start, end] = cutName(name);
      expect(start + end).toBe(name);
      expect(Array.from(end).length).toBeLessThanOrEqual(16);
    }),
  );
});
