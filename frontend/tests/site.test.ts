import { expect, test } from "vitest";

import { pagesFor, pathOf, sessionPath } from "../src/site";

test("an admin sees every page of a user, and the admin page", () => {
  const names = (isAdmin: boolean): string[] => pagesFor({ isAdmin }).map(({ name }) => name);
  expect(names(true).filter((name) => !names(false).includes(name))).toEqual(["admin"]);
  expect(names(false)).not.toContain("signIn");
});

test("no two pages have the same address, and each has a title", () => {
  const pages = pagesFor({ isAdmin: true });
  expect(new Set(pages.map(({ path }) => path)).size).toBe(pages.length);
  expect(pages.filter(({ title }) => title === "")).toEqual([]);
});

test("a message is looked for in its session", () => {
  expect(pathOf("studio")).toBe("/");
  expect([sessionPath(7), sessionPath(7, 12)]).toEqual(["/c/7", "/c/7?message=12"]);
});
