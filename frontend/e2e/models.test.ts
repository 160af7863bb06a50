/** Which model answers: the button at the top and the picker, with models of every state, by the keyboard alone, and seen. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { spoken } from "./languages";
import { Look } from "./look";
import { NO_PAGE, Studio, type Visitor } from "./studio";

const SAMPLING = { temperature: 0.7, top_p: 0.9, max_tokens: 1024 };

function model(name: string, facts: Record<string, unknown>): Record<string, unknown> {
  return { name, n_ctx: null, can: { images: false }, server: null, servers: [], state: "ready", places: 1, busy: 0, ...facts };
}

/** As several servers say it. */
const MODELS = [
  model("quick", { n_ctx: 32768, servers: ["gpu", "lab"], places: 8, busy: 3, can: { images: true, tools: true, thinking: true } }),
  model("clever", {
    n_ctx: 131072,
    servers: ["gpu"],
    state: "busy",
    places: 4,
    busy: 4,
    can: { images: false, thinking: true },
    price: { input: 0.5, output: 2 },
    note: "Thinks before it answers.",
  }),
  model("SmolLM2-135M-Instruct.Q4_1-with-a-name-that-is-longer-than-a-phone-is-wide", {
    n_ctx: 4096,
    servers: ["home"],
    state: "asleep",
    can: { images: true },
    note: "Tells eight colours apart.",
  }),
  model("tiny", { n_ctx: 2048, servers: ["home-2"], state: "loading" }),
  model("far", { servers: ["far"], state: "unreachable" }),
];

let studio: Studio;
let visitor: Visitor | undefined;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 3, rate: 0 });
});
afterAll(() => studio.close());

async function withModels(page: Page, models: readonly unknown[]): Promise<void> {
  await page.route("**/api/models", (route) =>
    route.fulfill({ json: { models, default: (models[0] as { name: string }).name, sampling: SAMPLING } }),
  );
  await page.goto(studio.url);
  await page.getByLabel(words.composer.label, { exact: true }).waitFor();
}

describe.each([
  ["light", 1280, "en"],
  ["dark", 360, "en"],
  ["light", 360, "ar"],
  ["dark", 1280, "ar"],
] as const)("%s at %i pixels, %s", (colorScheme, width, language) => {
  beforeAll(() => spoken(language));
  afterAll(() => spoken("en"));

  test("each model says where it runs, what it can do and whether a reply could begin, and the keyboard chooses one", async () => {
    const guest = await studio.newcomer({
      path: NO_PAGE,
      colorScheme,
      locale: language,
      viewport: { width, height: 740 },
      reducedMotion: "reduce",
    });
    const { page } = guest;
    await withModels(page, MODELS);
    const look = new Look(page, [colorScheme, width, language].join(" "));
    await look.at("models 1 button");
    await page.keyboard.press("Control+m");
    const options = page.getByRole("option");
    await options.nth(5).waitFor();
    const texts = await options.allTextContents();
    for (const [place, said] of [
      [1, words.picker.free(5, 8)],
      [1, words.picker.tools],
      [1, words.picker.thinks],
      [1, words.picker.sees],
      [2, words.picker.full(4)],
      [2, words.picker.price(0.5, 2)],
      [3, words.picker.asleep],
      [4, words.admin.states.loading],
      [5, words.admin.states.unreachable],
    ] as const)
      expect(texts[place]).toContain(said);
    expect(texts[4]).not.toContain(words.picker.sees);
    await look.at("models 2 picker");
    await page.keyboard.press("ArrowUp"); // to the last one
    await page.locator("[role=option][aria-selected=true]").getByText("far").first().waitFor();
    await look.at("models 3 end of the picker");
    await page.keyboard.type("smol");
    await options.nth(1).waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    const button = page.getByRole("button", { name: new RegExp(`^${words.options.model} SmolLM2`) });
    await button.getByText(words.admin.states.asleep).waitFor({ state: width < 760 ? "attached" : "visible" });
    expect(await button.getAttribute("title")).toContain(words.admin.states.asleep);
    await look.at("models 4 asleep");
    expect(look.findings).toEqual(look.clean);
    await guest.close();
  });
});

describe("the picker while it is open", () => {
  beforeEach(async () => {
    visitor = await studio.newcomer({ path: NO_PAGE });
  });
  afterEach(async () => {
    await visitor?.close();
    visitor = undefined;
  });

  test("shows a model that loads, and then that it is ready", async () => {
    const { page } = visitor as Visitor;
    let state = "asleep";
    await page.route("**/api/models", (route) =>
      route.fulfill({
        json: { models: [model("tiny", { servers: ["home"], state })], default: "tiny", sampling: SAMPLING },
      }),
    );
    await page.goto(studio.url);
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    await page.keyboard.press("Control+m");
    const option = page.getByRole("option").nth(1);
    await option.getByText(words.picker.asleep).waitFor();
    state = "loading";
    await option.getByText(words.admin.states.loading).waitFor();
    state = "ready";
    await option.getByText(words.picker.free(1, 1)).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
  });
});
