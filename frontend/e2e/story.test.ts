/**
 * The picture and the animation of the README: a reply that outlives a reload and a gateway that is killed, and goes on by itself.
 * `make pictures` lets it keep its frames in e2e/pictures/story/, named by number and caption.
 */

import { mkdirSync, rmSync } from "node:fs";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { isStored } from "./stored";
import { AWAY, Studio } from "./studio";

const FRAMES = new URL("./pictures/story/", import.meta.url).pathname;
const FRAME_MS = 200;
const IS_FILMED = process.env["STORY"] === "1";
const RATE = 7;
const TEXT =
  "Every evening the keeper climbed the hundred and twelve steps, trimmed the wick, and wrote one line into the log. " +
  "A ship that came in late could read from any line on: who had passed, how the wind stood, and where the last one had stopped. " +
  "One night the lamp went out in the middle of a sentence. The keeper lit it again, found the line, and went on writing. " +
  "The ships had waited, and nobody had to begin anew.";
const PIECES = TEXT.split(/(?<= )/);

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: RATE, whole: true });
});

afterAll(async () => {
  await studio.close();
});

/** Takes a frame again and again, under the caption of the moment. */
class Camera {
  caption = "A reply, word by word";
  private going = IS_FILMED;
  private readonly taken: Promise<void>;

  constructor(page: Page) {
    if (this.going) {
      rmSync(FRAMES, { recursive: true, force: true });
      mkdirSync(FRAMES, { recursive: true });
    }
    this.taken = this.take(page);
  }

  async stop(): Promise<void> {
    this.going = false;
    await this.taken;
  }

  private async take(page: Page): Promise<void> {
    for (let number = 1; this.going; number += 1) {
      const path = `${FRAMES}${String(number).padStart(3, "0")} ${this.caption}.png`;
      await page.screenshot({ path }).catch(() => undefined); // a page that is being loaded has no picture
      await page.waitForTimeout(FRAME_MS);
    }
  }
}

let told = 0;

/** Lets the model go on to these words, and waits until the page shows them. In a film it goes on by itself. */
async function tells(page: Page, last: string): Promise<void> {
  const pieces = TEXT.slice(0, TEXT.indexOf(last) + last.length).split(/(?<= )/).length;
  if (!IS_FILMED) await studio.step(pieces - told);
  told = pieces;
  await says(page, last);
}

test("a reply outlives a reload and a killed gateway, and goes on by itself to its end", async () => {
  await studio.script({ pieces: PIECES, ...(IS_FILMED ? { rate: RATE } : { hold: true }) });
  const visitor = await studio.newcomer({
    email: "keeper@example.org",
    viewport: { width: 1000, height: 600 },
    colorScheme: "light",
  });
  const { page } = visitor;
  const camera = new Camera(page);
  await ask(page, "Tell me about the lighthouse");
  await tells(page, "wick");

  camera.caption = "The page is reloaded in mid-reply";
  await page.reload();
  await tells(page, "who had passed");

  await isStored(studio, page, "who had passed"); // the text of the last second before a kill is the only one that may be lost
  camera.caption = "kill -9 of the gateway, and a new start";
  await studio.script({ pieces: PIECES, rate: IS_FILMED ? RATE : 0 });
  await studio.killGateway();
  await page.getByText(words.reply.lost).waitFor();
  if (IS_FILMED) await page.waitForTimeout(1500); // time to read the caption
  await studio.startGateway({ LAM_HEALING: "true" });
  await page.getByText(words.reply.lost).waitFor({ state: "hidden" });

  camera.caption = "The reply goes on by itself";
  await says(page, "begin anew.");
  await ended(page);
  await page.getByText(words.reply.healed).waitFor();
  if (IS_FILMED) await page.waitForTimeout(1500);
  await camera.stop();
  expect((await answer(page).innerText()).replace(/\s+/g, " ").trim()).toBe(TEXT);
  visitor.pardon(AWAY); // a browser says that nobody answered
  await visitor.close();
});
