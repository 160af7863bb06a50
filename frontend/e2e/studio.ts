/** A gateway in front of the scripted model server, and a Chromium that looks at it. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

import { words } from "../src/words";

const PYTHON = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const MAIN = "from lam.cli import main; main()";
const COMMON = { LAM_PORT: "0", LAM_MAX_STREAMS_PER_USER: "20" };
const FLAGS =
  "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

export class Studio {
  private constructor(
    readonly url: string,
    private readonly settings: Record<string, string>,
    readonly folder: string,
    private readonly modelUrl: string,
    private gateway: ChildProcess,
    /** The model first, then what stands between it and the gateway. */
    private readonly others: ChildProcess[],
    private readonly browser: Browser,
  ) {}

  /**
   * `tokens` words (`word0 word1 …`), `rate` a second; `slots` replies at once. `worker`: in mqtt mode, with a Mosquitto and a
   * worker, which streams or answers in one piece.
   * `below`: a path, such as `/studio`, below which an nginx has the gateway. `also`: further settings of the gateway.
   */
  static async open({
    tokens,
    rate,
    slots = 8,
    worker,
    below = "",
    also = {},
  }: {
    tokens: number;
    rate: number;
    slots?: number;
    worker?: "streams" | "in one piece";
    below?: string;
    also?: Record<string, string>;
  }): Promise<Studio> {
    const folder = mkdtempSync(join(tmpdir(), "lam-page-"));
    const scripted = [
      "-m",
      "lam.testing.server",
      "--port",
      "0",
      "--tokens",
      String(tokens),
      "--rate",
      String(rate),
      "--slots",
      String(slots),
    ];
    const [model, line] = await started(scripted, {}, "http://");
    const settings = {
      ...COMMON,
      LAM_DATA_DIR: folder,
      LAM_REGISTRATION: "open",
      LAM_TITLES: "false",
      LLM_SERVER_URL: line.trim(),
      ...also,
    };
    const others = [model];
    if (worker !== undefined) {
      const port = await freePort();
      Object.assign(settings, { LLM_COMM_MODE: "mqtt", MQTT_BROKER_PORT: String(port) });
      writeFileSync(join(folder, "mosquitto.conf"), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
      const [broker] = await started(["-v", "-c", join(folder, "mosquitto.conf")], {}, "running", "mosquitto");
      const command = ["-c", MAIN, "worker", "--llm", line.trim(), "--broker", `127.0.0.1:${port}`];
      if (worker === "in one piece") command.push("--no-stream");
      const [process] = await started(command, {}, "Ctrl-C stops it");
      others.push(process, broker);
    }
    const port = below === "" ? 0 : await freePort();
    const publicUrl = `http://127.0.0.1:${port}${below}`;
    if (below !== "") Object.assign(settings, { LAM_PUBLIC_URL: publicUrl });
    const [gateway, said] = await started(["-c", MAIN, "serve"], settings, "serves http");
    if (below === "") return Studio.with(folder, settings, line.trim(), gateway, others);
    others.push(await nginx(folder, port, below, /http:\S+(?=;)/.exec(said)?.[0] ?? ""));
    return Studio.with(folder, settings, line.trim(), gateway, others, publicUrl);
  }

  /** Everything as `lam up` starts it, with the real model. */
  static async real(mode: "sse" | "mqtt"): Promise<Studio> {
    const folder = mkdtempSync(join(tmpdir(), "lam-page-"));
    const settings = { ...COMMON, LAM_DATA_DIR: folder };
    const [gateway] = await started(["-c", MAIN, "up", "--mode", mode], settings, "Stop:");
    return Studio.with(folder, settings, "", gateway, []);
  }

  private static async with(
    folder: string,
    settings: Record<string, string>,
    modelUrl: string,
    gateway: ChildProcess,
    others: ChildProcess[],
    url = readFileSync(join(folder, "url"), "utf8").trim(),
  ): Promise<Studio> {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS.split(" ") });
    return new Studio(url, settings, folder, modelUrl, gateway, others, browser);
  }

  /** What the model answers from now on: fields of `Reply` in lam/testing/server.py. */
  async script(reply: Record<string, unknown>): Promise<void> {
    await this.direct("/script", reply);
  }

  /** What it answers to requests that contain a text, before what the script says. */
  async cues(cues: { text: string; reply: Record<string, unknown> }[]): Promise<void> {
    await this.direct("/cues", cues);
  }

  /** Lets a reply with `hold` send its next pieces. */
  async step(pieces: number): Promise<void> {
    await this.direct("/step", { pieces });
  }

  /** Whether the model takes pictures from now on; the gateway asks it when it starts, and every 30 s. */
  async sight(sees: boolean): Promise<void> {
    await this.direct("/sight", { sees });
  }

  private async direct(path: string, body: unknown): Promise<void> {
    const answer = await fetch(this.modelUrl + path, { method: "POST", body: JSON.stringify(body) });
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

  /** The gateway is killed, and started again at the same address. The scripted model cannot go on in the middle of a reply. */
  async restartGateway(settings: Readonly<Record<string, string>> = { LAM_HEALING: "false" }): Promise<void> {
    await ended(this.gateway, "SIGKILL");
    const port = new URL(this.url).port;
    [this.gateway] = await started(["-c", MAIN, "serve"], { ...this.settings, ...settings, LAM_PORT: port }, "serves http");
  }

  async killModel(): Promise<void> {
    for (const model of this.others.slice(0, 1)) await ended(model, "SIGKILL");
  }

  async close(): Promise<void> {
    await this.browser.close();
    await ended(this.gateway, "SIGTERM");
    for (const other of this.others) await ended(other, "SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A browser that was never here, on an empty page. */
  async blank(): Promise<Page> {
    return (await this.browser.newContext()).newPage();
  }

  /** A browser in which nobody is signed in, at an address; what its console complains of ends the test. */
  async stranger(path: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visitor> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(30_000); // a limit for a busy machine, not a wait
    const visitor = new Visitor(this, context);
    await visitor.tab(path);
    return visitor;
  }

  /** A new account's browser, signed in through the page as a newcomer does it; what its console complains of ends the test. */
  async newcomer(
    options: Parameters<Browser["newContext"]>[0] = {},
    email = `${crypto.randomUUID()}@example.org`,
  ): Promise<Visitor> {
    const visitor = await this.stranger("/", options);
    const { page } = visitor;
    await page.getByRole("button", { name: words.signIn.toCreate }).click();
    await page.getByLabel(words.common.email).fill(email);
    await page.getByLabel(words.common.password).fill("correct horse");
    await page.keyboard.press("Enter");
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    return visitor;
  }
}

/** What the console of a browser says of requests that were refused, and of those that nobody answered. */
export const REFUSED = /status of 4\d\d/;
export const AWAY = /net::ERR_|status of 5\d\d/;

export class Visitor {
  readonly complaints: string[] = [];
  private readonly pardoned: RegExp[] = [];

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
      if (["error", "warning"].includes(message.type())) this.complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    await page.goto(this.studio.url + path);
    return page;
  }

  /** Complaints like these are meant, also such as are still on their way. */
  pardon(...patterns: RegExp[]): void {
    this.pardoned.push(...patterns);
  }

  async close(): Promise<void> {
    await this.context.close();
    expect(this.complaints.filter((complaint) => !this.pardoned.some((pattern) => pattern.test(complaint)))).toEqual([]);
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function started(
  words: string[],
  environment: Record<string, string>,
  says: string,
  program = PYTHON,
): Promise<[ChildProcess, string]> {
  const child = spawn(program, words, {
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin`, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
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

/** An nginx that has the gateway below a path and takes that off, and another page beside it. */
async function nginx(folder: string, port: number, below: string, gateway: string): Promise<ChildProcess> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  const config = join(folder, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; pid ${folder}/nginx.pid; error_log stderr notice; events {}
http { access_log off; ${temporary.join(" ")}
  server { listen 127.0.0.1:${port};
    location / { default_type text/html; return 200 "<title>Another program</title>"; }
    location ${below}/ { proxy_pass ${gateway}/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffering off; }
  } }`,
  );
  const [child] = await started(["-c", config, "-p", folder], {}, "start worker process", "nginx");
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
