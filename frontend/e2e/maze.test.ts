/**
 * The maze in a real Chromium, against the gateway with the scripted model: played by hand, with hints, by the model, and seen again.
 * Each state is looked at by axe and, with PICTURES=1, kept as a picture in e2e/pictures/.
 */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { GameAnswer } from "../src/api/schema";
import { offset, replay, type Action, type Direction, type State } from "../src/protocol/maze";
import { words } from "../src/words";
import { COMPACT, DARK, LIGHT, Look, prefer } from "./look";
import { ARROWS, winning } from "./mazes";
import { AWAY, NO_PAGE, REFUSED, Studio, type Visitor } from "./studio";

const { maze } = words;
const PATIENCE = { timeout: 30_000, interval: 250 };

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 100, rate: 30 });
});

afterAll(async () => {
  await studio.close();
});

/** The steps of a way that wins, up to the first wait. */
function wayOut(state: State): Direction[] {
  const steps = winning(state);
  const waits = steps.indexOf(undefined);
  return (waits === -1 ? steps : steps.slice(0, waits)) as Direction[];
}

async function gameOf(page: Page): Promise<GameAnswer> {
  const path = new URL(page.url()).pathname;
  return (await page.evaluate(
    async (id) => (await (await fetch(`/api/maze/games/${id}`)).json()) as unknown,
    path.split("/").at(-1),
  )) as GameAnswer;
}

function stateOf({ seed, settings, actions }: GameAnswer): State {
  const state = replay(
    seed,
    settings,
    actions.map(({ action }) => action),
  ).at(-1);
  if (state === undefined) throw new Error("a game has a state");
  return state;
}

/** What the model answers from now on. */
async function scripted(say: string, action: Action, rate = 0): Promise<void> {
  await studio.script({ pieces: JSON.stringify({ say, do: action }).match(/[^]{1,5}/g), rate });
}

async function begin(
  page: Page,
  { mode = "manual", set = "practice" }: { mode?: "manual" | "lam"; set?: string } = {},
): Promise<void> {
  await page.goto(`${studio.url}/maze`);
  await page.getByRole("radio", { name: maze[mode], exact: false }).check();
  await page.getByRole("combobox", { name: maze.where, exact: true }).selectOption(set);
  await page.getByRole("button", { name: maze.begin }).click();
  await page.locator(".maze-board").waitFor();
}

async function walk(page: Page, way: readonly Direction[]): Promise<void> {
  for (const direction of way) await page.keyboard.press(ARROWS[direction]);
}

describe("playing oneself", () => {
  test("a game is begun, won and seen again with the keyboard alone", async () => {
    const visitor = await studio.newcomer({ path: "/maze" });
    const { page } = visitor;
    await page.getByText(maze.noGames).waitFor();
    const isAtStart = (): Promise<boolean> => page.evaluate((name) => document.activeElement?.textContent === name, maze.begin);
    for (let tabs = 0; !(await isAtStart()) && tabs < 40; tabs++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator(".maze-board").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe("maze-frame");
    const game = await gameOf(page);
    await page.keyboard.press("p"); // no time passes between two steps, however late they are
    await walk(page, wayOut(stateOf(game)));
    await page.getByText(maze.score(1000)).waitFor();
    const won = await gameOf(page);
    expect([won.status, won.result.score, won.result.steps]).toEqual(["won", 1000, won.result.shortest]);

    const slider = page.getByRole("slider", { name: maze.position });
    await slider.focus();
    await page.keyboard.press("Home");
    expect(await slider.getAttribute("aria-valuetext")).toBe(maze.positionText(0, won.actions.length));
    await page.keyboard.press("ArrowRight");
    expect(await slider.inputValue()).toBe("1");
    await page.goto(`${studio.url}/maze`);
    await page.getByText(maze.score(1000)).first().waitFor();
    await visitor.close();
  });

  test("time passes while nobody acts, and not while the page is out of sight", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await begin(page);
    const ticks = page.locator(".maze-gauges li").first();
    const tick = async (): Promise<number> => Number(/\d+/.exec((await ticks.textContent()) ?? "")?.[0]);
    const [first] = wayOut(stateOf(await gameOf(page)));
    await walk(page, first === undefined ? [] : [first]);
    await page.waitForFunction(() => Number(/\d+/.exec(document.querySelector(".maze-gauges li")?.textContent ?? "")?.[0]) >= 3);
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const before = await tick();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 2000)));
    expect(await tick()).toBe(before);
    await visitor.close();
  });

  test("a finger moves the player: by swipes, and by the arrows on the page", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE, viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    const { page } = visitor;
    await begin(page);
    const [first = "down", second = "down"] = wayOut(stateOf(await gameOf(page)));
    const box = await page.locator(".maze-board").boundingBox();
    if (box === null) throw new Error("the board is not in the page");
    const client = await visitor.context.newCDPSession(page);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const to = { up: [x, y - 40], down: [x, y + 40], left: [x - 40, y], right: [x + 40, y] }[first] as [number, number];
    await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
    await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: to[0], y: to[1] }] });
    await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await page.getByRole("slider", { name: maze.position }).waitFor();
    await page.getByRole("button", { name: maze.stopClock }).click();
    await page.getByRole("button", { name: maze.move(maze.directions[second]) }).click();
    await expect
      .poll(async () => (await gameOf(page)).actions.filter(({ action }) => action.action === "move"), PATIENCE)
      .toHaveLength(2);
    await visitor.close();
  });

  test("a hint’s first word is on screen within two frames of its first token", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await page.addInitScript(() => {
      const clock = { frame: 0, token: -1, word: -1 };
      Object.assign(window, { clock });
      const count = (): void => {
        clock.frame++;
        requestAnimationFrame(count);
      };
      requestAnimationFrame(count);
      const { prototype } = ReadableStreamDefaultReader;
      const read = Reflect.get(prototype, "read") as (this: unknown) => Promise<{ value?: unknown }>;
      Reflect.set(prototype, "read", async function (this: unknown) {
        const result = await read.call(this);
        const text = result.value instanceof Uint8Array ? new TextDecoder().decode(result.value) : String(result.value);
        if (clock.token === -1 && text.includes("Sesame")) clock.token = clock.frame;
        return result;
      });
      new MutationObserver(() => {
        if (clock.word === -1 && document.querySelector(".bubble .said")?.textContent.includes("Sesame") === true)
          clock.word = clock.frame;
      }).observe(document, { childList: true, subtree: true, characterData: true });
    });
    await begin(page);
    await studio.script({ pieces: ['{"say": "Sesame', " opens", " soon", '"}'], rate: 5, wait: 0.3 });
    await page.keyboard.press("h");
    await page.locator(".bubble .said").getByText("Sesame").waitFor();
    const { token, word } = await page.evaluate(() => (window as unknown as { clock: { token: number; word: number } }).clock);
    expect(token).toBeGreaterThan(0);
    expect(word - token).toBeLessThanOrEqual(2);
    await visitor.close();
  });

  test("a hint streams, is shown on the board, and is followed with Enter; who moves on stops it", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await begin(page);
    const way = wayOut(stateOf(await gameOf(page)));
    await scripted("Three steps at once, all of them open.", { action: "path", directions: way.slice(0, 3) }, 30);
    await page.keyboard.press("h");
    await page.locator(".bubble .said").getByText("Three").waitFor();
    await page.locator(".maze-board .preview").waitFor();
    await page.getByRole("button", { name: maze.follow }).waitFor();
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await gameOf(page)).result.steps, PATIENCE).toBeGreaterThanOrEqual(3);

    await scripted(`I think for a ${"long, ".repeat(100)}long time about it.`, { action: "wait" }, 4);
    await page.keyboard.press("h");
    await page.locator(".bubble .said").getByText("I think").waitFor();
    await walk(page, way.slice(3, 4));
    await page.getByText(maze.overtaken).waitFor();
    await expect.poll(async () => (await gameOf(page)).stream_id, PATIENCE).toBeNull();
    await visitor.close();
  });
});

test("when the gateway dies, what was done meanwhile is stored once it is back, and a hint can be asked for again", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  const { page } = visitor;
  await begin(page);
  await page.getByRole("button", { name: maze.stopClock }).click();
  const way = wayOut(stateOf(await gameOf(page)));
  await scripted("A long sentence, which the gateway does not live to see the end of, whatever it does.", { action: "wait" }, 4);
  await page.keyboard.press("h");
  await page.locator(".bubble .said").getByText("A long").waitFor();
  await studio.killGateway();
  await walk(page, way.slice(0, 3));
  await studio.startGateway();
  await expect.poll(async () => (await gameOf(page)).actions.length, PATIENCE).toBe(3);
  const [next = "down"] = way.slice(3);
  await scripted("Now it works.", { action: "move", direction: next });
  await page.getByRole("button", { name: maze.hintAgain }).click(PATIENCE);
  await page.locator(".bubble .said").getByText("Now it works").waitFor();
  await page.getByRole("button", { name: maze.follow }).click();
  await expect.poll(async () => (await gameOf(page)).actions.length, PATIENCE).toBe(4);
  visitor.pardon(AWAY); // a browser says that it reached nobody
  await visitor.close();
});

/** Answers each hint of a game with the next steps to the exit, until none is left; `ask` begins each. */
async function playOn(page: Page, length: number, ask: () => Promise<void>): Promise<void> {
  for (let count = 0; ; count++) {
    const game = await gameOf(page);
    if (game.status !== "playing") return;
    const way = wayOut(stateOf(game)).slice(0, length);
    const action: Action = way.length === 0 ? { action: "wait" } : { action: "path", directions: way };
    await scripted(`Step ${count}: ${way.join(", ")}.`, action);
    await ask();
    await expect.poll(async () => (await gameOf(page)).actions.length, PATIENCE).toBe(game.actions.length + 1);
  }
}

describe("the model plays", () => {
  test("to the end, one action at a time and by itself; a reload in the middle loses nothing; others see it again", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await begin(page, { mode: "lam" }); // without germs: time can be lost
    await studio.script({ pieces: ['{"say": "I run into', ' a wall.", "do": {"action": "move", "direction": "up"}}'] });
    await page.getByRole("button", { name: maze.step }).click();
    const entries = page.locator(".maze-timeline li");
    await entries
      .first()
      .getByText(maze.verdict("exact", false, true))
      .waitFor();
    await studio.script({ pieces: ['{"say": "Cut off", "do": {"action": "wait"'] });
    await page.getByRole("button", { name: maze.step }).click();
    await entries
      .nth(1)
      .getByText(/repaired/)
      .waitFor();

    await scripted("A long sentence, so that somebody can reload the page in the middle of it.", { action: "wait" }, 6);
    await page.getByRole("button", { name: maze.step }).click();
    await page.locator(".bubble .said").getByText("A long").waitFor();
    await page.reload();
    await page.locator(".bubble .said").getByText("A long sentence").waitFor();
    await expect.poll(async () => (await gameOf(page)).actions.length, PATIENCE).toBe(3);

    await playOn(page, 4, () => page.getByRole("button", { name: maze.step }).click());
    await page.getByText(maze.endings.won.lam).first().waitFor();
    const game = await gameOf(page);
    const hints = await entries.count();
    expect([game.status, game.result.illegal, hints]).toEqual(["won", 1, game.actions.length]);
    await page.getByText(maze.score(game.result.score ?? 0)).waitFor();

    await entries.nth(1).getByRole("button").click();
    expect(await page.getByRole("slider", { name: maze.position }).inputValue()).toBe("1");
    await page.locator(".bubble .said").getByText("Cut off").waitFor();
    await page.getByText(maze.sent).click();
    await page.locator(".maze-inside").getByText("You walk through a maze").waitFor();
    await page.getByRole("button", { name: maze.replay, exact: true }).click();
    await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>(".scrubber input")?.value) >= 3);

    const other = await studio.newcomer({ path: "/maze" });
    await other.page
      .getByRole("link", { name: /replay of maze/ })
      .first()
      .click();
    await other.page.getByText(maze.modes.watch).waitFor();
    expect(await other.page.getByRole("slider", { name: maze.position }).inputValue()).toBe("0");
    expect(await other.page.getByRole("button", { name: maze.step }).count()).toBe(0);
    await other.close();
    await visitor.close();
  });

  test("by itself, until it is paused; a failure of the model is said and can be tried again", async () => {
    const visitor = await studio.newcomer({ path: NO_PAGE });
    const { page } = visitor;
    await begin(page, { mode: "lam" });
    await scripted("I wait.", { action: "wait" });
    await page.getByRole("button", { name: maze.run }).click();
    await page.locator(".maze-timeline li").nth(2).waitFor();
    await page.getByRole("button", { name: maze.pause }).click();
    await page.getByRole("button", { name: maze.runOn }).waitFor();
    await expect.poll(() => page.getByRole("button", { name: maze.step }).isEnabled(), PATIENCE).toBe(true); // the last one is here
    await expect.poll(async () => (await gameOf(page)).stream_id, PATIENCE).toBeNull();
    const { actions } = await gameOf(page);
    await studio.script({ fault: "bad_request" });
    await page.getByRole("button", { name: maze.step }).click();
    await page.locator(".bubble .problem").waitFor();
    expect((await gameOf(page)).actions).toHaveLength(actions.length);
    const [first = "down"] = wayOut(stateOf(await gameOf(page)));
    await scripted("Now it works.", { action: "move", direction: first });
    await page.getByRole("button", { name: maze.step }).click();
    await expect.poll(async () => (await gameOf(page)).actions.length, PATIENCE).toBe(actions.length + 1);
    visitor.pardon(REFUSED); // a browser says that a request failed
    await visitor.close();
  });
});

test("who wants no motion sees each state at once", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE, reducedMotion: "reduce" });
  const { page } = visitor;
  await begin(page);
  const state = stateOf(await gameOf(page));
  const [first = "down"] = wayOut(state);
  const to = state.player + offset(7, first);
  const places = await page.evaluate(async (key) => {
    const player = document.querySelector(".maze-board .player");
    const positions = new Set<string>();
    const observer = new MutationObserver(() => positions.add(player?.getAttribute("transform") ?? ""));
    if (player !== null) observer.observe(player, { attributes: true });
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 400));
    return [...positions];
  }, ARROWS[first]);
  expect(places).toEqual([`translate(${((to % 7) + 0.5).toFixed(3)} ${(Math.floor(to / 7) + 0.5).toFixed(3)})`]);
  await visitor.close();
});

describe.each([
  [1280, [LIGHT, { ...DARK, ...COMPACT }]],
  [360, [{ ...LIGHT, ...COMPACT }, DARK]],
  [1600, [LIGHT]],
] as const)("at %i pixels", (width, appearances) => {
  test("every state of the maze is without a violation", async () => {
    const visitor: Visitor = await studio.newcomer({
      path: NO_PAGE,
      colorScheme: appearances[0].colorScheme,
      viewport: { width, height: width > 1500 ? 1000 : 800 },
      reducedMotion: "reduce",
    });
    const { page } = visitor;
    await prefer(page, appearances[0]);

    const look = new Look(page, `${width}`, appearances);
    const state = (name: string): Promise<void> => look.at(`maze ${name}`);

    await page.goto(`${studio.url}/maze`);
    await page.getByText(maze.noGames).waitFor();
    await state("01 nothing played yet");
    await page.getByRole("combobox", { name: maze.where, exact: true }).selectOption({ label: maze.ownSeed });
    await page.getByRole("checkbox", { name: maze.fog }).check();
    await page.getByRole("radio", { name: maze.sources.own }).check();
    await page.getByText(maze.more).click();
    await page.locator(".maze-picture svg").waitFor();
    await state("02 a maze of one’s own");
    await page.getByRole("button", { name: maze.begin }).click();
    await page.locator(".maze-board").waitFor();
    await state("03 fog");
    await page.getByRole("button", { name: maze.powerShort.scan }).click();
    await page.getByRole("button", { name: maze.stopClock }).click();
    await page.getByText(maze.clockStopped).waitFor();
    await state("04 scanned");

    await begin(page, { set: "germs" });
    await state("05 begun");
    const way = wayOut(stateOf(await gameOf(page)));
    await page.keyboard.press("p"); // the germs are where the way expects them
    await walk(page, way.slice(0, 6));
    await scripted(
      "The exit is far below and to the right. I follow the long corridor before I turn.",
      {
        action: "path",
        directions: way.slice(6, 12),
      },
      30,
    );
    await page.keyboard.press("h");
    await page.locator(".bubble .said").getByText("The exit is far").waitFor();
    await state("06 a hint streams");
    await page.getByRole("button", { name: maze.hintAgain }).waitFor();
    await page.getByText(maze.sent).click();
    await page.locator(".maze-inside").getByText("You walk through a maze").waitFor();
    await state("07 a hint");
    await page.keyboard.press("b");
    await page.getByText(maze.aim).waitFor();
    await page.getByText(maze.inWords).click();
    await state("08 which wall");
    await page.keyboard.press("Escape"); // wherever the focus is
    await page.getByText(maze.aim).waitFor({ state: "detached" });
    await page.keyboard.press("l");
    await page.getByText(maze.slowed(19)).waitFor();
    await state("09 germs are slow");
    await page.keyboard.press("f");
    await page.getByText(/^Germs frozen/).waitFor();
    await state("10 germs are frozen");
    await page.getByRole("button", { name: maze.giveUp }).click();
    await page.getByText(maze.giveUpText).waitFor();
    await state("11 asked once");
    await page.getByRole("dialog").getByRole("button", { name: maze.giveUp }).click();
    await page.getByRole("button", { name: maze.again }).waitFor();
    await state("12 given up");

    await begin(page);
    await page.keyboard.press("p");
    await walk(page, wayOut(stateOf(await gameOf(page))));
    await page.getByText(maze.score(1000)).waitFor();
    await state("13 won");

    await begin(page, { mode: "lam", set: "small" });
    await state("14 the model is to play");
    await studio.script({ pieces: ["{", "\n", ...Array<string>(200).fill(" ")], rate: 4 });
    await page.getByRole("button", { name: maze.step }).click();
    await page.getByText(maze.writing).waitFor();
    await page.getByRole("button", { name: maze.stop, exact: true }).click();
    await page.getByText(maze.stopped).waitFor();
    await studio.script({ pieces: ["I would go up, but there is no JSON here."] });
    await page.getByRole("button", { name: maze.step }).click();
    const entries = page.locator(".maze-timeline li");
    await entries.nth(1).getByText(maze.noAction).waitFor();
    await state("15 unreadable");
    await studio.script({ pieces: ['{"say": "Cut off", "do": {"action": "move", "direction": "up"'] });
    await page.getByRole("button", { name: maze.step }).click();
    await entries.nth(2).waitFor();
    await studio.script({ fault: "bad_request" });
    await page.getByRole("button", { name: maze.step }).click();
    await page.locator(".bubble .problem").waitFor();
    await entries.nth(3).waitFor();
    await state("16 the model failed");
    await playOn(page, 5, () => page.getByRole("button", { name: maze.step }).click());
    await page.getByText(maze.endings.won.lam).first().waitFor();
    await state("17 the model won");
    await entries.nth(4).getByRole("button").click();
    await state("18 the past");
    await page.locator(".maze-timeline").scrollIntoViewIfNeeded();
    await entries.last().scrollIntoViewIfNeeded();
    await state("19 timeline");

    await page.goto(`${studio.url}/maze`);
    await page.getByRole("combobox", { name: maze.boardOf }).selectOption("small");
    await page
      .getByRole("link", { name: /replay of maze/ })
      .first()
      .waitFor();
    await state("20 games");
    await page.getByRole("region", { name: maze.boards }).scrollIntoViewIfNeeded();
    await page.getByRole("combobox", { name: maze.boardOf }).focus();
    await state("21 leaderboards");
    await page.goto(`${studio.url}/maze/999999`);
    await page.getByText(words.failure.notFoundTitle).waitFor();
    await state("22 no such game");

    expect(look.findings).toEqual(look.clean);
    visitor.pardon(REFUSED); // a browser says that a request failed
    await visitor.close();
  });
});
