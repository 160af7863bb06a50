/** `/docs`, the API's description: Swagger UI under its policy, from files of the gateway's own. */

import { afterAll, beforeAll, expect, test } from "vitest";

import { Studio } from "./studio";

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: 0 });
});

afterAll(async () => {
  await studio.close();
});

test("the API's description opens, asks nobody else for anything, and its policy stands in the way of nothing", async () => {
  const page = await studio.blank();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== studio.url && protocol !== "data:") complaints.push(request.url());
  });
  await page.goto(`${studio.url}/docs`);
  const health = page.locator(".opblock", { hasText: "/api/health" });
  await health.locator(".opblock-summary").click();
  await health.getByRole("button", { name: "Try it out" }).click();
  await health.getByRole("button", { name: "Execute" }).click();
  await health.getByText('"registration": "open"').first().waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});
