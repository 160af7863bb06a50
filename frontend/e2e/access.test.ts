/** The frame and access: by the keyboard, at 400 %, with wide text, with edges that can be seen, in another language. */

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { ar } from "../src/words/ar";
import { spoken } from "./languages";
import { answer, ask, ended } from "./manners";
import { Studio, type Visitor } from "./studio";

let studio: Studio;
let visitor: Visitor;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 20, rate: 500 });
});

afterAll(async () => {
  await studio.close();
});

afterEach(async () => {
  await spoken("en");
  await visitor.close();
});

const PLACES = ["/", "/templates", "/templates/new", "/maze", "/lab", "/lab/new", "/usage", "/settings", "/nowhere"];

async function settledAt(page: Page, path: string): Promise<void> {
  await page.goto(studio.url + path);
  await page.locator("h1").first().waitFor();
}

test("the frame and its list stand around every page, and say which page this is", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "One");
  await ended(page);
  for (const name of ["templates", "maze", "lab", "usage", "settings"] as const) {
    await page.getByRole("link", { name: words.pages[name], exact: true }).click();
    await page.getByRole("heading", { name: words.pages[name], level: 1 }).waitFor();
    await page.getByRole("link", { name: words.pages[name], exact: true }).and(page.locator("[aria-current=page]")).waitFor();
    expect(
      await page.getByRole("navigation", { name: words.studio.conversations }).getByRole("link", { name: "One" }).count(),
    ).toBe(1);
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("scrolls");
  }
  await page.getByRole("link", { name: "One" }).click();
  await answer(page).waitFor();
});

test("the first key leads past the list, and the next one is in the page", async () => {
  visitor = await studio.newcomer({ path: "/settings" });
  const { page } = visitor;
  await page.locator("h1").first().waitFor();
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.getByRole("button", { name: words.navigation.skip }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.querySelector(".content")?.contains(document.activeElement))).toBe(true);
});

test("a press on an example sends it, and the conversation begins", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  const [title, text] = words.studio.starters[0] ?? ["", ""];
  expect(await page.getByRole("list", { name: words.studio.startersLabel }).getByRole("button").count()).toBe(4);
  await page.getByRole("button", { name: title }).click();
  await page.locator(".turn").getByText(text).waitFor();
  await ended(page);
  expect(await page.getByRole("list", { name: words.studio.startersLabel }).count()).toBe(0);
});

test("the model is chosen by the keyboard alone, and the focus is back where one writes", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "One");
  await ended(page);
  const button = page.getByRole("button", { name: new RegExp(`^${words.options.model} scripted`) });
  await button.getByText(words.admin.states.ready).waitFor({ state: "attached" });
  await page.getByLabel(words.composer.label, { exact: true }).focus();
  await page.keyboard.press("Control+m");
  const field = page.getByRole("combobox", { name: words.picker.find });
  await field.waitFor();
  await page.getByRole("option").nth(1).waitFor();
  expect(await field.getAttribute("aria-expanded")).toBe("true");
  const stored = page.waitForResponse((response) => response.request().method() === "PATCH");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect((await (await stored).json()) as { model: string }).toMatchObject({ model: "scripted" });
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
});

test("who speaks is heard as a heading, and is no part of what is copied", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "One");
  await ended(page);
  await page.getByRole("heading", { name: words.thread.you, level: 2 }).waitFor();
  await page.getByRole("heading", { name: words.thread.model, level: 2, exact: true }).waitFor();
  const copied = await page.evaluate(() => {
    const thread = document.querySelector(".thread") as Element;
    getSelection()?.selectAllChildren(thread);
    return getSelection()?.toString() ?? "";
  });
  expect(copied).toContain("word1");
  expect(copied).not.toContain(words.thread.you);
});

test("at 400 % (320 × 256) nothing is wider than the screen, and a message is sent", async () => {
  visitor = await studio.newcomer({ viewport: { width: 320, height: 256 } });
  const { page } = visitor;
  await ask(page, "One");
  await ended(page);
  const wide: string[] = [];
  for (const path of PLACES) {
    await settledAt(page, path);
    const isWide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll(".scrolls, .middle")].some(
        (box) => box.scrollWidth > box.clientWidth,
      ),
    );
    if (isWide) wide.push(path);
  }
  expect(wide).toEqual([]);
});

test("text that is set as wide as WCAG 1.4.12 asks for is cut nowhere", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  const cut: [string, string[]][] = [];
  for (const path of PLACES) {
    await settledAt(page, path);
    const found = await page.evaluate(() => {
      for (const element of document.querySelectorAll<HTMLElement>("body *")) {
        element.style.setProperty("line-height", "1.5", "important");
        element.style.setProperty("letter-spacing", "0.12em", "important");
        element.style.setProperty("word-spacing", "0.16em", "important");
      }
      return [...document.querySelectorAll<HTMLElement>("button, a, label, h1, h2, h3, p, dt, dd, summary, legend")]
        .filter((one) => one.checkVisibility() && !one.matches(".for-ears, .title, .skip, :has(.title), .for-ears *"))
        .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
        .map((one) => one.outerHTML.slice(0, 120));
    });
    if (found.length > 0) cut.push([path, found]);
  }
  expect(cut).toEqual([]);
});

test.each(["light", "dark"] as const)(
  "in %s colours the edges of fields stand out 3 : 1 from what is around them",
  async (colorScheme) => {
    visitor = await studio.newcomer({ colorScheme });
    const { page } = visitor;
    const faint: string[] = [];
    for (const path of ["/", "/templates/new", "/lab/new", "/settings"]) {
      await settledAt(page, path);
      faint.push(
        ...(await page.evaluate(() => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", {
            willReadFrequently: true,
          }) as OffscreenCanvasRenderingContext2D;
          const light = (colour: string): number => {
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [r = 0, g = 0, b = 0] = [...canvas.getImageData(0, 0, 1, 1).data]
              .map((part) => part / 255)
              .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = (element: Element | null): string => {
            const colour = element === null ? "white" : getComputedStyle(element).backgroundColor;
            return colour === "rgba(0, 0, 0, 0)" ? ground((element as Element).parentElement) : colour;
          };
          return [...document.querySelectorAll("input, textarea, select, .composer .box")]
            .filter((one) => one.checkVisibility() && !one.matches("[type=checkbox], [type=radio], [type=range], .box textarea"))
            .filter((one) => {
              const [a, b] = [light(getComputedStyle(one).borderTopColor), light(ground(one.parentElement))];
              return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 3;
            })
            .map((one) => one.outerHTML.slice(0, 120));
        })),
      );
    }
    expect(faint).toEqual([]);
  },
);

test("another language is chosen in the settings at once, keeps the focus, and is there after a reload", async () => {
  visitor = await studio.newcomer({ path: "/settings" });
  const { page } = visitor;
  await page.locator("h1").first().waitFor();
  await page.getByLabel(words.settings.language).selectOption("ar");
  await spoken("ar");
  await page.getByRole("heading", { name: words.pages.settings, level: 1 }).waitFor();
  expect(await page.evaluate(() => document.documentElement.dir)).toBe("rtl");
  await page.reload();
  await page.getByLabel(words.settings.language).selectOption("en");
  await spoken("en");
  await page.getByRole("heading", { name: words.pages.settings, level: 1 }).waitFor();
  expect(await page.evaluate(() => document.documentElement.dir)).toBe("ltr");
});

test("what comes with the product is named in Arabic, and what people wrote stays as they wrote it", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  const ids = await page.evaluate(async () => {
    const read = async <T>(path: string): Promise<T> => (await (await fetch(path)).json()) as T;
    const own = { title: "Practice", cases: [{ name: "Small", input: "Fog?" }] };
    await fetch("/api/lab/sets", { method: "POST", body: JSON.stringify(own), headers: { "Content-Type": "application/json" } });
    return {
      presets: (await read<{ key: string }[]>("/api/chatbot/presets")).map(({ key }) => key),
      mazes: (await read<{ name: string }[]>("/api/maze/sets")).map(({ name }) => name),
      sets: (await read<{ id: string; builtin: boolean }[]>("/api/lab/sets")).filter((one) => one.builtin).map(({ id }) => id),
    };
  });
  expect(Object.keys(ar.builtIn.presets).sort()).toEqual(ids.presets.toSorted());
  expect(Object.keys(ar.builtIn.sets).sort()).toEqual(ids.sets.toSorted());
  expect(ids.mazes.filter((name) => ar.builtIn.sets[name]?.description === undefined)).toEqual([]);

  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: words.studio.options, exact: true }).click();
  const prompt = (): Promise<string> => page.getByLabel(words.options.systemPrompt).inputValue();
  await page.getByLabel(words.options.preset).selectOption("maze");
  expect(await prompt()).toContain("You guide a player");
  await ask(page, "One");
  await ended(page);
  const path = new URL(page.url()).pathname;

  await settledAt(page, "/settings");
  await page.getByLabel(words.settings.language).selectOption("ar");
  await spoken("ar");
  await page.getByRole("heading", { name: words.pages.settings, level: 1 }).waitFor();
  await page.goto(studio.url + path);
  const preset = page.getByLabel(words.options.preset);
  await expect.poll(() => preset.inputValue()).toBe("maze"); // chosen in the other language
  expect(await preset.locator("option").allInnerTexts()).toEqual([
    words.common.none,
    ...ids.presets.map((key) => ar.builtIn.presets[key]?.title),
  ]);
  await preset.selectOption("general");
  await expect.poll(prompt).toBe(ar.builtIn.presets["general"]?.prompt);
  await page.getByText(words.options.saved).waitFor();
  await page.reload();
  await expect.poll(() => preset.inputValue()).toBe("general");

  await settledAt(page, "/maze");
  await page
    .getByRole("option", { name: ar.builtIn.sets["fog"]?.title ?? "", exact: true })
    .first()
    .waitFor({ state: "attached" });
  await page.getByText(ar.builtIn.sets["practice"]?.description ?? "").waitFor();
  await settledAt(page, "/lab/sets");
  const titles = page.locator("main section .title");
  await expect.poll(() => titles.count()).toBe(ids.sets.length + 1);
  expect(await titles.allInnerTexts()).toEqual(
    expect.arrayContaining(["Practice", ...ids.sets.map((id) => ar.builtIn.sets[id]?.title)]),
  );
});
