/**
 * The budget of a room: 60 guests whose replies all run at once, 15 tokens a second each, seen by its owner.
 *
 * In the owner's page: frames a second while all tiles are in sight, and on a smaller screen; the CPU time of the longest tasks; the
 * memory early and late; and whether each tile shows the newest words that its guest has.
 */

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { request } from "../e2e/manners";
import { longTasks } from "../e2e/tasks";
import type { Participant, Room } from "../src/api/rooms";
import { framesWhile, keep, memory, openStudio } from "./measuring";

const GUESTS = Number(process.env["ROOM_GUESTS"] ?? 60);
const RATE = 15;
const SECONDS = Number(process.env["ROOM_SECONDS"] ?? 20);
const LARGE = { width: 2560, height: 1440 };
const SMALL = { width: 1280, height: 800 };
const DAY_MS = 86_400_000;

/** Comes in as a guest and asks something; the reply runs on. */
async function guest(url: string, code: string, nickname: string): Promise<void> {
  const post = (path: string, body: object, cookie = ""): Promise<Response> =>
    fetch(url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(cookie !== "" && { Cookie: cookie, Origin: url }) },
      body: JSON.stringify(body),
    });
  const entry = await post("/api/rooms/join", { code, nickname });
  const cookie = entry.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  const { session_id } = (await entry.json()) as { session_id: number };
  const reply = await post(
    "/api/chatbot/messages/stream",
    { session_id, content: `${nickname} asks`, on_disconnect: "continue" },
    cookie,
  );
  if (!reply.ok) throw new Error(await reply.text());
  await reply.body?.cancel();
}

/** How many tiles are in sight, and how many of them show text that has just grown. */
async function growing(page: Page): Promise<{ seen: number; grown: number }> {
  const texts = (): Promise<[string, boolean][]> =>
    page.locator(".tile").evaluateAll((all) =>
      all.map((one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return [one.querySelector("p")?.textContent ?? "", bottom > 0 && top < innerHeight] as [string, boolean];
      }),
    );
  const before = await texts();
  await page.waitForTimeout(1000);
  const after = await texts();
  const seen = after.filter(([, isSeen]) => isSeen);
  return { seen: seen.length, grown: after.filter(([text, isSeen], at) => isSeen && text !== before[at]?.[0]).length };
}

/** How often a second the text of the first tile is drawn. */
async function draws(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const text = document.querySelector(".tile p");
    if (text === null) return 0;
    let count = 0;
    const observer = new MutationObserver(() => count++);
    observer.observe(text, { characterData: true, subtree: true });
    await new Promise((resolve) => setTimeout(resolve, 5000));
    observer.disconnect();
    return count / 5;
  });
}

test("rooms", async () => {
  const also = { LAM_ROOMS: "true", LAM_MAX_QUEUE: "400" };
  const studio = await openStudio({ tokens: 40_000, rate: RATE, slots: GUESTS + 4, also });
  const teacher = await studio.newcomer({ viewport: LARGE });
  const { page } = teacher;
  page.setDefaultTimeout(120_000);
  const { id: me } = await request<{ id: number }>(page, "GET", "/api/auth/me");
  await studio.asAdmin("PATCH", `/api/admin/users/${me}`, { is_admin: true });
  const room = await request<Room>(page, "POST", "/api/rooms", {
    title: "Everybody at once",
    expires_at: new Date(Date.now() + DAY_MS).toISOString(),
  });
  await page.goto(`${studio.url}/rooms/${room.id}`);
  const devtools = await page.context().newCDPSession(page);
  for (let at = 0; at < GUESTS; at += 10) {
    const ten = Array.from({ length: Math.min(10, GUESTS - at) }, (_, one) => `Guest ${at + one + 1}`);
    await Promise.all(ten.map((name) => guest(studio.url, room.code ?? "", name)));
  }
  await page
    .locator(".tile[data-state=running]")
    .nth(GUESTS - 1)
    .waitFor();
  await page.waitForTimeout(5000); // warm-up
  const early = await memory(devtools);
  const large = await framesWhile(page, () => page.waitForTimeout(SECONDS * 1000));
  const largeTiles = await growing(page);
  const drawn = await draws(page);
  const tasks = await longTasks(page, 0, () => page.waitForTimeout(SECONDS * 1000));
  await page.screenshot({ path: "e2e/pictures/bench rooms.png" });
  await page.setViewportSize(SMALL);
  await page.waitForTimeout(1000);
  const small = await framesWhile(page, () => page.waitForTimeout(SECONDS * 1000));
  const smallTiles = await growing(page);
  const late = await memory(devtools);
  const people = await request<Participant[]>(page, "GET", `/api/rooms/${room.id}/participants`);
  await teacher.context.close();
  keep({
    scenario: "page rooms",
    question: "60 guests whose replies run at once, 15 tokens a second each, in their owner's page: how many frames a second?",
    repeat: "cd frontend && npx vitest run --config bench.config.ts bench/rooms.bench.ts",
    settings: { guests: GUESTS, rate: RATE, seconds: SECONDS },
    figures: {
      frames_all_in_sight: large,
      draws_of_a_tile_a_second: drawn,
      tiles_in_sight_small: smallTiles.seen,
      frames_small: small,
      longest_task_ms: tasks[0] ?? 0,
      busy_share: Math.round((100 * tasks.reduce((sum, one) => sum + one, 0)) / (SECONDS * 1000)) / 100,
      memory_mib: { early, late },
    },
  });
  expect(largeTiles).toEqual({ seen: GUESTS, grown: GUESTS });
  expect(smallTiles.grown).toBe(smallTiles.seen);
  expect(people.filter(({ state }) => state === "running").length).toBe(GUESTS);
  expect(large.a_second).toBeGreaterThanOrEqual(30);
});
