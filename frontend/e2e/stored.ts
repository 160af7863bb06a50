/** What a gateway that is killed leaves of a running reply. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import type { Page } from "playwright-core";
import { expect } from "vitest";

import { request } from "./manners";
import { PYTHON } from "./programs";
import type { Studio } from "./studio";

const READ = `
import json, sqlite3, sys
rows = sqlite3.connect(f"file:{sys.argv[1]}/lam.db?mode=ro", uri=True).execute(
    "SELECT events FROM checkpoints WHERE run_id = ? ORDER BY id", (sys.argv[2],)
)
print("".join(event.get("content", "") for row in rows for event in json.loads(row[0]) if event["type"] == "chunk"))`;

/** Waits until a text of the reply that runs in this page's session is stored. */
export async function isStored(studio: Studio, page: Page, text: string): Promise<void> {
  const session = new URL(page.url()).pathname.split("/").at(-1);
  const messages = await request<{ stream_id: string | null }[]>(page, "GET", `/api/chatbot/sessions/${session}/messages`);
  const run = messages.at(-1)?.stream_id ?? "";
  const read = async (): Promise<string> => (await promisify(execFile)(PYTHON, ["-c", READ, studio.folder, run])).stdout;
  await expect.poll(read, { interval: 250 }).toContain(text);
}
