/**
 * The page with a real voice: how soon after a sentence's end it is heard, and whether it is what stands there.
 *
 * Needs `lam voice` (docs/guides/voice.md); LAM_SPEECH_URL and LAM_TRANSCRIPTION_URL say where it is. What Chromium plays is given to the
 * listener, and compared word by word. Headless Chromium plays into nothing, at the speed of the sound.
 */

import { expect, test } from "vitest";

import { ask, ended, says } from "../e2e/manners";
import { words } from "../src/words";
import { keep, openStudio } from "./measuring";

const SENTENCES = [
  "The heron stands in the shallow water.",
  "It waits for a long time without moving.",
  "Then it sees a small fish.",
  "The bird strikes faster than the eye can follow.",
  "After that it flies slowly home.",
];
const RATE = 8;
const SLOW = { timeout: 60_000 };

interface Moment {
  what: "shown" | "playing" | "paused";
  text: string;
  at: number;
}

function plain(text: string): string[] {
  return text.toLowerCase().match(/[a-z]+/g) ?? [];
}

/** How many words have to be changed, added or left out. */
function errors(said: string[], heard: string[]): number {
  let row = Array.from({ length: heard.length + 1 }, (_, at) => at);
  for (const [down, word] of said.entries()) {
    const next = [down + 1];
    for (const [at, other] of heard.entries())
      next.push(Math.min((next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1, (row[at] ?? 0) + Number(word !== other)));
    row = next;
  }
  return row.at(-1) ?? 0;
}

test("a reply is read aloud by the real voice while it grows, and silence comes at once", async () => {
  if (!process.env["LAM_SPEECH_URL"] || !process.env["LAM_TRANSCRIPTION_URL"]) throw new Error("lam voice is not there");
  const studio = await openStudio({ tokens: 1, rate: 0 });
  const pieces = SENTENCES.flatMap((sentence) => `${sentence} `.match(/\S+\s/g) ?? []);
  await studio.script({ pieces, rate: RATE });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const said: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/api/speech")) said.push((request.postDataJSON() as { text: string }).text);
  });
  await page.evaluate((sentences) => {
    const moments: Moment[] = [];
    const sounds: Blob[] = [];
    Object.assign(window, { moments, sounds });
    const address = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (sound) => {
      if (sound instanceof Blob) sounds.push(sound);
      return address(sound);
    };
    const note = (what: Moment["what"], text = ""): void => void moments.push({ what, text, at: performance.now() });
    const ordinary = Reflect.get<HTMLMediaElement, "play">(HTMLMediaElement.prototype, "play");
    const known = new WeakSet<HTMLMediaElement>();
    HTMLMediaElement.prototype.play = function (this: HTMLMediaElement) {
      if (!known.has(this)) {
        known.add(this);
        this.addEventListener("playing", () => note("playing"));
        this.addEventListener("pause", () => note("paused"));
      }
      return ordinary.call(this);
    };
    const wanted = [...sentences];
    const look = (): void => {
      while (wanted[0] !== undefined && document.querySelector(".answer")?.textContent.includes(wanted[0]))
        note("shown", wanted.shift());
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  }, SENTENCES);
  const moments = (): Promise<Moment[]> => page.evaluate(() => (window as unknown as { moments: Moment[] }).moments);

  await ask(page, "Tell me about the heron");
  await page.getByRole("button", { name: words.speech.read }).click();
  await says(page, "slowly home.");
  await ended(page);
  await expect.poll(async () => (await moments()).filter(({ what }) => what === "playing").length, SLOW).toBe(SENTENCES.length);
  await page.getByRole("button", { name: words.speech.stop }).first().waitFor({ state: "detached", timeout: 30_000 });
  const first = await moments();
  const soon = (first.find(({ what }) => what === "playing")?.at ?? 0) - (first.find(({ what }) => what === "shown")?.at ?? 0);

  const heard = await page.evaluate(async () => {
    const texts: string[] = [];
    for (const sound of (window as unknown as { sounds: Blob[] }).sounds) {
      const answer = await fetch("/api/transcriptions?language=en", {
        method: "POST",
        body: sound,
        headers: { "Content-Type": "audio/wav" },
      });
      texts.push(answer.ok ? ((await answer.json()) as { text: string }).text : await answer.text());
    }
    return texts;
  });
  expect(said).toEqual(SENTENCES);
  const wrong = SENTENCES.reduce((sum, sentence, at) => sum + errors(plain(sentence), plain(heard[at] ?? "")), 0);
  const count = SENTENCES.flatMap(plain).length;

  await page.getByRole("button", { name: words.speech.read }).click();
  await expect.poll(async () => (await moments()).filter(({ what }) => what === "playing").length, SLOW).toBe(SENTENCES.length + 1);
  const pressed = await page.evaluate(() => performance.now());
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: words.speech.read }).waitFor();
  const silent = (await moments()).findLast(({ what }) => what === "paused");
  const played = (await moments()).filter(({ what }) => what === "playing").length;
  keep({
    scenario: "page voice",
    question:
      "How soon is a sentence heard in the page with the voice of lam voice, how much of it is understood, and how soon is it silent?",
    repeat: "LAM_SPEECH_URL=… LAM_TRANSCRIPTION_URL=… npx vitest run --config bench.config.ts bench/voice.bench.ts",
    settings: { sentences: SENTENCES.length, words: count, rate: RATE },
    figures: {
      first_sound_ms: Math.round(soon),
      wrong_words: wrong,
      words: count,
      silent_after_ms: Math.round((silent?.at ?? Infinity) - pressed),
      heard,
      moments: first.map(({ what, text, at }) => `${Math.round(at - (first[0]?.at ?? 0))} ${what} ${text}`),
    },
  });
  expect(played).toBe(SENTENCES.length + 1);
  expect(wrong / count).toBeLessThanOrEqual(0.1);
  await visitor.close();
});
