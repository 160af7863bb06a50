/** A gateway in front of the scripted model server, and a Chromium that looks at it. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";

import { words } from "../src/words";
import { spoken } from "./languages";
import { launched, type Program, PYTHON, started } from "./programs";

const MAIN = "from lam.cli import main; main()";
const MODEL = "from lam.testing.server import main; main()";
/**
 * As in the tests of the gateway: an account in each test costs two hashes, of a tenth of a second, and `bounds` are in place of those
 * that people have.
 */
const serveWith = (bounds: string): string => `
from argon2 import PasswordHasher
from lam import gateway
from lam.accounts.passwords import Hashing
Hashing.hasher = lambda self: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
gateway.create_app.__kwdefaults__["bounds"] = gateway.Bounds(${bounds})
${MAIN}`;
/** No test is about replies that go on after SIGTERM. */
const COMMON = { LAM_PORT: "0", LAM_MAX_STREAMS_PER_USER: "20", LAM_DRAIN_SECONDS: "0" };
const FLAGS =
  "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const WHOLE = "/usr/bin/chromium";
/** Chromium's engine without the windows, bars and services of a browser: the same page for half the work. */
const ENGINE = "/usr/bin/chromium-headless-shell";
/** The browsers of all files, by their program; contexts keep tests apart. */
const browsers = new Map<string, Browser>();

async function browserOf(executablePath: string): Promise<Browser> {
  const known = browsers.get(executablePath);
  if (known?.isConnected()) return known;
  const browser = await chromium.launch({ executablePath, args: FLAGS.split(" ") });
  browsers.set(executablePath, browser);
  return browser;
}

export class Studio {
  private readonly contexts: BrowserContext[] = [];

  private constructor(
    readonly url: string,
    private readonly settings: Record<string, string>,
    readonly folder: string,
    private readonly modelUrl: string,
    private gateway: Program,
    /** The model first, then what stands between it and the gateway. */
    private readonly others: Program[],
    private readonly browser: Browser,
    /** The gateway's program. */
    private readonly serve: string,
  ) {}

  /**
   * `tokens` words (`word0 word1 …`), `rate` a second; `slots` replies at once. `worker`: in mqtt mode, with a Mosquitto and a
   * worker, which streams or answers in one piece.
   * `below`: a path, such as `/studio`, below which an nginx has the gateway. `also`: further settings of the gateway.
   * `whole`: in the browser that people use, not in its engine alone. `bounds`: arguments of `Bounds` in lam/gateway.py.
   */
  static async open({
    tokens,
    rate,
    slots = 8,
    worker,
    below = "",
    also = {},
    whole = false,
    bounds = "",
  }: {
    tokens: number;
    rate: number;
    slots?: number;
    worker?: "streams" | "in one piece";
    below?: string;
    also?: Record<string, string>;
    whole?: boolean;
    bounds?: string;
  }): Promise<Studio> {
    await spoken("en"); // whatever an earlier file left
    const folder = mkdtempSync(join(tmpdir(), "lam-page-"));
    const scripted = ["--port", "0", "--tokens", String(tokens), "--rate", String(rate), "--slots", String(slots)];
    const [model, line] = await launched(MODEL, scripted, {}, "http://");
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
      const [broker] = await started("mosquitto", ["-v", "-c", join(folder, "mosquitto.conf")], "running");
      const command = ["worker", "--llm", line.trim(), "--broker", `127.0.0.1:${port}`];
      if (worker === "in one piece") command.push("--no-stream");
      const [process] = await launched(MAIN, command, {}, "Ctrl-C stops it");
      others.push(process, broker);
    }
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}${below}`;
    Object.assign(settings, below === "" ? { LAM_PORT: String(port) } : { LAM_PUBLIC_URL: publicUrl });
    const [gateway, said] = await launched(serveWith(bounds), ["serve"], settings, "serves http");
    if (below !== "") others.push(await nginx(folder, port, below, /http:\S+(?=;)/.exec(said)?.[0] ?? ""));
    return Studio.with(folder, settings, line.trim(), gateway, others, publicUrl, whole, serveWith(bounds));
  }

  /** Everything as `lam up` starts it, with the real model. */
  static async real(mode: "sse" | "mqtt"): Promise<Studio> {
    const folder = mkdtempSync(join(tmpdir(), "lam-page-"));
    const settings = { ...COMMON, LAM_DATA_DIR: folder };
    const [gateway] = await started(PYTHON, ["-c", MAIN, "up", "--mode", mode], "Stop:", settings);
    return Studio.with(folder, settings, "", gateway, [], readFileSync(join(folder, "url"), "utf8").trim(), true, MAIN);
  }

  private static async with(
    folder: string,
    settings: Record<string, string>,
    modelUrl: string,
    gateway: Program,
    others: Program[],
    url: string,
    whole: boolean,
    serve: string,
  ): Promise<Studio> {
    const executablePath = whole || (!existsSync(ENGINE) && process.env["CI"] === undefined) ? WHOLE : ENGINE;
    return new Studio(url, settings, folder, modelUrl, gateway, others, await browserOf(executablePath), serve);
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

  /** Lets the replies that run send the rest at once. */
  async rush(): Promise<void> {
    await this.direct("/rush", {});
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
    await this.killGateway();
    await this.startGateway(settings);
  }

  async killGateway(): Promise<void> {
    await this.gateway.end("SIGKILL");
  }

  async startGateway(settings: Readonly<Record<string, string>> = { LAM_HEALING: "false" }): Promise<void> {
    [this.gateway] = await launched(this.serve, ["serve"], { ...this.settings, ...settings }, "serves http");
  }

  async killModel(): Promise<void> {
    for (const model of this.others.slice(0, 1)) await model.end("SIGKILL");
  }

  async close(): Promise<void> {
    for (const context of this.contexts) await context.close(); // also of a test that failed
    await this.gateway.end("SIGTERM");
    for (const other of this.others) await other.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A browser that was never here, on an empty page. */
  async blank(): Promise<Page> {
    return (await this.context({})).newPage();
  }

  private async context(options: BrowserContextOptions): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(30_000); // a limit for a busy machine, not a wait
    this.contexts.push(context);
    return context;
  }

  /** A browser in which nobody is signed in, at an address; what its console complains of ends the test. */
  async stranger(path: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const visitor = new Visitor(this, await this.context(options));
    await visitor.tab(path);
    return visitor;
  }

  /** A new account's browser, signed in through the page as a newcomer does it; what its console complains of ends the test. */
  async registered(options: BrowserContextOptions = {}, email = someEmail()): Promise<Visitor> {
    const visitor = await this.stranger("/", options);
    const { page } = visitor;
    await page.getByRole("button", { name: words.signIn.toCreate }).click();
    await page.getByLabel(words.common.email).fill(email);
    await page.getByLabel(words.common.password).fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    return visitor;
  }

  /**
   * A new account's browser, as the form would leave it; what its console complains of ends the test. `path`: where it is, in place of
   * a new conversation.
   */
  async newcomer({ email = someEmail(), path = "/", ...options }: Newcomer = {}): Promise<Visitor> {
    const context = await this.context(options);
    for (const address of ["/api/auth/register", "/api/auth/login"]) {
      const answer = await context.request.post(this.url + address, { data: { email, password: PASSWORD } });
      if (!answer.ok()) throw new Error(`${address}: ${answer.status()} ${await answer.text()}`);
    }
    const visitor = new Visitor(this, context);
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Page.enable");
    const source = `localStorage.setItem("person", ${JSON.stringify(email)}); localStorage.setItem("signed-in", "yes")`;
    const { identifier } = await devtools.send("Page.addScriptToEvaluateOnNewDocument", { source });
    if (path === NO_PAGE) await page.route(this.url + path, (route) => route.fulfill({ contentType: "text/html", body: EMPTY }));
    await visitor.open(page, path);
    if (path === NO_PAGE) await page.unroute(this.url + path);
    await devtools.send("Page.removeScriptToEvaluateOnNewDocument", { identifier }); // what the page does with it later stays
    await devtools.detach();
    if (path === "/") await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    return visitor;
  }
}

interface Newcomer extends BrowserContextOptions {
  email?: string;
  path?: string;
}

/** Where an empty page stands, for requests that come before ours is first there. */
export const NO_PAGE = "/no-page";
const EMPTY = '<link rel="icon" href="data:,">'; // a browser asks for an icon where a page names none

const PASSWORD = "correct horse";

function someEmail(): string {
  return `${crypto.randomUUID()}@example.org`;
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
    await this.open(page, path);
    return page;
  }

  /** Goes there with a new tab, whose complaints are kept from now on. */
  async open(page: Page, path: string): Promise<void> {
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    await page.goto(this.studio.url + path);
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

/** An nginx that has the gateway below a path and takes that off, and another page beside it. */
async function nginx(folder: string, port: number, below: string, gateway: string): Promise<Program> {
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
  const [child] = await started("nginx", ["-c", config, "-p", folder], "start worker process");
  return child;
}

/** Below the ports that the system gives to whoever asks for any: nobody takes it while a gateway starts again. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 7_000 + Math.floor(Math.random() * 3_000); // browsers refuse some below, and the gateway's tests have those above
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    server.close();
    if (isFree) return port;
  }
}
