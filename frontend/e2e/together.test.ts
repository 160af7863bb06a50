/**
 * Two people and a guest in one session, in browsers of their own: how they come, what they see of each other, what each may do.
 *
 * Each state is looked at by axe and kept as a picture in e2e/pictures/.
 */

import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { spoken } from "./languages";
import { DARK, FORCED, LIGHT, Look } from "./look";
import { ask, ended, noticesStay, request, says } from "./manners";
import { NO_PAGE, REFUSED, Studio, type Visitor } from "./studio";

type Options = NonNullable<Parameters<Studio["newcomer"]>[0]>;

let studio: Studio;
let visitors: Visitor[];
let count = 0;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 30, rate: 500, bounds: "presence_left=5" });
});

afterAll(async () => {
  await studio.close();
});

afterEach(async () => {
  await spoken("en");
  for (const visitor of visitors) await visitor.close();
});

async function person(name: string, options: Options = {}): Promise<Page> {
  const visitor = await studio.newcomer({ email: `${name}${++count}@example.org`, ...options });
  visitors.push(visitor);
  return visitor.page;
}

/** Somebody without an account, at the page that the link leads to. */
async function invited(link: string, options: Parameters<Studio["stranger"]>[1] = {}): Promise<Page> {
  const visitor = await studio.stranger(link, options);
  visitors.push(visitor);
  return visitor.page;
}

function share(page: Page): Locator {
  return page.locator(".middle > header").getByRole("button", {
    name: new RegExp(`^(${words.together.title}|${words.together.titleOfMembers}): `),
  });
}

/** Makes a link in the panel, and gives it as an address of this site. */
async function link(page: Page, role: "steer" | "watch"): Promise<string> {
  await share(page).click();
  await page.getByRole("tab", { name: words.together.views.links }).click();
  await page.getByRole("radio", { name: words.together.roles[role] }).check();
  await page.getByRole("button", { name: words.together.createLink }).click();
  const made = await page.getByRole("textbox", { name: words.together.linkTitle }).inputValue();
  expect(made).toMatch(/\/join#[\w-]{22}$/);
  return made.slice(studio.url.length);
}

async function join(page: Page, nickname: string | null): Promise<void> {
  if (nickname !== null) await page.getByLabel(words.together.nickname).fill(nickname);
  await page.getByRole("button", { name: words.together.join, exact: true }).click();
  await page.waitForURL(/\/c\/\d+$/);
}

function name(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const { members } = (await (await fetch(`/api/chatbot/sessions/${location.pathname.slice(3)}/members`)).json()) as {
      members: { name: string; is_me: boolean }[];
    };
    return members.find(({ is_me }) => is_me)?.name ?? "";
  });
}

function composer(page: Page): Locator {
  return page.getByLabel(words.composer.label, { exact: true });
}

/** Somebody types until another one sees it: what was typed before their page knew the person is not shown. */
async function typesUntilSeen(page: Page, nickname: string, other: Page): Promise<void> {
  const types = async (): Promise<boolean> => {
    await composer(page).pressSequentially("Hello ");
    return other.getByText(words.together.typing([nickname])).isVisible();
  };
  await expect.poll(types, { timeout: 30_000 }).toBe(true);
}

test.each([
  ["en", 1280, [LIGHT, { ...DARK, ...FORCED }]],
  ["en", 360, [DARK]],
  ["ar", 360, [LIGHT]],
] as const)("two people and a guest talk with one model (%s, %i pixels, %o)", async (language, width, appearances) => {
  visitors = [];
  await spoken(language);
  const [{ colorScheme }] = appearances;
  const options: Options = { viewport: { width, height: 800 }, colorScheme, locale: language };
  const suffix = `${language} ${width} ${colorScheme}`;
  const ina = await person("ina", options);
  const look = new Look(ina, suffix, appearances);
  await ask(ina, "Tell me a story about a lamp");
  await ended(ina);
  await look.at("together alone");

  const steering = await link(ina, "steer");
  await look.at("together link");
  const ana = await person("ana", { path: steering, ...options });
  const lookAna = new Look(ana, suffix, appearances);
  await ana.getByText(words.together.joinAsYourself).waitFor();
  await lookAna.at("join as oneself");
  await join(ana, null);
  await ended(ana);
  expect(await ana.getByText("Tell me a story about a lamp").count()).toBeGreaterThan(0);

  await ina.getByRole("button", { name: words.together.done }).click();
  await ina.getByRole("button", { name: words.common.close }).click();
  const watching = await link(ina, "watch");
  await ina.keyboard.press("Escape");
  const guest = await invited(watching, options);
  const lookGuest = new Look(guest, suffix, appearances);
  await guest.getByLabel(words.together.nickname).waitFor();
  await lookGuest.at("join as a guest");
  const nickname = language === "ar" ? "سلمى" : "Ben";
  await join(guest, nickname);
  await guest.getByRole("button", { name: words.together.askToSteer }).waitFor();
  await guest.getByText("Tell me a story about a lamp").last().waitFor();
  await lookGuest.at("guest watches");
  expect(await composer(guest).count()).toBe(0);
  expect(await guest.locator(".side, .list-button, .model-button").count()).toBe(0);
  await guest.goto(studio.url + watching); // again, in the same browser
  await guest.getByText(words.together.joinAsBefore).waitFor();
  expect(await guest.getByLabel(words.together.nickname).count()).toBe(0);
  await join(guest, null);
  await guest.getByRole("button", { name: words.together.askToSteer }).waitFor();

  const [nameOfIna, nameOfAna] = [await name(ina), await name(ana)];
  await expect.poll(() => share(ina).textContent()).toContain(nickname);
  expect(await share(ina).textContent()).toContain(nameOfAna);

  await noticesStay(ina);
  await guest.getByRole("button", { name: words.together.askToSteer }).click();
  await guest.getByText(words.together.youAsked).waitFor();
  await ina.getByText(words.together.askedToSteer(nickname)).waitFor();
  await look.at("together asked");
  await ina.locator(".notices").getByRole("button", { name: words.together.allow }).click();
  await composer(guest).waitFor();

  // One reply at a time: what is said meanwhile waits, by whom and in order.
  const pieces = Array.from({ length: 40 }, (_, at) => `word${at} `);
  await studio.script({ pieces, hold: true });
  await ask(ana, "And now one with a fox");
  await studio.step(12);
  await says(ina, "word5");
  await says(guest, "word5");
  await ask(guest, "Then one with a river");
  await ina.locator(".is-waiting").getByRole("heading", { name: nickname }).waitFor();
  await typesUntilSeen(guest, nickname, ina);
  await look.at("together waiting");
  expect(await ina.getByRole("button", { name: words.waiting.takeBack }).count()).toBe(0); // it is another's
  await guest.getByRole("button", { name: words.waiting.takeBack }).waitFor();
  await ina.getByRole("button", { name: words.composer.stop }).click();
  await ana.getByText(words.together.stoppedBy(nameOfIna)).waitFor();
  await ina.locator(".answer .ending").getByText(words.reply.stopped, { exact: true }).waitFor();
  await studio.script({ pieces });
  await guest.getByRole("button", { name: words.waiting.takeBack }).click();
  await ina.locator(".is-waiting").getByRole("heading", { name: nickname }).waitFor({ state: "detached" });

  // Signs, and everybody to one place
  const reply = ana.locator(".answer").first();
  await reply.getByRole("button", { name: words.together.react }).click();
  await ana.getByRole("menuitemcheckbox", { name: /👍/ }).click();
  const sign = words.together.reactionOf(words.together.reactWith["👍"] ?? "", 1);
  await ina.getByRole("button", { name: sign }).waitFor();
  await ana.getByRole("button", { name: sign, pressed: true }).waitFor();
  await reply.getByRole("button", { name: words.together.follow }).click();
  await ina.getByText(words.together.leadsYou(nameOfAna)).waitFor();
  await look.at("together led");
  await lookAna.at("together as a member");

  await share(ina).click();
  await ina.getByText(words.together.presence.here).first().waitFor();
  await look.at("together people");
  await ina.getByRole("tab", { name: words.together.views.history }).click();
  await ina.getByText(words.together.acts.joined(nickname, words.together.roles.watch)).waitFor();
  await look.at("together history");
  await ina.getByRole("tab", { name: words.together.views.people }).click();
  await ina.getByRole("button", { name: words.together.actionsOf(nickname) }).click();
  await ina.getByRole("menuitem", { name: words.together.remove }).click();
  await ina.getByRole("button", { name: words.together.remove, exact: true }).click();
  await guest.getByRole("heading", { name: words.together.removedTitle }).waitFor();
  await lookGuest.at("guest removed");
  await ina.getByRole("button", { name: words.together.actionsOf(nickname) }).waitFor({ state: "detached" });
  await guest.close();
  visitors.at(-1)?.pardon(REFUSED); // of what a guest who was removed is refused

  expect(look.findings).toEqual(look.clean);
  expect(lookAna.findings).toEqual(lookAna.clean);
  expect(lookGuest.findings).toEqual(lookGuest.clean);
});

test("over plain HTTP the link is copied out of its dialog, and lets in a guest where a log-in has expired", async () => {
  visitors = [];
  const ina = await person("ina", { path: NO_PAGE });
  await ina.addInitScript(() => Object.defineProperty(globalThis, "isSecureContext", { value: false }));
  await ina.goto(studio.url);
  await ask(ina, "One");
  await ended(ina);
  const address = await link(ina, "watch");
  await ina.getByRole("button", { name: words.together.copyLink, exact: true }).click();
  await ina.getByRole("button", { name: words.common.copied }).waitFor();
  await ina.keyboard.press("Escape");
  const text = ina.getByLabel(words.composer.label, { exact: true });
  await text.focus();
  await ina.keyboard.press("Control+V");
  expect(await text.inputValue()).toBe(studio.url + address);

  const guest = await invited(address);
  await guest.evaluate(() => localStorage.setItem("signed-in", "yes"));
  await guest.reload();
  await join(guest, "Ben");
  await guest.locator(".said").getByText("One", { exact: true }).waitFor(); // the title says it, too
  visitors.at(-1)?.pardon(REFUSED); // the log-in has expired
});

test("a link that is revoked lets nobody in, and one that is only looked at loses nothing", async () => {
  visitors = [];
  const ina = await person("ina");
  await ask(ina, "One");
  await ended(ina);
  const address = await link(ina, "watch");
  const first = await invited(address);
  await first.getByLabel(words.together.nickname).waitFor();
  await first.reload();
  await first.getByLabel(words.together.nickname).waitFor();
  await ina.getByText(/for 5 people/).waitFor();

  await join(first, "Ben");
  const second = await invited(address);
  await second.getByLabel(words.together.nickname).fill("ben");
  await second.getByRole("button", { name: words.together.join, exact: true }).click();
  await second.getByRole("alert").waitFor(); // somebody has this name
  expect(await second.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("nickname");
  visitors.at(-1)?.pardon(REFUSED); // of the refusal, which is meant

  await ina.getByRole("button", { name: /^Revoke/ }).click();
  await ina.getByText(words.together.noLinks).waitFor();
  const look = new Look(second, "en 1280");
  await second.reload();
  await second.getByRole("heading", { name: words.together.badLink }).waitFor();
  await look.at("join with a bad link");
  await second.goto(`${studio.url}/join`);
  await second.reload();
  await second.getByRole("heading", { name: words.together.noLink }).waitFor();
  await look.at("join without a link");
  visitors.at(-1)?.pardon(REFUSED);
  expect(look.findings).toEqual(look.clean);
});

test("a screen reader hears who came and went in one sentence, and nothing of who types", async () => {
  visitors = [];
  const ina = await person("ina");
  await ask(ina, "One");
  await ended(ina);
  const address = await link(ina, "steer");
  await ina.keyboard.press("Escape");
  await ina.evaluate(() => {
    const heard: string[] = [];
    const gathered: (() => void)[] = [];
    const later = window.setTimeout.bind(window);
    /** The time in which those who came are gathered ends when the test says so. */
    const setTimeout = (run: () => void, ms?: number): number => (ms === 3_000 ? gathered.push(run) : later(run, ms));
    Object.assign(globalThis, { heard, gathered, setTimeout });
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target instanceof Element ? target : target.parentElement)?.closest("[role=status], [role=alert]");
        const text = region?.textContent ?? "";
        if (text !== "" && heard.at(-1) !== text) heard.push(text);
      }
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  const ben = await invited(address);
  await join(ben, "Ben");
  const cem = await invited(address);
  await join(cem, "Cem");
  await typesUntilSeen(cem, "Cem", ina);
  await expect.poll(() => share(ina).textContent()).toMatch(/Ben.*Cem|Cem.*Ben/);
  await ina.evaluate(() => {
    for (const run of (globalThis as unknown as { gathered: (() => void)[] }).gathered) run();
  });
  const heard = (): Promise<string[]> => ina.evaluate(() => (globalThis as unknown as { heard: string[] }).heard);
  await expect.poll(heard).toHaveLength(1);
  expect((await heard())[0]).toBe("Ben and Cem joined.");
});

test("a tab in the background is away and not gone, and a closed one is gone", async () => {
  visitors = [];
  const ina = await person("ina");
  await ask(ina, "One");
  await ended(ina);
  const address = await link(ina, "steer");
  const ben = await invited(address);
  await join(ben, "Ben");
  await ina.getByRole("tab", { name: words.together.views.people }).click();
  const row = ina.getByRole("listitem").filter({ hasText: "Ben" });
  await row.getByText(words.together.presence.here).waitFor();
  await ben.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await row.getByText(words.together.presence.away).waitFor();
  await ben.evaluate(() => {
    Reflect.deleteProperty(document, "visibilityState");
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await row.getByText(words.together.presence.here).waitFor();
  await ben.close();
  await row.getByText(words.together.presence.left).waitFor();
});

test.each([
  ["en", 1280, "light"],
  ["ar", 360, "dark"],
] as const)("a branch is published as exactly what the preview shows, and withdrawn (%s, %i pixels, %s)", async (...variant) => {
  const [language, width, colorScheme] = variant;
  visitors = [];
  await spoken(language);
  const options: Options = { viewport: { width, height: 800 }, colorScheme, locale: language };
  const ina = await person("ina", options);
  visitors.at(-1)?.pardon(/'postMessage' on 'DOMWindow'/); // axe speaks to the frame of the preview, which belongs to nobody
  const look = new Look(ina, `${language} ${width} ${colorScheme}`);
  await ask(ina, "Tell me of <lamps>");
  await ended(ina);
  await share(ina).click();
  await ina.getByRole("tab", { name: words.together.views.publish }).click();
  const preview = ina.frameLocator("iframe");
  await preview.getByText("Tell me of <lamps>").last().waitFor();
  await preview.getByRole("heading", { name: "A", exact: true }).waitFor();
  await look.at("publish");
  await ina.getByLabel(words.together.parts.names).check();
  await preview.getByRole("heading", { name: /^ina\d+$/ }).waitFor();
  await ina.getByRole("button", { name: words.together.publish }).click();
  const address = await ina.getByRole("textbox", { name: words.together.pageTitle }).inputValue();
  await look.at("published");
  const reader = await invited(new URL(address).pathname, options);
  await reader.getByRole("heading", { name: /^ina\d+$/ }).waitFor();
  const lookReader = new Look(reader, `${language} ${width} ${colorScheme}`);
  await lookReader.keep("published page");
  await ina.getByRole("button", { name: words.together.done }).click();
  const [download] = await Promise.all([
    ina.waitForEvent("download"),
    ina.getByRole("link", { name: words.together.download }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.html$/);
  await ina.locator(".cards").getByRole("button", { name: words.together.withdraw }).click();
  await ina
    .getByRole("dialog", { name: words.together.withdrawTitle })
    .getByRole("button", { name: words.together.withdraw })
    .click();
  await ina.getByText(words.together.nothingPublished).waitFor();
  await reader.reload();
  await reader.getByText("Tell me of").waitFor({ state: "detached" });
  visitors.at(-1)?.pardon(REFUSED); // of the page that is gone
  expect(look.findings).toEqual(look.clean);
});

test("who owns it can hand it over and leave", async () => {
  visitors = [];
  const ina = await person("ina");
  await ask(ina, "One");
  await ended(ina);
  const address = await link(ina, "watch");
  const ana = await person("ana");
  await ana.goto(studio.url + address);
  await join(ana, null);
  await ana.getByRole("button", { name: words.together.askToSteer }).waitFor();
  const nameOfAna = await name(ana);
  await ina.getByRole("tab", { name: words.together.views.people }).click();
  await ina.getByRole("button", { name: words.together.actionsOf(nameOfAna) }).click();
  await ina.getByRole("menuitem", { name: words.together.handOver }).click();
  await ina.getByRole("button", { name: words.together.handOver, exact: true }).click();
  await ana.getByText(words.together.nowYou.owner).waitFor();
  await composer(ana).waitFor();
  await ina.getByRole("button", { name: words.together.leave, exact: true }).click();
  await ina.getByRole("dialog", { name: words.together.leaveTitle }).getByRole("button", { name: words.together.leave }).click();
  await ina.waitForURL(`${studio.url}/`);
  await ina.getByRole("link", { name: /One/ }).waitFor({ state: "detached" });
  const session = Number(new URL(ana.url()).pathname.slice(3));
  expect((await request<{ members: unknown[] }>(ana, "GET", `/api/chatbot/sessions/${session}/members`)).members).toHaveLength(1);
});
