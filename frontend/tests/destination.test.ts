import { expect, test } from "vitest";

import { ownPath } from "../src/features/account/destination";

const HERE = "https://lam.example";

test.each(["/", "/c/5", "/c/5?message=7#x", "/templates/new", "/%2F%2Fevil.example", "/a//b", "/c/1?next=//evil.example"])(
  "%s is a place on this site",
  (address) => {
    expect(ownPath(address, HERE)).toBe(address);
  },
);

test.each([
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "\\/evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/\r\n\\evil.example",
  "\t//evil.example",
  " //evil.example",
  "\u0000//evil.example",
  "/.//evil.example",
  "/x/..//evil.example",
  "/%2e//evil.example",
  "/./\\evil.example",
  "https://evil.example",
  "https:evil.example",
  "HTTPS://evil.example/",
  "https://lam.example@evil.example/",
  "https://lam.example.evil.example/",
  "http://lam.example/",
  "https://lam.example:444/",
  "javascript:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,x",
  "blob:https://lam.example/x",
  "c/5",
  "",
  "https://[",
  "//",
  "/sign-in?to=/c/1",
])("%j leads to the beginning", (address) => {
  expect(ownPath(address, HERE)).toBe("/");
});

test("every mixture of slashes, dots and blanks stays on this site", () => {
  const parts = ["/", "\\", "\t", "\n", ".", "..", "%2f", "@", ":", "evil.example", "?", "#"];
  for (let code = 0; code < parts.length ** 4; code++) {
    const address =
      [0, 1, 2, 3].map((place) => parts[Math.floor(code / parts.length ** place) % parts.length]).join("") + "//evil.example";
    const path = ownPath(address, HERE);
    expect(new URL(path, HERE).origin, JSON.stringify(address)).toBe(HERE);
    expect(path.startsWith("//"), JSON.stringify(address)).toBe(false);
  }
});
