/** The lab, as somebody uses it who has two prompts and wants to know which one is better. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { COMPACT, DARK, LIGHT, Look, prefer } from "./look";
import { request } from "./manners";
import { AWAY, NO_PAGE, REFUSED, Studio, type Visitor } from "./studio";

const GOOD = "Answer with the city alone. CUE-GOOD";
const BAD = "You are a helpful assistant. CUE-BAD";
const CITIES = ["Paris", "Rome", "Vienna", "Oslo", "Madrid", "Lisbon"];
/** Mazes of size 5 where this leads from the start to the exit. */
const SEEDS = [1, 2, 6, 8, 10, 11];
const WAY = '{"say": "I go right, then down.", "do": {"action": "path", "directions": ["right", "right", "down", "down"]}}';
const WAIT = '{"say": "I do not know.", "do": {"action": "wait"}}';

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 12, rate: 100, slots: 4 });
});

afterAll(async () => {
  await studio.close();
});

beforeEach(async () => {
  await cue(60);
});

/**
 * The good prompt knows the cities and the way, the bad one does not. Answers about other cities than those that are `quick` last
 * until they are stopped.
 */
async function cue(rate: number, quick: readonly string[] = CITIES): Promise<void> {
  const replyOf = (text: string, city: string): { pieces: string[]; rate: number } => ({
    pieces: [...pieces(text), ...Array<string>(quick.includes(city) ? 0 : 400).fill(" And so on.")],
    rate,
  });
  const about = (city: string): string => `capital ${city.length}${city[0]}`;
  await studio.cues([
    ...CITIES.map((city) => ({ text: `CUE-BAD\nWhat is ${about(city)}`, reply: replyOf("I would rather not say.", city) })),
    ...CITIES.map((city) => ({ text: about(city), reply: replyOf(`The capital is ${city}.`, city) })),
    { text: "CUE-WAY", reply: { pieces: pieces(WAY), rate } },
    { text: "CUE-WAIT", reply: { pieces: pieces(WAIT), rate } },
  ]);
}

/** From now on no answer takes time, also of those that run. */
async function rush(): Promise<void> {
  await cue(0);
  await studio.rush();
}

function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,4}/g) ?? [];
}

const cases = CITIES.map((city) => ({
  name: city,
  input: `What is capital ${city.length}${city[0]}?`,
  judge: { type: "contains", value: city },
}));

/** Two templates and a set of cases. */
async function prepare(page: Page): Promise<void> {
  await request(page, "POST", "/api/templates", { title: "Terse", content: GOOD });
  await request(page, "POST", "/api/templates", { title: "Chatty", content: BAD });
  await request(page, "POST", "/api/lab/sets", { title: "Capitals", cases });
}

async function newRun(page: Page, set: string, prompts: string[]): Promise<void> {
  const say = words.lab.form;
  for (const [at, prompt] of prompts.entries()) {
    await page.getByRole("button", { name: say.addPrompt }).click();
    await page.getByLabel(say.prompt(at + 1), { exact: true }).selectOption({ label: prompt });
  }
  await page.getByLabel(say.set).selectOption({ label: set });
}

const standing = (page: Page): ReturnType<Page["locator"]> => page.locator(".run-head [role=status]");
const done = async (page: Page): Promise<void> => standing(page).getByText(/^Done/).waitFor({ timeout: 40_000 });

describe("somebody with two prompts", () => {
  test("writes them, tries one, starts a run, watches it, reloads, and reads which one is better", async () => {
    const visitor = await studio.newcomer({ path: "/templates/new" });
    const { page } = visitor;

    // Two templates are written, as on any day.
    await page.getByLabel(words.templates.title, { exact: true }).fill("Terse");
    await page.getByLabel(words.templates.prompt, { exact: true }).fill(`${GOOD} {{tone=calm}}`);
    await page.getByRole("button", { name: words.templates.create }).click();
    await page.waitForURL(/templates\/\d+$/);

    // One is tried where it is written.
    await page.getByRole("tab", { name: words.templates.views.try }).click();
    await page.getByLabel(words.templates.trial.input).fill("What is capital 5P?");
    await page.getByLabel("tone").fill("warm");
    await page.getByRole("button", { name: words.templates.trial.begin }).click();
    await page.locator(".tried .answer").getByText("The capital is Paris.").waitFor();
    await page.getByText(words.templates.trial.sent).click();
    await page.locator(".tried pre").first().getByText("CUE-GOOD warm").waitFor();
    await page.reload();
    await page.locator(".tried .answer").getByText("The capital is Paris.").waitFor();
    expect(await page.getByLabel("tone").inputValue()).toBe("warm");

    await request(page, "POST", "/api/templates", { title: "Chatty", content: BAD });
    await request(page, "POST", "/api/lab/sets", { title: "Capitals", cases });
    await cue(0.5); // the first four last until the page is there again
    await page.goto(`${studio.url}/lab`);
    await page.getByRole("link", { name: words.lab.form.new }).click();
    await newRun(page, "Capitals", ["Terse", "Chatty"]);
    await page.getByText("2 prompts × 1 model × 6 tasks = 12 trials").waitFor();
    await page.getByRole("button", { name: words.lab.form.begin }).click();

    // Up to four streams are read side by side, and a reload changes nothing.
    await page.waitForURL(/lab\/\d+$/);
    await page
      .locator(".pane")
      .first()
      .getByText(/capital|rather/)
      .waitFor();
    await page.reload();
    await page
      .locator(".pane")
      .first()
      .getByText(/capital|rather/)
      .waitFor();
    expect(await page.locator(".pane").count()).toBeGreaterThan(1);
    await rush();
    await done(page);

    await page.getByRole("tab", { name: words.lab.run.tabs.results }).click();
    await page.getByText(/“Terse.*” is better than “Chatty.*”: 100% against 0% on 6 tasks/).waitFor();
    const rows = page.getByRole("region", { name: words.lab.results.table }).locator("tbody tr");
    expect(await rows.nth(0).innerText()).toMatch(/Terse.*\s6\s+100%/);
    expect(await rows.nth(1).innerText()).toMatch(/Chatty.*\s6\s+0%/);

    // A trial that went wrong becomes a case of its own.
    await page.getByRole("button", { name: /Chatty.*Rome.*not passed/ }).click();
    await page.locator(".exchange").getByText("I would rather not say.").waitFor();
    await page.getByText(words.lab.transcript.sent).click();
    await page.locator(".exchange").getByText("CUE-BAD").waitFor();
    await page.getByRole("button", { name: words.lab.transcript.makeCase }).click();
    await page.getByRole("button", { name: words.lab.transcript.make }).click();
    await page.getByText(words.lab.transcript.made("Regression cases")).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(/lab\/\d+$/);
    await visitor.close();
  });

  test("compares them on mazes, beside games without a model", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await request(page, "POST", "/api/templates", { title: "Knows the way", content: "CUE-WAY" });
    await request(page, "POST", "/api/templates", { title: "Waits", content: "CUE-WAIT" });
    const maze = { size: 5, loops: 0, germs: 0, fog: false, seeds: SEEDS };
    await request(page, "POST", "/api/lab/sets", { title: "Small mazes", maze });
    await cue(4);
    await page.goto(`${studio.url}/lab/new`);
    await newRun(page, "Small mazes", ["Knows the way", "Waits"]);
    await page.getByRole("button", { name: words.lab.form.begin }).click();
    await page.waitForURL(/lab\/\d+$/);
    await page.locator(".pane").first().getByText("I do not know.").first().waitFor();
    await page.locator(".live-text strong").getByText(words.maze.actions.wait, { exact: true }).first().waitFor();
    await rush();
    await done(page);
    await page.getByRole("tab", { name: words.lab.run.tabs.results }).click();
    await page.getByText(/“Knows the way.*” is better than “Waits.*”: 100% against 0% on 6 tasks/).waitFor();
    const table = page.getByRole("region", { name: words.lab.results.table });
    expect(await table.innerText()).toContain(words.lab.baselines["shortest path"]);
    expect(await table.innerText()).toContain(words.lab.baselines["random legal moves"]);
    await page.getByText(/Random legal moves solve \d+%.*“Waits.*” solves fewer/).waitFor();
    await page.getByRole("button", { name: /Knows the way.*maze 1.*solved in 4 steps/ }).click();
    await page.getByText(words.lab.says("I go right, then down.")).waitFor();
    await page.getByText(words.lab.transcript.replay(0, 1)).waitFor();
    await page.getByRole("slider").press("End");
    await page.getByText(words.lab.transcript.replay(1, 1)).waitFor();
    await visitor.close();
  });
});

describe("a run", () => {
  test("is stopped and goes on, a trial alone or all of them", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await prepare(page);
    await cue(2, []);
    const set = { title: "Capitals", cases };
    const templates = [{ title: "Terse", content: GOOD }];
    const { id } = await request<{ id: number }>(page, "POST", "/api/lab/runs", { set, templates });
    await page.goto(`${studio.url}/lab/${id}`);
    await page.locator(".pane").first().getByText(/The/).waitFor();
    await page.locator(".pane").first().getByRole("button", { name: /^Stop/ }).click();
    await standing(page)
      .getByText(/1 stopped/)
      .waitFor();
    await page.getByRole("button", { name: words.lab.run.stopAll }).click();
    await standing(page)
      .getByText(/^Stopped: /)
      .waitFor();
    await cue(0);
    await page.getByRole("button", { name: words.lab.run.resume }).click();
    await done(page);
    await standing(page).getByText("6 of 6 trials complete").waitFor();
    await visitor.close();
  });

  test("goes on after the gateway was killed, and the page with it", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await cue(4);
    const set = { title: "Capitals", cases };
    const templates = [
      { title: "Terse", content: GOOD },
      { title: "Chatty", content: BAD },
    ];
    const { id } = await request<{ id: number }>(page, "POST", "/api/lab/runs", { set, templates });
    await page.goto(`${studio.url}/lab/${id}`);
    await page.locator(".cell[data-mark=passed], .cell[data-mark=missed]").first().waitFor();
    await cue(0.5); // what runs again lasts until the page sees it
    await studio.restartGateway();
    await page
      .locator(".pane")
      .first()
      .getByText(/capital|rather/)
      .waitFor();
    await rush();
    await done(page);
    await standing(page).getByText("12 of 12 trials complete").waitFor();
    expect(await page.locator(".matrix button[data-mark=passed]").count()).toBe(6);
    visitor.pardon(AWAY); // a browser says that nobody answered
    await visitor.close();
  });

  test("is read and opened with the keyboard alone", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await cue(0);
    const set = { title: "Capitals", cases };
    const templates = [
      { title: "Terse", content: GOOD },
      { title: "Chatty", content: BAD },
    ];
    const { id } = await request<{ id: number }>(page, "POST", "/api/lab/runs", { set, templates });
    await page.goto(`${studio.url}/lab/${id}`);
    await done(page);
    await page.locator(".matrix [tabindex='0']").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(/Chatty.*Rome/);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("I would rather not say.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("tab", { selected: true }).focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("tab", { selected: true }).innerText()).not.toBe(words.lab.run.tabs.live);
    await visitor.close();
  });
});

describe("a set", () => {
  test("is written by form, with what is wrong said where it is, and taken from a file", async () => {
    const visitor = await studio.newcomer({ path: "/lab/sets" });
    const { page } = visitor;
    await page.getByRole("link", { name: words.lab.sets.new }).click();
    await page.getByLabel(words.templates.title, { exact: true }).fill("Sums");
    await page.getByLabel(words.lab.sets.input, { exact: true }).fill("2 + 2?");
    await page.getByRole("combobox", { name: words.lab.judges.judge, exact: true }).selectOption("matches");
    await page.getByRole("button", { name: words.templates.create }).click();
    await page.getByRole("alert").getByText("Case 1: Write the pattern.").waitFor();
    await page.getByLabel(words.lab.judges.pattern, { exact: true }).fill("\\b4\\b");
    await page.reload();
    await expect.poll(() => page.getByLabel(words.templates.title, { exact: true }).inputValue()).toBe("Sums");
    await page.getByRole("button", { name: words.templates.create }).click();
    await page.getByText(words.lab.sets.saved("Sums")).waitFor();

    const file = (text: string) => ({ name: "cases.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
    await page.setInputFiles("input[type=file]", file("name,input,contains,equals\nA,Hello,hi,hi\n"));
    await page
      .getByRole("alert")
      .getByText(/Line 2/)
      .waitFor();
    await page.setInputFiles("input[type=file]", file("name,input,contains\nA,Hello,hi\nB,Bye,bye\n"));
    await page.getByLabel(words.templates.title, { exact: true }).waitFor();
    await page.getByRole("heading", { name: words.lab.sets.case(2) }).waitFor();
    visitor.pardon(REFUSED); // a browser says that a request was refused
    await visitor.close();
  });
});

describe.each([
  [1280, [LIGHT, { ...DARK, ...COMPACT }]],
  [360, [{ ...LIGHT, ...COMPACT }, DARK]],
] as const)("at %i pixels", (width, appearances) => {
  let visitor: Visitor;

  test("every state of the lab is without a violation", async () => {
    visitor = await studio.newcomer({ path: NO_PAGE, ...LIGHT, viewport: { width, height: 900 }, reducedMotion: "reduce" });
    const { page } = visitor;
    await prefer(page, appearances[0]);
    const look = new Look(page, `${width}`, appearances);
    const state = (name: string): Promise<void> => look.at(name);

    await page.goto(`${studio.url}/lab`);
    await page.getByText(words.lab.list.empty).waitFor();
    await state("lab 01 empty");
    await prepare(page);
    await page.goto(`${studio.url}/lab/new`);
    await page.getByText(words.lab.form.promptsHint).waitFor();
    await state("lab 02 new run, empty");
    await newRun(page, "Capitals", ["Terse", "Chatty", words.lab.form.ownText]);
    await page.getByText(words.lab.form.more).click();
    await state("lab 03 new run");
    await page.getByRole("button", { name: words.lab.form.begin }).click();
    await page.getByRole("alert").waitFor();
    await page.getByRole("alert").scrollIntoViewIfNeeded();
    await state("lab 04 new run, refused");
    await page.getByRole("button", { name: words.lab.form.removePrompt(3) }).click();
    await cue(4, ["Paris"]);
    await page.getByRole("button", { name: words.lab.form.begin }).click();
    await page
      .locator(".pane")
      .nth(1)
      .getByText(/The|would/)
      .waitFor();
    await page.locator(".cell[data-mark=passed]").first().waitFor();
    await state("lab 05 running");
    await page.locator(".pane").first().scrollIntoViewIfNeeded();
    await state("lab 06 running, streams");
    await page.getByRole("tab", { name: words.lab.run.tabs.results }).click();
    await page.getByText(words.lab.results.soFar).waitFor();
    await state("lab 07 running, results");
    await page.locator(".matrix button[data-mark=running]").first().click();
    await page.getByRole("dialog").waitFor();
    await state("lab 08 running trial");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: words.lab.run.stopAll }).click();
    await standing(page)
      .getByText(/^Stopped: /)
      .waitFor();
    await state("lab 09 stopped");
    await cue(0);
    await page.getByRole("button", { name: words.lab.run.resume }).click();
    await done(page);
    await page.getByText(/is better than/).waitFor();
    await state("lab 10 done");
    await page.locator(".bars").scrollIntoViewIfNeeded();
    await state("lab 11 done, plot");
    await page.getByRole("tab", { name: words.lab.run.tabs.setup }).click();
    await state("lab 12 setup");
    await page.getByRole("button", { name: /Chatty.*Rome.*not passed/ }).click();
    await page.locator(".exchange").getByText("I would rather not say.").waitFor();
    await state("lab 13 trial");
    await page.getByRole("button", { name: words.lab.transcript.makeCase }).click();
    await state("lab 14 make a case");
    await page.keyboard.press("Escape");

    const maze = { size: 5, loops: 0, germs: 0, fog: false, seeds: SEEDS };
    const { id } = await request<{ id: number }>(page, "POST", "/api/lab/runs", {
      set: { title: "Small mazes", maze },
      templates: [
        { title: "Knows the way", content: "CUE-WAY" },
        { title: "Waits", content: "CUE-WAIT" },
      ],
    });
    await page.goto(`${studio.url}/lab/${id}`);
    await done(page);
    await page.goto(`${studio.url}/lab/${id}`);
    await page.getByText(/is better than/).waitFor();
    await state("lab 15 mazes");
    await page.getByRole("region", { name: words.lab.results.table }).scrollIntoViewIfNeeded();
    await state("lab 16 mazes, figures");
    await page.getByRole("button", { name: /Knows the way.*maze 1/ }).click();
    await page.getByText(words.lab.says("I go right, then down.")).waitFor();
    await state("lab 17 maze trial");
    await page.goto(`${studio.url}/lab`);
    await page.getByRole("table").waitFor();
    await state("lab 18 runs");

    await page.goto(`${studio.url}/lab/sets`);
    await page.getByText("Capitals").waitFor();
    await state("lab 19 sets");
    await page.goto(`${studio.url}/lab/sets?set=new`);
    await page.getByRole("combobox", { name: words.lab.judges.judge, exact: true }).selectOption("model");
    await page.getByRole("button", { name: words.lab.sets.addVariable }).click();
    await state("lab 20 new set");
    await page.getByLabel(words.lab.sets.kinds.maze).check();
    await state("lab 21 new set of mazes");

    const { id: template } = await request<{ id: number }>(page, "POST", "/api/templates", {
      title: "Guide",
      content: "You are a guide. Answer with the city alone. CUE-GOOD",
    });
    await request(page, "PATCH", `/api/templates/${template}`, {
      content: "You are a {{tone=calm|How it sounds}} guide for {{city}}. Answer with one city alone. CUE-GOOD",
    });
    await page.goto(`${studio.url}/templates/${template}`);
    await page.locator(".diff").waitFor();
    await page.locator(".diff").scrollIntoViewIfNeeded();
    await state("lab 22 versions");
    await page.getByRole("tab", { name: words.templates.views.try }).click();
    await state("lab 23 try, empty");
    await page.getByRole("button", { name: words.templates.trial.compare }).click();
    await page.getByLabel("city").fill("Paris");
    await page.getByLabel(words.templates.trial.input).fill("What is capital 5P?");
    await cue(2);
    await page.getByRole("button", { name: words.templates.trial.begin }).click();
    await page.locator(".tried .answer .markdown").nth(1).getByText(/The/).waitFor();
    await state("lab 24 try, running");
    await studio.rush();
    await page.locator(".tried .answer").nth(1).getByText("The capital is Paris.").waitFor();
    await page.locator(".tried .figures").nth(1).waitFor();
    await page.getByText(words.templates.trial.sent).first().click();
    await page.getByText(words.templates.trial.difference).click();
    await state("lab 25 tried");
    await page.goto(`${studio.url}/lab/999999`);
    await page.getByText(words.lab.run.missing).waitFor();
    await state("lab 26 missing");

    expect(look.findings).toEqual(look.clean);
    visitor.pardon(REFUSED); // a browser says that a request was refused
    await visitor.close();
  });
});
