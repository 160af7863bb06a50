/** A newcomer in front of the real model, as `make run` starts it, in both modes; and a worker that answers in one piece. */

import { afterEach, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended } from "./manners";
import { Studio } from "./studio";

let studio: Studio | null = null;

afterEach(async () => {
  await studio?.close();
  studio = null;
});

test.each(["sse", "mqtt"] as const)(
  "in %s mode: open the address, register, type, Enter, and the real model's words come; stop frees it",
  { timeout: 180_000 },
  async (mode) => {
    studio = await Studio.real(mode);
    const visitor = await studio.registered();
    const { page } = visitor;
    await ask(page, "Tell me a long story about a lighthouse.");
    const ending = page.locator(".ending");
    for (let attempt = 1; attempt <= 4; attempt++) {
      await page.waitForFunction(() => (document.querySelector(".answer > .markdown")?.textContent.length ?? 0) > 20, null, {
        timeout: 60_000,
      });
      await page.keyboard.press("Escape");
      await ended(page);
      if (attempt === 4 || (await ending.allInnerTexts()).includes(words.reply.stopped)) break;
      // The model was at its end before Esc was pressed.
      await page.getByRole("button", { name: words.thread.regenerate }).click();
      await page.getByText(`${attempt + 1}/${attempt + 1}`).waitFor();
    }
    expect(await ending.innerText()).toBe(words.reply.stopped);
    const shown = (await answer(page).innerText()).length;
    await expect
      .poll(async () => ((await studio?.asAdmin("GET", "/api/health")) as { engine: { running: number } }).engine.running)
      .toBe(0);

    await page.getByRole("button", { name: words.studio.options, exact: true }).click();
    await page.getByRole("spinbutton", { name: words.sampling.settings.max_tokens.label }).fill("12");
    await page.getByText(words.options.saved).waitFor();
    await page.getByRole("button", { name: words.thread.continue }).click();
    await page.getByText(words.reply.stopped).waitFor({ state: "detached" });
    await ended(page);
    expect((await answer(page).innerText()).length).toBeGreaterThan(shown);
    const figures = await page.locator(".figures").last().innerText();
    expect(figures).toMatch(/SmolLM2.*\d\stoken.*\d.*first\stoken\safter/);
    expect(Number(/(\d+)\stoken/.exec(figures)?.[1])).toBeLessThanOrEqual(12); // fewer where the model ends by itself
    await visitor.close();
  },
);

test("an answer that comes in one piece is shown in pieces, and says so", async () => {
  studio = await Studio.open({ tokens: 60, rate: 0, slots: 2, worker: "in one piece" });
  const visitor = await studio.registered();
  const { page } = visitor;
  await ask(page, "Tell me a story");
  await ended(page);
  await page.getByText(words.thread.onePiece).waitFor();
  expect((await answer(page).innerText()).trim()).toBe(Array.from({ length: 60 }, (_, at) => `word${at}`).join(" "));
  await visitor.close();
});
