/** Pictures: chosen, pasted, dropped and taken, in drafts, turns, replies and over the page. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { png } from "./drawing";
import { spoken } from "./languages";
import { Look } from "./look";
import { ask, ended, says } from "./manners";
import { AWAY, REFUSED, Studio } from "./studio";

const RED = { name: "red.png", mimeType: "image/png", buffer: png(1200, 800, [200, 40, 40]) };
const GREEN = { name: "green.png", mimeType: "image/png", buffer: png(300, 900, [40, 160, 80]) };
const BLUE = { name: "blue.png", mimeType: "image/png", buffer: png(64, 64, [40, 80, 200]) };
const NO_PICTURE = { name: "holiday.png", mimeType: "image/png", buffer: Buffer.from("<svg/>") };
const SLOW = { pieces: Array.from({ length: 2000 }, (_, at) => `word${at} `), rate: 10 };

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 5, rate: 50 });
});

afterAll(async () => {
  await studio.close();
});

afterEach(() => spoken("en"));

const composer = (page: Page): Locator => page.locator(".composer");
const field = (page: Page): Locator => page.getByLabel(words.composer.label, { exact: true });
const viewer = (page: Page): Locator => page.locator("dialog.viewer");
/** What a screen reader says of pictures somewhere. */
const alts = (place: Locator): Promise<string[]> =>
  place.locator("img").evaluateAll((all) => all.map((one) => one.getAttribute("alt") ?? ""));

async function choose(page: Page, ...files: (typeof RED)[]): Promise<void> {
  await page.locator("input[type=file][multiple]").setInputFiles(files);
}

/** Waits until that many pictures stand in the composer, painted. */
async function attached(page: Page, count: number): Promise<void> {
  await page.waitForFunction((wanted) => {
    const all = [...document.querySelectorAll<HTMLImageElement>(".composer .thumb img")];
    return all.length === wanted && all.every(({ complete, naturalWidth }) => complete && naturalWidth > 0);
  }, count);
}

/** The files reach the page as a browser gives them when somebody pastes or drops them. */
async function give(page: Page, how: "paste" | "drop", file: typeof RED): Promise<void> {
  await page.evaluate(
    ([event, name, type, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const carried = new DataTransfer();
      carried.items.add(new File([bytes], name, { type }));
      const options = { bubbles: true, cancelable: true };
      if (event === "paste")
        document.activeElement?.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: carried }));
      else
        for (const each of ["dragover", "drop"])
          document.body.dispatchEvent(new DragEvent(each, { ...options, dataTransfer: carried }));
    },
    [how, file.name, file.mimeType, file.buffer.toString("base64")] as const,
  );
}

test("pictures come into a draft in every way, stay in it, and are not sent to a model that cannot see", async () => {
  const visitor = await studio.newcomer({ reducedMotion: "reduce" });
  const { page } = visitor;
  const look = new Look(page, "light 1280");
  await choose(page, RED, GREEN);
  await attached(page, 2);
  await field(page).focus();
  await give(page, "paste", BLUE);
  await attached(page, 3);
  await give(page, "drop", RED);
  await attached(page, 4);
  expect(await alts(composer(page))).toEqual([
    words.pictures.alt(1, 4, 1200, 800),
    words.pictures.alt(2, 4, 300, 900),
    words.pictures.alt(3, 4, 64, 64),
    words.pictures.alt(4, 4, 1200, 800),
  ]);
  await composer(page).getByText(words.picker.blind("scripted", [])).waitFor();
  await look.at("pictures 01 in the composer");

  const held: (() => void)[] = [];
  await page.route("**/api/media", async (route) => {
    await new Promise<void>((resolve) => held.push(resolve));
    await route.continue().catch(() => undefined); // cancelled meanwhile
  });
  await choose(page, GREEN);
  await composer(page).getByRole("progressbar").waitFor();
  await look.at("pictures 02 on its way");
  await composer(page)
    .getByRole("button", { name: words.pictures.cancel("green.png") })
    .click();
  await composer(page).getByRole("progressbar").waitFor({ state: "detached" });
  held.forEach((go) => go());
  await page.unroute("**/api/media");

  const large = join(studio.folder, "large.png");
  writeFileSync(large, Buffer.alloc(24 << 20));
  await page.locator("input[type=file][multiple]").setInputFiles(large);
  await composer(page).getByText("20 MiB").waitFor();
  await composer(page)
    .getByRole("button", { name: words.composer.remove("large.png") })
    .click();
  await choose(page, NO_PICTURE);
  await composer(page).locator(".chips .problem").waitFor();
  await choose(page, RED, GREEN, BLUE, RED, GREEN, BLUE);
  await composer(page).getByText(words.pictures.tooMany(8, 2)).waitFor();
  await attached(page, 8);
  await look.at("pictures 03 too many, and one that is none");
  await composer(page)
    .getByRole("button", { name: words.composer.remove("holiday.png") })
    .click();
  for (const at of [8, 7, 6, 5, 4])
    await composer(page)
      .getByRole("button", { name: words.pictures.remove(at) })
      .click();
  await attached(page, 3);

  await page.reload();
  await attached(page, 3);
  const other = await visitor.tab("/");
  await field(other).waitFor();
  expect(await composer(other).locator(".thumb").count()).toBe(0);
  await choose(other, BLUE);
  await attached(other, 1);
  await other.getByRole("button", { name: words.pictures.remove(1) }).click();
  await other.close();
  await page.reload();
  await attached(page, 3);
  await ask(page, "What are these?");
  await composer(page).getByText("scripted cannot see pictures").waitFor();
  await attached(page, 3);
  expect(await field(page).inputValue()).toBe("What are these?");
  expect(await studio.log()).toEqual([]);
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(REFUSED); // a browser says that a request was refused
  await visitor.close();
});

test("on a phone, in Arabic, pictures are taken, sent and looked at", async () => {
  await studio.sight(true);
  await studio.restartGateway();
  await spoken("ar");
  await studio.script({ pieces: ["صورتان."] });
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const visitor = await studio.newcomer({ ...phone, reducedMotion: "reduce", locale: "ar" });
  const { page } = visitor;
  const look = new Look(page, "light 360 ar");
  await page.getByRole("button", { name: words.pictures.take }).waitFor();
  await page.locator("input[capture]").setInputFiles(RED);
  await choose(page, GREEN);
  await attached(page, 2);
  await look.at("pictures 10 on a phone");
  await page.getByRole("button", { name: words.common.send, exact: true }).click();
  await says(page, "صورتان");
  await ended(page);
  await look.at("pictures 11 in a turn on a phone");
  await page.locator(".turn img").first().click();
  await page.keyboard.press("ArrowLeft"); // onward, from right to left
  await viewer(page)
    .getByRole("heading", { name: words.pictures.alt(2, 2, 300, 900) })
    .waitFor();
  await look.at("pictures 12 over the page on a phone");
  await page.emulateMedia({ forcedColors: "active" });
  await look.at("pictures 13 in forced colours");
  await page.keyboard.press("Escape");
  await choose(page, BLUE);
  await attached(page, 1);
  await look.at("pictures 14 in the composer, in forced colours");
  expect(look.findings).toEqual(look.clean);
  await visitor.close();
});

/** What the model was sent of the newest turn: texts as they are, pictures as `#`. */
async function received(): Promise<string[]> {
  const content = (await studio.log()).at(-1)?.body.messages.findLast(({ role }) => role === "user")?.content as unknown;
  if (typeof content === "string") return [content];
  return (content as { type: string; text?: string }[]).map(({ type, text }) => (type === "image_url" ? "#" : (text ?? "")));
}

/** Where the pictures of the last turn stand. */
function places(page: Page): Promise<string> {
  return page
    .locator(".turn")
    .last()
    .locator(".pictures li")
    .evaluateAll((all) => JSON.stringify(all.map((one) => one.getBoundingClientRect())));
}

test("pictures are sent in their order, shown in their places, looked at, changed with their message, and taken back from a queue", async () => {
  await studio.script({ pieces: ["I see ", "three."] });
  const visitor = await studio.newcomer({ reducedMotion: "reduce", colorScheme: "dark" });
  const { page } = visitor;
  const look = new Look(page, "dark 1280");
  const turn = page.locator(".turn").last();

  await choose(page, RED, GREEN, BLUE);
  await attached(page, 3);
  await ask(page, "What are these?");
  await says(page, "three.");
  await ended(page);
  expect(await received()).toEqual(["#", "#", "#", "What are these?"]);
  expect(await alts(turn)).toEqual([
    words.pictures.alt(1, 3, 1200, 800),
    words.pictures.alt(2, 3, 300, 900),
    words.pictures.alt(3, 3, 64, 64),
  ]);
  await look.at("pictures 04 in a turn");

  const held: (() => void)[] = [];
  await page.route("**/api/media/*", async (route) => {
    await new Promise<void>((resolve) => held.push(resolve));
    await route.continue();
  });
  await page.reload();
  await turn.locator(".pictures img").first().waitFor();
  await expect.poll(() => held.length).toBe(3);
  const before = await places(page);
  held.forEach((go) => go());
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLImageElement>(".turn img")].every(({ naturalWidth }) => naturalWidth > 0),
  );
  expect(await places(page)).toBe(before);
  await page.unroute("**/api/media/*");

  const opener = turn.getByRole("button", { name: words.pictures.alt(2, 3, 300, 900) });
  await opener.focus();
  await page.keyboard.press("Enter");
  await viewer(page)
    .getByRole("heading", { name: words.pictures.alt(2, 3, 300, 900) })
    .waitFor();
  await page.keyboard.press("ArrowRight");
  await viewer(page)
    .getByRole("heading", { name: words.pictures.alt(3, 3, 64, 64) })
    .waitFor();
  await page.keyboard.press("ArrowRight");
  await viewer(page)
    .getByRole("heading", { name: words.pictures.alt(1, 3, 1200, 800) })
    .waitFor();
  await look.at("pictures 05 over the page");
  await viewer(page).getByRole("button", { name: words.pictures.fullSize }).click();
  await look.at("pictures 06 in full size");
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    viewer(page).getByRole("link", { name: words.pictures.download }).click(),
  ]);
  expect(saved.suggestedFilename()).toMatch(/^picture\.(png|jpg)$/);
  await page.keyboard.press("Escape");
  await viewer(page).waitFor({ state: "detached" });
  expect(await opener.evaluate((button) => button === document.activeElement)).toBe(true);

  await turn.getByRole("button", { name: words.thread.edit }).click();
  await turn.getByRole("button", { name: words.pictures.remove(2) }).click();
  await page.getByLabel(words.thread.editMessage).focus();
  await page.getByLabel(words.thread.editMessage).fill("And these two?");
  await look.at("pictures 07 in an edit");
  await page.reload();
  await expect.poll(() => turn.locator(".thumb").count()).toBe(2);
  await studio.script({ pieces: ["I see ", "two."] });
  await page.getByLabel(words.thread.editMessage).press("Enter");
  await says(page, "two.");
  await ended(page);
  expect(await received()).toEqual(["#", "#", "And these two?"]);
  expect(await alts(turn)).toEqual([words.pictures.alt(1, 2, 1200, 800), words.pictures.alt(2, 2, 64, 64)]);

  await studio.script(SLOW);
  await ask(page, "Go on");
  await says(page, "word3");
  await choose(page, GREEN);
  await attached(page, 1);
  await field(page).press("Enter"); // a picture without a word
  const waiting = page.getByRole("region", { name: words.waiting.label });
  await waiting.locator("img").waitFor();
  await waiting.locator("img").click();
  await viewer(page).waitFor();
  await page.keyboard.press("Escape");
  await says(page, "word6"); // which did not stop the reply
  await look.at("pictures 08 waiting");
  await waiting.getByRole("button", { name: words.waiting.takeBack }).click();
  await attached(page, 1);
  await field(page).press("Enter");
  await waiting.locator("img").waitFor();
  await studio.script({ pieces: ["One."] });
  await page.getByRole("button", { name: words.composer.stop }).click();
  await waiting.getByRole("button", { name: words.waiting.sendNow }).click();
  await says(page, "One.");
  await ended(page);
  expect(await received()).toEqual(["#"]);
  expect(await alts(turn)).toEqual([words.pictures.alt(1, 1, 300, 900)]);

  await choose(page, BLUE);
  await attached(page, 1);
  const address = await composer(page)
    .locator(".thumb img")
    .evaluate((one) => (one as HTMLImageElement).src.replace(/\?.*/, ""));
  await page.evaluate((url) => fetch(url, { method: "DELETE" }), address);
  await page.route("**/api/media/*", (route) => route.continue()); // a browser keeps no pictures where requests are looked at
  await page.reload();
  await composer(page).locator(".missing").waitFor();
  await look.at("pictures 17 gone");
  await field(page).press("Enter");
  await composer(page).getByText("attach it again").waitFor();
  await composer(page).locator(".missing").waitFor(); // the draft is back as it was
  await page.getByRole("button", { name: words.pictures.remove(1) }).click();
  await page.unroute("**/api/media/*");

  await studio.script({ pieces: ["Before, ", `data:image/png;base64,${RED.buffer.toString("base64")}`, "and after."], rate: 20 });
  await ask(page, "Draw one");
  await says(page, "and after.");
  await ended(page);
  const answer = page.locator(".answer").last();
  const inside = (): Promise<string[]> =>
    answer.evaluate((one) =>
      [...one.querySelectorAll(".markdown, img")].map((part) => part.textContent || part.getAttribute("alt") || ""),
    );
  const drawn = ["Before, ", words.pictures.alt(1, 1, 1200, 800), "and after."].map((said) => said.trim());
  await expect.poll(async () => (await inside()).map((said) => said.trim())).toEqual(drawn);
  await page.reload();
  await answer.locator("img").waitFor();
  expect((await inside()).map((said) => said.trim())).toEqual(drawn);
  await look.at("pictures 09 of the model");

  await page.emulateMedia({ media: "print" });
  await look.at("pictures 15 on paper");
  await page.emulateMedia({ media: "screen" });

  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.evaluate((id) => location.assign(`/api/chatbot/sessions/${id}/export?format=json`), page.url().split("/").at(-1)),
  ]);
  await page.goto(`${studio.url}/settings`);
  await page.setInputFiles("input[type=file]", await file.path());
  await page.getByRole("button", { name: words.imports.run(1) }).click();
  await page.getByRole("button", { name: words.imports.show }).click({ timeout: 60_000 });
  await page.locator(".turn img").first().waitFor();
  await expect.poll(() => inside().then((said) => said.length)).toBe(3);

  await studio.sight(false);
  await studio.restartGateway();
  await studio.script({ pieces: ["I see nothing."] });
  await ask(page, "What was in them?");
  await says(page, "I see nothing.");
  await ended(page);
  await answer.getByText(words.pictures.leftOut(4)).waitFor();
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLImageElement>(".left-out img")].every(({ naturalWidth }) => naturalWidth > 0),
  );
  await look.at("pictures 16 left out");
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(AWAY, REFUSED); // a browser says that the gateway was gone, and what is no more
  await visitor.close();
});

test("a turn that is said differently gets pictures, loses some, and has them in another order", async () => {
  await studio.sight(true);
  await studio.restartGateway();
  await studio.script({ pieces: ["I see ", "two."] });
  const visitor = await studio.newcomer({ reducedMotion: "reduce" });
  const { page } = visitor;
  const look = new Look(page, "light 1280");
  const turn = page.locator(".turn").first();
  const sizes = (): Promise<string[]> =>
    turn
      .locator(".thumb img")
      .evaluateAll((all) => all.map((one) => /[\d,]+ × [\d,]+/.exec(one.getAttribute("alt") ?? "")?.[0] ?? ""));
  const [red, green, blue] = ["1,200 × 800", "300 × 900", "64 × 64"];
  await choose(page, RED);
  await attached(page, 1);
  await ask(page, "What is this?");
  await says(page, "two.");
  await ended(page);

  await turn.hover();
  await turn.getByRole("button", { name: words.thread.edit }).click();
  const text = page.getByLabel(words.thread.editMessage);
  await text.focus();
  await give(page, "paste", GREEN);
  await expect.poll(sizes).toEqual([red, green]);
  await turn.locator("input[type=file]").setInputFiles(BLUE);
  await expect.poll(sizes).toEqual([red, green, blue]);
  await turn.evaluate((place, base64) => {
    const carried = new DataTransfer();
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    carried.items.add(new File([bytes], "again.png", { type: "image/png" }));
    carried.items.add(new File(["words"], "notes.txt", { type: "text/plain" }));
    for (const name of ["dragover", "drop"])
      place.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: carried }));
  }, RED.buffer.toString("base64"));
  await page.getByText(words.pictures.only).waitFor();
  await expect.poll(sizes).toEqual([red, green, blue, red]);
  expect(await composer(page).locator(".chips").count()).toBe(0); // none of it is the composer's

  const later = turn.getByRole("button", { name: words.pictures.later(1) });
  await later.focus();
  await page.keyboard.press("Enter");
  await expect.poll(sizes).toEqual([green, red, blue, red]);
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(words.pictures.later(2));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect.poll(sizes).toEqual([green, blue, red, red]);
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(words.pictures.earlier(4));
  await turn.locator(".thumb").nth(1).dragTo(turn.locator(".thumb").nth(0));
  await expect.poll(sizes).toEqual([blue, green, red, red]);
  await turn.getByRole("button", { name: words.pictures.remove(3) }).click();
  await expect.poll(sizes).toEqual([blue, green, red]);
  await look.at("pictures 18 in another order");
  await page.reload();
  await expect.poll(sizes).toEqual([blue, green, red]);

  const held: (() => void)[] = [];
  await page.route("**/api/media", async (route) => {
    await new Promise<void>((resolve) => held.push(resolve));
    await route.continue().catch(() => undefined); // cancelled meanwhile
  });
  await turn.locator("input[type=file]").setInputFiles(GREEN);
  await turn.getByRole("progressbar").waitFor();
  await text.fill("What are these?");
  await text.press("Enter");
  await turn.getByText(words.composer.sentOnceRead).waitFor();
  await studio.script({ pieces: ["I see ", "four."] });
  held.forEach((go) => go());
  await page.unroute("**/api/media");
  await says(page, "four.");
  await ended(page);
  expect(await received()).toEqual(["#", "#", "#", "#", "What are these?"]);
  expect(await alts(page.locator(".turn").last())).toEqual([
    words.pictures.alt(1, 4, 64, 64),
    words.pictures.alt(2, 4, 300, 900),
    words.pictures.alt(3, 4, 1200, 800),
    words.pictures.alt(4, 4, 300, 900),
  ]);

  await turn.hover();
  await turn.getByRole("button", { name: words.thread.edit }).click();
  await turn.locator("input[type=file]").setInputFiles([RED, RED, RED, RED, RED, RED]);
  await page.getByText(words.pictures.tooMany(8, 2)).waitFor();
  await expect.poll(() => sizes().then(({ length }) => length)).toBe(8);
  const added = await turn
    .locator(".thumb img")
    .last()
    .evaluate((one) => (one as HTMLImageElement).src.replace(/\?.*/, ""));
  await text.press("Escape");
  await expect.poll(() => page.evaluate((url) => fetch(url, { cache: "no-store" }).then(({ status }) => status), added)).toBe(404); // it is forgotten
  expect(await alts(page.locator(".turn").last())).toHaveLength(4);

  const order = composer(page).locator(".thumb img");
  await choose(page, RED, BLUE);
  await attached(page, 2);
  await composer(page)
    .getByRole("button", { name: words.pictures.earlier(2) })
    .click();
  await expect.poll(() => order.first().getAttribute("alt")).toBe(words.pictures.alt(1, 2, 64, 64));
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(AWAY, REFUSED); // a browser says that the gateway was gone, and what is no more
  await visitor.close();
});

test("a reply with a picture is continued in its place, found in, copied, printed and exported", async () => {
  await studio.sight(true);
  await studio.restartGateway();
  const uri = ({ buffer }: typeof RED): string => `data:image/png;base64,${buffer.toString("base64")}`;
  await studio.script({ pieces: ["Before, ", uri(RED), "then a heron"], finish_reason: "length" });
  const visitor = await studio.newcomer({ reducedMotion: "reduce" });
  const { page } = visitor;
  const look = new Look(page, "light 1280");
  const reply = page.locator(".answer").last();
  const inside = async (): Promise<string[]> => {
    const said = await reply.evaluate((one) =>
      [...one.querySelectorAll(".markdown, img")].map((part) => part.textContent || part.getAttribute("alt") || ""),
    );
    return said.map((one) => one.trim());
  };
  const [red, blue] = [words.pictures.alt(1, 1, 1200, 800), words.pictures.alt(1, 1, 64, 64)];
  await choose(page, GREEN);
  await attached(page, 1);
  await ask(page, "Draw two");
  await says(page, "a heron");
  await ended(page);
  await expect.poll(inside).toEqual(["Before,", red, "then a heron"]);

  await studio.script({ pieces: [" in the reeds, ", uri(BLUE), "the end."], finish_reason: "length" });
  await reply.getByRole("button", { name: words.thread.continue }).click();
  await says(page, "the end.");
  await ended(page);
  const whole = ["Before,", red, "then a heron in the reeds,", blue, "the end."];
  await expect.poll(inside).toEqual(whole);
  await studio.script({ pieces: [" Really."] });
  await reply.getByRole("button", { name: words.thread.continue }).click();
  await says(page, "Really.");
  await ended(page);
  await expect.poll(inside).toEqual([...whole.slice(0, 4), "the end. Really."]);
  await page.reload();
  await reply.locator("img").nth(1).waitFor();
  await expect.poll(inside).toEqual([...whole.slice(0, 4), "the end. Really."]);
  expect((await studio.log()).at(-1)?.body.messages.at(-1)).toEqual({
    role: "assistant",
    content: "Before, then a heron in the reeds, the end.",
  });

  await page.keyboard.press("Control+f");
  const found = (): Promise<string[]> =>
    page.evaluate(() => [...(CSS.highlights.get("found-now") ?? [])].map((range) => (range as Range).toString()));
  await page.getByRole("textbox", { name: words.find.label }).fill("HERON in");
  await page.getByText(words.find.at(1, 1)).waitFor();
  await expect.poll(found).toEqual(["heron in"]);
  await page.getByRole("textbox", { name: words.find.label }).fill("really");
  await expect.poll(found).toEqual(["Really"]);
  await look.at("pictures 19 found beside pictures");
  await page.keyboard.press("Escape");

  const copied = await page.evaluate(() => {
    getSelection()?.selectAllChildren(document.querySelector(".thread") as Element);
    const clipboardData = new DataTransfer();
    document.dispatchEvent(new ClipboardEvent("copy", { clipboardData, bubbles: true, cancelable: true }));
    return clipboardData.getData("text/plain");
  });
  expect(copied.split(/\s*\n\s*/)).toEqual(["Draw two", "Before,", "then a heron in the reeds,", "the end. Really."]);

  await page.evaluate(() => {
    getSelection()?.removeAllRanges();
    globalThis.print = () => {
      const all = [...document.querySelectorAll<HTMLImageElement>(".thread img")];
      document.body.setAttribute("data-printed", all.map(({ naturalWidth }) => (naturalWidth > 0 ? "there" : "missing")).join(" "));
    };
  });
  await page.keyboard.press("Control+p");
  await expect.poll(() => page.locator("body").getAttribute("data-printed")).toBe("there there there");
  await page.emulateMedia({ media: "print" });
  expect(await reply.locator("img").nth(1).isVisible()).toBe(true);
  await look.at("pictures 20 a continued reply on paper");
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => globalThis.dispatchEvent(new Event("afterprint")));

  const exported = await page.evaluate(async () => {
    const id = location.pathname.split("/").at(-1);
    return (await fetch(`/api/chatbot/sessions/${id}/export?format=markdown`)).text();
  });
  const lines = exported.split("\n").filter(Boolean);
  expect(lines.slice(lines.indexOf("## You"))).toEqual([
    "## You",
    "[picture: 300x900]",
    "Draw two",
    "## Assistant",
    "Before, ",
    "[picture: 1200x800]",
    "then a heron in the reeds, ",
    "[picture: 64x64]",
    "the end. Really.",
  ]);
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(AWAY); // a browser says that the gateway was gone
  await visitor.close();
});
