/** Replies that are read aloud by a stand-in for the browser's voices and the gateway's, and a person who talks instead of typing. */

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { spoken as inLanguage } from "./languages";
import { Look } from "./look";
import { ask, ended } from "./manners";
import { AWAY, NO_PAGE, Studio } from "./studio";

/** More than a minute of text. */
const STORY = Array.from({ length: 300 }, (_, at) => `Line ${at + 1} of **Dr. Who** is here. `);

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: 0, whole: true });
});

afterAll(async () => {
  await studio.close();
});

afterEach(() => inLanguage("en"));

/** What the page's stand-in has said, over all reloads, and when it was silenced. */
interface Heard {
  spoken: string[];
  silentAt: number | null;
}

/** Chromium without a desktop has no voices: this one speaks until `endSentence` is called. */
function standIn(): void {
  const heard = (): Heard => JSON.parse(sessionStorage.getItem("heard") ?? '{"spoken": [], "silentAt": null}') as Heard;
  const keep = (changes: Partial<Heard>): void => sessionStorage.setItem("heard", JSON.stringify({ ...heard(), ...changes }));
  class Utterance {
    voice = null;
    lang = "";
    rate = 1;
    onend: (() => void) | null = null;
    constructor(readonly text: string) {}
  }
  let current: Utterance | null = null;
  const synthesis = Object.assign(new EventTarget(), {
    get speaking() {
      return current !== null;
    },
    getVoices: () => [{ name: "Stand-in", lang: "en-GB", voiceURI: "stand-in", default: true, localService: true }],
    speak(utterance: Utterance) {
      current = utterance;
      keep({ spoken: [...heard().spoken, utterance.text] });
    },
    cancel() {
      current = null;
      keep({ silentAt: performance.now() });
    },
  });
  const endSentence = (): void => {
    const utterance = current;
    current = null;
    utterance?.onend?.();
  };
  Object.defineProperty(window, "speechSynthesis", { value: synthesis });
  Object.assign(window, { SpeechSynthesisUtterance: Utterance, endSentence, heard });
}

type Heareable = Window & { heard: () => Heard; endSentence: () => void };

function spoken(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as unknown as Heareable).heard().spoken);
}

/** Waits until so many sentences were spoken, ending each, and gives them all. */
async function hears(page: Page, count: number): Promise<string[]> {
  await page.waitForFunction((wanted) => {
    const { heard, endSentence } = window as unknown as Heareable;
    if (heard().spoken.length < wanted) endSentence();
    return heard().spoken.length >= wanted;
  }, count);
  return spoken(page);
}

/** Does something that silences the voice, and says whether it was silent before the page did anything else. */
async function silences(page: Page, event: "keydown" | "input", act: () => Promise<void>): Promise<boolean> {
  await page.evaluate((name) => {
    const after: { isSilent?: boolean } = {};
    const look = (): void => {
      const actedAt = performance.now();
      setTimeout(() => {
        const { silentAt } = (window as unknown as Heareable).heard();
        after.isSilent = silentAt !== null && silentAt >= actedAt;
      }, 0);
    };
    window.addEventListener(name, look, { capture: true, once: true });
    Object.assign(window, { after });
  }, event);
  await act();
  const isSilent = (): Promise<boolean | undefined> =>
    page.evaluate(() => (window as unknown as { after: { isSilent?: boolean } }).after.isSilent);
  await expect.poll(isSilent).toBeDefined();
  return (await isSilent()) === true;
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `Line ${from + at} of Dr. Who is here.`);

test("a reply is read while it grows, never twice over a reload, and is silent at once when it should be", {
  timeout: 120_000,
}, async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  await visitor.context.addInitScript(standIn);
  const { page } = visitor;
  await page.goto(studio.url);
  await page.getByRole("button", { name: words.studio.options, exact: true }).click();
  const look = new Look(page, "voice");
  await page.getByLabel(words.speech.auto).check();
  await look.at("80 options of reading aloud");
  await page.getByRole("button", { name: words.options.close }).click();

  await studio.script({ pieces: STORY, rate: 4 });
  await ask(page, "Tell me a story");
  expect(await hears(page, 3)).toEqual(lines(1, 3));
  const marked = (): Promise<string> =>
    page.evaluate(() => [...(CSS.highlights.get("spoken") ?? [])].map((range) => (range as Range).toString()).join());
  await expect.poll(marked).toBe("Line 3 of Dr. Who is here");
  await look.at("81 a reply that is read aloud");
  await page.reload();
  expect((await hears(page, 5)).slice(3)).toEqual(lines(4, 5));
  expect(await silences(page, "keydown", () => page.keyboard.press("Escape"))).toBe(true);
  await page.getByText(words.reply.stopped, { exact: true }).waitFor();
  await ended(page);
  expect(await spoken(page)).toEqual(lines(1, 5));
  expect(await marked()).toBe("");

  await page.getByRole("button", { name: words.speech.read }).last().click();
  expect((await hears(page, 7)).slice(5)).toEqual(lines(1, 2));
  await page.setViewportSize({ width: 360, height: 740 });
  await look.at("82 a stored reply that is read aloud, on a phone");
  const field = page.getByLabel(words.composer.label, { exact: true });
  expect(await silences(page, "input", () => field.pressSequentially("W"))).toBe(true);
  await page.getByRole("button", { name: words.speech.read }).last().waitFor();
  expect(await spoken(page)).toHaveLength(7);
  expect(look.findings).toEqual(look.clean);
  await visitor.close();
});

test("in Arabic, in the dark and on a phone, nothing about it stumbles", async () => {
  await inLanguage("ar");
  const visitor = await studio.newcomer({
    path: NO_PAGE,
    locale: "ar",
    colorScheme: "dark",
    viewport: { width: 360, height: 740 },
  });
  await visitor.context.addInitScript(standIn);
  const { page } = visitor;
  await page.goto(studio.url);
  const look = new Look(page, "voice ar");
  await studio.script({ pieces: ["السماء **تمطر**. هل معك مظلة؟\n\n", "1. خذ مظلتي!\n"] });
  await ask(page, "الطقس");
  await ended(page);
  await page.getByRole("button", { name: words.studio.options, exact: true }).click();
  await page.getByLabel(words.speech.voice, { exact: true }).scrollIntoViewIfNeeded();
  await look.at("84 options of reading aloud");
  await page.getByRole("button", { name: words.options.close }).click();
  await page.getByRole("button", { name: words.speech.read }).click();
  expect(await hears(page, 3)).toEqual(["السماء تمطر.", "هل معك مظلة؟", "1. خذ مظلتي!"]);
  await look.at("85 a reply that is read aloud");
  await page.getByRole("button", { name: words.speech.stop }).last().click();
  await page.getByRole("button", { name: words.speech.read }).waitFor();
  expect(look.findings).toEqual(look.clean);
  await visitor.close();
});

/** A tenth of a second of silence. */
function wav(): Buffer {
  const [rate, samples] = [8000, 800];
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples * 2, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples * 2, 40);
  return Buffer.concat([head, Buffer.alloc(samples * 2)]);
}

test("the gateway's voice reads a reply in order, and what is said into the microphone stands in the composer", async () => {
  const visitor = await studio.newcomer({ permissions: ["microphone"] });
  const { page } = visitor;
  const talk = page.getByRole("button", { name: words.speech.talk, exact: true });
  expect(await talk.count()).toBe(0);
  const asked: { text: string; speed: number }[] = [];
  const recordings: { type: string; bytes: number }[] = [];
  let isAway = false;
  await visitor.context.route("**/api/health", async (route) => {
    const response = await route.fetch();
    const about = (await response.json()) as object;
    await route.fulfill({ response, json: { ...about, voice: { speech: true, transcription: true } } });
  });
  await visitor.context.route("**/api/speech", async (route) => {
    asked.push(route.request().postDataJSON() as { text: string; speed: number });
    await route.fulfill({ contentType: "audio/wav", body: wav() });
  });
  await visitor.context.route("**/api/transcriptions", async (route) => {
    const request = route.request();
    recordings.push({ type: request.headers()["content-type"] ?? "", bytes: request.postDataBuffer()?.length ?? 0 });
    if (isAway) await route.fulfill({ status: 503, json: { code: "voice_error", detail: "The server is busy." } });
    else await route.fulfill({ json: { text: "about the sea" } });
  });
  await page.reload();

  await studio.script({ pieces: ["It rains. ", "Take 3.5 umbrellas, e.g. mine.\n\n", "```\nx.\n```\n", "Go!"] });
  await ask(page, "Weather");
  await ended(page);
  await page.getByRole("button", { name: words.speech.read }).click();
  const texts = ["It rains.", "Take 3.5 umbrellas, e.g. mine.", words.speech.names.code, "Go!"];
  await expect.poll(() => asked.map(({ text }) => text)).toEqual(texts);
  await page.getByRole("button", { name: words.speech.read }).waitFor(); // it ends by itself
  expect(await page.getByRole("button", { name: words.speech.stop }).count()).toBe(0);

  const field = page.getByLabel(words.composer.label, { exact: true });
  await field.fill("Tell me");
  const look = new Look(page, "voice");
  for (const hold of ["button", "keys"]) {
    if (hold === "button") {
      await talk.hover();
      await page.mouse.down();
    } else {
      await field.focus();
      await page.keyboard.down("Control");
      await page.keyboard.down("Shift");
      await page.keyboard.down("Space");
    }
    await page.getByText(words.speech.listening, { exact: true }).waitFor();
    if (hold === "button") await look.at("83 listening");
    await page.waitForTimeout(400); // somebody speaks
    if (hold === "button") await page.mouse.up();
    else for (const key of ["Space", "Shift", "Control"]) await page.keyboard.up(key);
    const said = hold === "button" ? "Tell me about the sea" : "Tell me about the sea about the sea";
    await expect.poll(() => field.inputValue()).toBe(said);
  }
  isAway = true;
  await talk.hover();
  await page.mouse.down();
  await page.getByText(words.speech.listening, { exact: true }).waitFor();
  await page.waitForTimeout(400);
  await page.mouse.up();
  await page.getByText(words.speech.notWritten("The server is busy.")).waitFor();
  await look.at("86 a recording that is not written down");
  isAway = false;
  await page.getByRole("button", { name: words.common.tryAgain }).click();
  await expect.poll(() => field.inputValue()).toBe(`Tell me${" about the sea".repeat(3)}`);
  expect(await page.getByRole("button", { name: words.speech.forget }).count()).toBe(0);
  expect(recordings).toHaveLength(4);
  for (const { type, bytes } of recordings) expect([type, bytes > 100]).toEqual([expect.stringMatching(/^audio\//), true]);
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(AWAY);
  await visitor.close();
});
