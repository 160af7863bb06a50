/** A reply's texts and pictures stand in their order, however much of the text is shown. */

import { expect, test } from "vitest";

import { piecesOf, picturesLeftOut } from "../src/features/chat/pieces";
import type { Part } from "../src/protocol/parts";

const text = (said: string): Part => ({ type: "text", text: said });
const image = (id: string): Part => ({ type: "image", id, width: 4, height: 3 });

/** *Here [a b] and there* */
function written(parts: readonly Part[], shown: string): string {
  return piecesOf(parts, shown)
    .map((piece) => (piece.kind === "text" ? piece.text : `[${piece.pictures.map(({ id }) => id).join(" ")}]`))
    .join("|");
}

const PARTS = [text("Here"), image("a"), image("b"), text(" and there")];

test("pictures beside each other stand together, between the texts around them", () => {
  expect(written(PARTS, "Here and there")).toBe("Here|[a b]| and there");
  expect(written([image("a"), text("So")], "So")).toBe("[a]|So");
  expect(written([image("a")], "")).toBe("[a]");
});

test("a text that was stopped earlier has the pictures up to there", () => {
  expect(written(PARTS, "Here a")).toBe("Here|[a b]| a");
  expect(written(PARTS, "He")).toBe("He");
});

test("text beyond the known parts stands at the end, and an empty reply is an empty text", () => {
  expect(written(PARTS, "Here and there, and on")).toBe("Here|[a b]| and there, and on");
  expect(written([text("So")], "So on")).toBe("So on");
  expect(written([], "So")).toBe("So");
  expect(written([], "")).toBe("");
});

test("tool calls between texts part nothing", () => {
  expect(written([text("a"), { type: "tool_call", id: null, name: "f", arguments: "{}" }, text("b")], "ab")).toBe("ab");
});

test("the pictures that a reply was made without are those that its metadata name", () => {
  expect(picturesLeftOut({ pictures_left_out: ["a", "b"] })).toEqual([{ id: "a" }, { id: "b" }]);
  expect([picturesLeftOut(null), picturesLeftOut({ pictures_left_out: "a" }), picturesLeftOut({ pictures_left_out: [1] })]).toEqual(
    [[], [], []],
  );
});
