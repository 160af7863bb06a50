/** A room for a class: its owner at the desk, guests on their own devices. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Room } from "../src/api/rooms";
import { words, type Words } from "../src/words";
import { ar } from "../src/words/ar";
import { Look } from "./look";
import { ask, ended, request, says } from "./manners";
import { NO_PAGE, REFUSED, Studio, type Visitor } from "./studio";

type Device = Parameters<Browser["newContext"]>[0];

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const say = words.rooms;

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 400, rate: 25, slots: 16, also: { LAM_ROOMS: "true" } });
});

afterAll(async () => {
  await studio.close();
});

/** Somebody who may open rooms, at the list of theirs. */
async function owner(options: Device = {}): Promise<Visitor> {
  const visitor = await studio.newcomer({ path: NO_PAGE, ...options });
  const { id } = await request<{ id: number }>(visitor.page, "GET", "/api/auth/me");
  await studio.asAdmin("PATCH", `/api/admin/users/${id}`, { is_admin: true });
  await visitor.page.goto(`${studio.url}/rooms`);
  await visitor.page.getByRole("heading", { level: 1, name: words.pages.rooms }).waitFor();
  return visitor;
}

const DAY_MS = 86_400_000;

async function open(page: Page, changes: Partial<Room> = {}): Promise<Room> {
  const room = await request<Room>(page, "POST", "/api/rooms", {
    title: "Physics, class 9b",
    expires_at: new Date(Date.now() + 2 * DAY_MS).toISOString(),
    ...changes,
  });
  await page.goto(`${studio.url}/rooms/${room.id}`);
  await page.getByRole("heading", { level: 1, name: room.title }).waitFor();
  return room;
}

/** A guest who came in by the code, as people do. */
async function guest(code: string, nickname: string, device: Device = {}, spoken: Words = words): Promise<Visitor> {
  const visitor = await studio.stranger("/join", device); // as it stands beside the code
  const { page } = visitor;
  await page.getByLabel(spoken.rooms.join.code).fill(code.toLowerCase().replace("-", " "));
  await page.keyboard.press("Enter");
  await page.getByLabel(spoken.rooms.join.nickname).fill(nickname);
  await page.keyboard.press("Enter");
  await page.waitForURL(/rooms\/\d+$/);
  await page.getByLabel(spoken.composer.label, { exact: true }).waitFor();
  return visitor;
}

const tile = (page: Page, name: string) =>
  page
    .getByRole("list", { name: say.tiles.label })
    .getByRole("listitem")
    .filter({ has: page.getByRole("button", { name: say.tiles.look(name) }) });

/** A word from that one on: a tile drops the beginning of a long text. */
const since = (first: number): RegExp => new RegExp(`word([${first / 10}-9]\\d|[1-3]\\d\\d)\\b`);

describe("a class", () => {
  test("is let in by a code, is seen writing, listens, and is sent home", async () => {
    const teacher = await owner();
    const { page } = teacher;
    const look = new Look(page, "desktop");
    await page.getByText(say.none).waitFor();
    await look.at("rooms none");

    // A room is opened by the form.
    await page.getByRole("link", { name: say.new }).click();
    await page.getByLabel(say.form.title).fill("Physics, class 9b");
    await look.at("rooms form");
    await page.getByRole("button", { name: say.form.open }).click();
    await page.waitForURL(/rooms\/\d+$/);
    await page.getByText(say.owner.empty).waitFor();
    const inPage = page.getByRole("img", { name: say.entrance.picture });
    await expect.poll(() => inPage.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
    await look.at("room empty");
    const code = await page.locator(".entrance > code").innerText();
    expect(code).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    await page.getByRole("button", { name: say.entrance.show }).click();
    const picture = page.getByRole("dialog").getByRole("img", { name: say.entrance.picture });
    await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
    await look.at("room code");
    await page.keyboard.press("Escape");

    // Guests come in, each with a device of their own.
    const ana = await guest(code, "Ana", PHONE);
    const omar = await guest(code, "عمر", { locale: "ar", colorScheme: "dark" }, ar);
    const ben = await guest(code, "Ben", { forcedColors: "active" });
    await tile(page, "Ana").waitFor();
    await tile(page, "Ben").waitFor();
    await page
      .getByText(say.tiles.manyJoined(3))
      .or(page.getByText(/joined\./))
      .first()
      .waitFor({ state: "attached" });
    const looks = { ana: new Look(ana.page, "phone"), omar: new Look(omar.page, "arabic"), ben: new Look(ben.page, "forced") };
    await looks.ana.at("room new");
    await looks.omar.at("room new");
    await looks.ben.at("room new");

    // They write, and the owner sees each reply while it runs.
    await ask(ana.page, "Why is the sky blue?");
    await omar.page.getByLabel(ar.composer.label, { exact: true }).fill("لماذا السماء زرقاء؟");
    await omar.page.keyboard.press("Enter");
    await ask(ben.page, "And at sunset?");
    await tile(page, "Ana").getByText(since(30)).waitFor();
    await tile(page, "عمر").getByText(since(30)).waitFor();
    await page.getByText(say.owner.status(3, 3)).waitFor();
    await look.at("room running");
    await says(ana.page, "word50");
    await looks.ana.at("room reply");
    await looks.omar.at("room reply");
    await looks.ben.at("room reply");

    // One is looked at closely, and shown to all.
    await page.getByRole("button", { name: say.tiles.look("Ana") }).click();
    await page.getByRole("dialog").getByText("Why is the sky blue?").waitFor();
    await page.getByRole("dialog").getByText("word60").waitFor();
    await look.at("room close");
    await page.getByRole("dialog").getByRole("button", { name: say.look.project }).click();
    await page.getByRole("dialog").getByRole("button", { name: say.look.unproject }).waitFor();
    await ben.page.getByRole("heading", { name: say.visit.shown("Ana") }).waitFor();
    await ben.page.locator(".projection").getByText("word60").waitFor();
    await looks.ben.at("room projection");
    await looks.omar.at("room projection");
    await looks.ana.at("room projection");
    await page.getByRole("dialog").getByRole("button", { name: say.look.unproject }).click();
    await ben.page.locator(".projection").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");

    // Everybody is told something, and everybody pauses.
    await page.getByRole("button", { name: say.owner.message }).click();
    await page.getByLabel(say.owner.sayLabel).fill("Five more minutes, then we talk about it.");
    await page.getByRole("button", { name: say.owner.say }).click();
    await ana.page.getByText("Five more minutes, then we talk about it.").waitFor();
    await page.getByRole("button", { name: say.owner.pause }).click();
    await ana.page.getByText(say.visit.paused).waitFor();
    await omar.page.getByText(ar.rooms.visit.paused).waitFor();
    await ana.page.getByLabel(words.composer.label, { exact: true }).fill("One more thing");
    await ana.page.keyboard.press("Enter");
    await look.at("room paused");
    await looks.ana.at("room paused");
    await looks.omar.at("room paused");
    expect(await ana.page.getByLabel(words.composer.label, { exact: true }).inputValue()).toBe("One more thing");
    await page.getByRole("button", { name: say.owner.resume }).click();
    await ana.page.getByText(say.visit.paused).waitFor({ state: "detached" });

    // Nobody else comes in, whoever is in stays.
    await page.getByRole("button", { name: say.owner.actions }).click();
    await page.getByRole("menuitem", { name: say.owner.lock }).click();
    await page.locator(".room-standing").getByText(say.locked).waitFor();
    const late = await studio.stranger(`/join#${code}`); // as the picture has it
    await late.page.getByLabel(say.join.nickname).fill("Late");
    await late.page.keyboard.press("Enter");
    await late.page.getByText(say.join.locked).waitFor();
    await new Look(late.page, "desktop").at("room locked out");
    await late.context.close(); // a refusal is in its console
    await ana.page.reload();
    await ana.page.locator(".answer").first().waitFor();

    // It is kept as a file, and over.
    await page.getByRole("button", { name: say.owner.actions }).click();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: say.owner.export }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^room-\d+\.zip$/);
    await page.getByRole("button", { name: say.owner.actions }).click();
    await page.getByRole("menuitem", { name: say.owner.end }).click();
    await look.at("room end");
    await page.getByRole("button", { name: say.owner.endDoes }).click();
    await page.waitForURL(/rooms$/);
    await ana.page.getByRole("heading", { name: say.visit.over }).waitFor();
    await omar.page.getByRole("heading", { name: ar.rooms.visit.over }).waitFor();
    await looks.ana.at("room over");
    await looks.omar.at("room over");

    for (const one of [look, ...Object.values(looks)]) expect(one.findings).toEqual(one.clean);
    await teacher.close();
    for (const one of [ana, omar, ben]) await one.context.close();
  });

  test("whose people see each other reads the others, and a task has a leaderboard", async () => {
    const teacher = await owner();
    const task = { kind: "maze" as const, set: "small" };
    const { code } = await open(teacher.page, { shows_others: true, task });
    const ana = await guest(code ?? "", "Ana", PHONE);
    const ben = await guest(code ?? "", "Ben", { colorScheme: "dark" });
    await ask(ana.page, "Hello");
    await ben.page.getByRole("tab", { name: say.visit.others }).click();
    await tile(ben.page, "Ana").getByText(since(20)).waitFor();
    const look = new Look(ben.page, "dark");
    await look.at("room others");
    await ben.page.getByRole("button", { name: say.tiles.look("Ana") }).click();
    await ben.page.getByRole("dialog").getByText("word30").waitFor();
    expect(await ben.page.getByRole("dialog").getByRole("button", { name: say.look.project }).count()).toBe(0);
    await ben.page.keyboard.press("Escape");
    await ben.page.getByRole("tab", { name: say.leaders.title }).click();
    await ben.page.getByText(say.leaders.empty).waitFor();
    await look.at("room leaders");
    const phone = new Look(ana.page, "phone");
    await ana.page.getByRole("tab", { name: say.visit.others }).click();
    await tile(ana.page, "Ben").waitFor();
    await phone.at("room others");

    // The owner hides them from each other again.
    await teacher.page.getByRole("button", { name: say.owner.actions }).click();
    await teacher.page.getByRole("menuitem", { name: say.owner.hidesOthers }).click();
    await ben.page.getByRole("tab", { name: say.visit.others }).waitFor({ state: "detached" });
    expect(look.findings).toEqual(look.clean);
    expect(phone.findings).toEqual(phone.clean);
    await teacher.close();
    await ana.close();
    await ben.close();
  });

  test("of a room with a maze plays it, attaches a file, and is out at once when they are removed", async () => {
    const teacher = await owner();
    const { code } = await open(teacher.page, { task: { kind: "maze", set: "practice" } });
    const ana = await guest(code ?? "", "Ana", PHONE);
    const omar = await guest(code ?? "", "عمر", { locale: "ar", colorScheme: "dark" }, ar);
    const looks = {
      ana: new Look(ana.page, "phone"),
      omar: new Look(omar.page, "arabic"),
      teacher: new Look(teacher.page, "desktop"),
    };
    const { page } = ana;

    await page.setInputFiles("input[type=file][multiple]", [
      { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Water boils at 100 degrees.") },
    ]);
    await page.getByText("notes.txt").waitFor();
    await looks.ana.at("room file");
    await ask(page, "What do my notes say?");
    await tile(teacher.page, "Ana").getByText(since(20)).waitFor();

    for (const [visitor, spoken, look] of [
      [ana, words, looks.ana],
      [omar, ar, looks.omar],
    ] as const) {
      await visitor.page.getByRole("tab", { name: spoken.rooms.visit.maze }).click();
      await visitor.page.getByRole("button", { name: spoken.maze.manual }).waitFor();
      await look.at("room maze");
      await visitor.page.getByRole("button", { name: spoken.maze.manual }).click();
      await visitor.page.getByRole("application").waitFor();
      await look.at("room maze game");
    }
    await page.getByRole("button", { name: words.maze.back }).click();
    await page.getByRole("region", { name: words.maze.myGames }).getByRole("button").waitFor();
    await looks.ana.at("room maze games");
    await page.getByRole("tab", { name: say.leaders.title }).click();
    await page.getByText(say.leaders.me("Ana")).waitFor();

    await teacher.page.getByRole("button", { name: say.tiles.look("Ana") }).click();
    await teacher.page.getByRole("button", { name: say.look.remove }).click();
    await teacher.page.getByText(say.look.removeTitle("Ana")).waitFor();
    await looks.teacher.at("room remove");
    await teacher.page.getByRole("dialog").last().getByRole("button", { name: say.look.remove }).click();
    await page.getByRole("heading", { name: say.visit.removed }).waitFor();
    await looks.ana.at("room removed");
    await tile(teacher.page, "Ana").getByText(say.tiles.states.removed).waitFor();
    await looks.teacher.at("room with one removed");
    for (const look of Object.values(looks)) expect(look.findings).toEqual(look.clean);
    ana.pardon(REFUSED); // of what was asked for as she was removed
    for (const visitor of [teacher, ana, omar]) await visitor.close();
  });

  test("is greeted by a sentence where a code or a nickname is wrong", async () => {
    const teacher = await owner();
    const { code } = await open(teacher.page);
    const ana = await guest(code ?? "", "Ana");
    const other = await studio.stranger("/rooms/join", PHONE);
    const { page } = other;
    await page.getByLabel(say.join.code).fill("AAAA-AAAA");
    await page.keyboard.press("Enter");
    await page.getByText(say.join.unknown).waitFor();
    const look = new Look(page, "phone");
    await look.at("room wrong code");
    await page.getByLabel(say.join.code).fill(code ?? "");
    await page.keyboard.press("Enter");
    await page.getByLabel(say.join.nickname).fill("ANA");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await look.at("room nickname taken");
    await page.getByLabel(say.join.nickname).fill("Ana B");
    await page.keyboard.press("Enter");
    await page.waitForURL(/rooms\/\d+$/);
    expect(look.findings).toEqual(look.clean);
    await other.context.close(); // the refusals are in its console
    await ana.close();
    await teacher.close();
  });
});

test("rooms are named only where somebody may open them", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.getByRole("link", { name: words.pages.settings }).waitFor();
  expect(await page.getByRole("link", { name: words.pages.rooms, exact: true }).count()).toBe(0);
  const { id } = await request<{ id: number }>(page, "GET", "/api/auth/me");
  await studio.asAdmin("PATCH", `/api/admin/users/${id}`, { is_admin: true });
  await page.reload();
  await page.getByRole("link", { name: words.pages.rooms, exact: true }).waitFor();
  await visitor.close();
});

test("a guest who reloads, closes the tab or loses the network finds the reply as it is", async () => {
  const teacher = await owner();
  const { code } = await open(teacher.page);
  const ana = await guest(code ?? "", "Ana");
  await ask(ana.page, "Hello");
  await says(ana.page, "word10");
  await ana.page.reload();
  await says(ana.page, "word30");
  await ana.context.setOffline(true);
  await tile(teacher.page, "Ana").getByText(since(80)).waitFor();
  await ana.context.setOffline(false);
  await says(ana.page, "word90");
  await studio.rush();
  await ended(ana.page);
  await says(ana.page, "word399");
  await ana.context.close(); // the loss is in its console
  await teacher.close();
});

test("whoever is signed in joins as themselves, and comes back to the same conversation by the same code", async () => {
  const teacher = await owner();
  const { code, id } = await open(teacher.page, { seconds: 3600 });
  const member = await studio.newcomer();
  const { page } = member;
  const join = async (): Promise<void> => {
    await page.goto(`${studio.url}/join#${code ?? ""}`);
    await page.getByText(say.join.about("Physics, class 9b")).waitFor();
    expect(await page.getByLabel(say.join.nickname).count()).toBe(0);
    await page.getByRole("button", { name: say.join.join }).click();
    await page.waitForURL(new RegExp(`rooms/${id}$`));
    await page.getByText(say.visit.timeLeft(60)).waitFor();
  };
  await join();
  await ask(page, "Hello");
  await says(page, "word5");
  await page.goto(`${studio.url}/`);
  await join();
  await says(page, "word30");
  const look = new Look(page, "desktop");
  await look.at("room member");
  await teacher.page.locator(".tile").getByText(since(30)).waitFor();
  expect(look.findings).toEqual(look.clean);
  await member.close();
  await teacher.close();
});

test("after the gateway was killed the owner and the guests find the room, and what was said", async () => {
  const teacher = await owner();
  const { code } = await open(teacher.page);
  const ana = await guest(code ?? "", "Ana");
  await ask(ana.page, "Hello");
  await tile(teacher.page, "Ana").getByText(since(40)).waitFor();
  await studio.restartGateway();
  await ana.page
    .getByRole("button", { name: new RegExp(`${words.thread.retry}|${words.thread.continue}`) })
    .first()
    .waitFor();
  await tile(teacher.page, "Ana")
    .getByText(/word\d\d/)
    .waitFor();
  await studio.script({ pieces: Array.from({ length: 400 }, (_, at) => `word${at} `), rate: 5 }); // its beginning stands for a while
  await ask(ana.page, "Once more");
  await tile(teacher.page, "Ana")
    .getByText(/^word0 word1 word2 /)
    .waitFor();
  await teacher.page.getByText(say.owner.status(1, 1)).waitFor();
  await ana.context.close(); // the loss is in the console
  await teacher.context.close();
});
