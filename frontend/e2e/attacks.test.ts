/**
 * What a model may say to do harm, in a real browser under the page's own policy. Each case comes a character at a time, so that its
 * beginnings are painted too; tests/attacks.test.tsx has looked at what every one of them becomes.
 */

import { afterAll, beforeAll, expect, test } from "vitest";

import { CASES } from "../tests/attack-cases";
import { words } from "../src/words";
import { ask, ended } from "./manners";
import { Studio } from "./studio";

const AT_ONCE = 6;

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: 0 });
});

afterAll(async () => {
  await studio.close();
});

test("no script runs, nothing is asked of another origin, and the policy is never even needed", async () => {
  const visitor = await studio.newcomer();
  const elsewhere: string[] = [];
  const dialogs: string[] = [];
  const reports: string[] = [];
  const { context } = visitor;
  context.on("request", (request) => {
    if (!request.url().startsWith(studio.url)) elsewhere.push(request.url());
  });
  context.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await context.exposeFunction("reported", (directive: string) => reports.push(directive));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => {
      (window as unknown as { reported: (directive: string) => void }).reported(violatedDirective);
    });
  });
  await studio.cues(CASES.map((text, at) => ({ text: `Attack ${at}.`, reply: { pieces: Array.from(text), rate: 60 } })));
  const tabs = await Promise.all(Array.from({ length: AT_ONCE }, () => visitor.tab("/")));
  for (let from = 0; from < CASES.length; from += AT_ONCE) {
    const answers = [];
    for (const [at, tab] of tabs.entries()) {
      if (from + at >= CASES.length) continue;
      await tab.getByRole("link", { name: words.studio.newConversation }).click();
      await tab.locator(".answer").waitFor({ state: "detached" });
      await ask(tab, `Attack ${from + at}.`);
      await tab.locator(".answer").waitFor();
      answers.push(ended(tab));
    }
    await Promise.all(answers);
    for (const tab of tabs) {
      for (const link of await tab.locator(".markdown a").all()) {
        expect(await link.getAttribute("href")).toMatch(/^(https?:|\/\/|mailto:|#|$)/);
        expect(await link.getAttribute("rel")).toContain("noopener");
      }
      expect(await tab.locator(".markdown :is(script, iframe, img, svg:not(.lucide), form, style, link, object)").count()).toBe(0);
    }
  }
  expect({ elsewhere, dialogs, reports }).toEqual({ elsewhere: [], dialogs: [], reports: [] });
  await visitor.close();
});
