/** A gateway in front of the scripted model server, and a Chromium that looks at it. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

const PYTHON = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const SERVE = ["-c", "from lam.cli import main; main()", "serve"];
const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

export class Studio {
  private constructor(
    readonly url: string,
    private readonly settings: Record<string, string>,
    readonly folder: string,
    private readonly modelUrl: string,
    private gateway: ChildProcess,
    private readonly model: ChildProcess,
    private readonly browser: Browser,
  ) {}

  /** `tokens` words (`word0 word1 …`), `rate` a second; `slots` replies at once. */
  static async open({ tokens, rate, slots = 8 }: { tokens: number; rate: number; slots?: number }): Promise<Studio> {
    const folder = mkdtempSync(join(tmpdir(), "lam-page-"));
    const scripted = ["-m", "lam.testing.server", "--port", "0", "--tokens", String(tokens), "--rate", String(rate), "--slots", String(slots)];
    const [model, line] = await started(scripted, {}, "http://");
    const settings = { LAM_DATA_DIR: folder, LAM_PORT: "0", LAM_REGISTRATION: "open", LAM_TITLES: "false", LAM_MAX_STREAMS_PER_USER: "20", LLM_SERVER_URL: line.trim() };
    const [gateway] = await started(SERVE, settings, "serves http");
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS.split(" ") });
    return new Studio(readFileSync(join(folder, "url"), "utf8").trim(), settings, folder, line.trim(), gateway, model, browser);
  }

  /** What the model answers from now on: fields of `Reply` in lam/testing/server.py. */
  async script(reply: Record<string, unknown>): Promise<void> {
    const answer = await fetch(`${this.modelUrl}/script`, { method: "POST", body: JSON.stringify(reply) });
    if (!answer.ok) throw new Error(`the scripted server does not take this: ${await answer.text()}`);
  }

  /** The requests that reached the model, the newest last. */
  async log(): Promise<{ body: { messages: { role: string; content: string }[] } }[]> {
    return (await (await fetch(`${this.modelUrl}/log`)).json()) as { body: { messages: { role: string; content: string }[] } }[];
  }

  /** A request as the local account, the admin. */
  async asAdmin(method: string, path: string, body?: unknown): Promise<unknown> {
    const token = readFileSync(join(this.folder, "token"), "utf8").trim();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const answer = await fetch(this.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : await answer.json();
  }

  /** The gateway is killed, and started again at the same address. */
  async restartGateway(): Promise<void> {
    await ended(this.gateway, "SIGKILL");
    [this.gateway] = await started(SERVE, { ...this.settings, LAM_PORT: new URL(this.url).port }, "serves http");
  }

  async killModel(): Promise<void> {
    await ended(this.model, "SIGKILL");
  }

  async close(): Promise<void> {
    await this.browser.close();
    await ended(this.gateway, "SIGTERM");
    await ended(this.model, "SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A new account's browser, signed in through the page as a newcomer does it; what its console complains of ends the test. */
  async newcomer(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visitor> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(15_000);
    const visitor = new Visitor(this, context);
    const page = await visitor.tab("/");
    await page.getByRole("button", { name: "Make an account" }).click();
    await page.getByLabel("E-mail").fill(`${crypto.randomUUID()}@example.org`);
    await page.getByLabel("Password").fill("correct horse");
    await page.keyboard.press("Enter");
    await page.getByLabel("Message", { exact: true }).waitFor();
    return visitor;
  }
}

export class Visitor {
  readonly complaints: string[] = [];

  constructor(
    private readonly studio: Studio,
    readonly context: BrowserContext,
  ) {}

  get page(): Page {
    const page = this.context.pages()[0];
    if (page === undefined) throw new Error("no tab is open");
    return page;
  }

  async tab(path: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    await page.goto(this.studio.url + path);
    return page;
  }

  async close(): Promise<void> {
    await this.context.close();
    expect(this.complaints).toEqual([]);
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function started(words: string[], environment: Record<string, string>, says: string): Promise<[ChildProcess, string]> {
  const child = spawn(PYTHON, words, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  const found = await new Promise<string>((resolve, reject) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        if (line.includes(says)) resolve(line);
      });
    }
    child.once("exit", () => reject(new Error(`${words.join(" ")} did not start`)));
  });
  return [child, found];
}
