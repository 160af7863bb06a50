/** The page of growing.tsx under the policy of the real one, in browsers of some widths. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import type { Page } from "playwright-core";
import { build } from "vite";

import { NO_PAGE, Studio, type Visitor } from "./studio";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
};

export interface Grown {
  faults: string[];
  /** The words, and the HTML of the reply that has grown. */
  shown: string;
  html: string;
  /** The HTML of the same text that was there at once. */
  whole: string;
  /** `rtl` or `ltr`: how the first block is read. */
  direction: string;
}

type Kind = "development" | "production";

/** The folders with the page, which is built once of each kind. */
const folders = new Map<Kind, Promise<string>>();

function folderOf(kind: Kind): Promise<string> {
  const folder = folders.get(kind) ?? buildPage(kind);
  folders.set(kind, folder);
  return folder;
}

/** Vite and React go by the environment; vitest's says that this is a test. */
async function buildPage(kind: Kind): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "lam-growing-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const before = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = kind;
  try {
    await build({
      logLevel: "error",
      base: "/growing/",
      publicDir: false,
      build: { outDir: folder, emptyOutDir: true, rolldownOptions: { input: new URL("./growing.html", import.meta.url).pathname } },
    });
  } finally {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  }
  return folder;
}

export class GrowingPage {
  private constructor(
    private readonly studio: Studio,
    private readonly visitors: Visitor[],
  ) {}

  /** `warns`: with React's own checks, whose complaints stand in the console, and for twice the work. */
  static async open(widths: number[], warns = false): Promise<GrowingPage> {
    const folder = await folderOf(warns ? "development" : "production");
    const studio = await Studio.open({ tokens: 1, rate: 0 });
    const policy = (await fetch(studio.url)).headers.get("Content-Security-Policy");
    if (policy === null) throw new Error("the page has no policy");
    const visitors = await Promise.all(widths.map((width) => studio.newcomer({ path: NO_PAGE, viewport: { width, height: 740 } })));
    for (const { context } of visitors)
      await context.route("**/growing/**", async (route) => {
        const path = join(folder, new URL(route.request().url()).pathname.replace("/growing/", ""));
        await route.fulfill({
          body: readFileSync(path),
          contentType: TYPES[extname(path)] ?? "font/woff",
          headers: { "Content-Security-Policy": policy },
        });
      });
    await Promise.all(visitors.map(({ page }) => page.goto(`${studio.url}/growing/e2e/growing.html`)));
    return new GrowingPage(studio, visitors);
  }

  get pages(): Page[] {
    return this.visitors.map(({ page }) => page);
  }

  /** What the consoles complained of since the last call. */
  complaints(): string[] {
    return this.visitors.flatMap(({ complaints }) => complaints.splice(0));
  }

  async grow(page: Page, text: string, step: number): Promise<Grown> {
    return page.evaluate(
      (one) => (window as unknown as { grow: (text: string, step: number) => Promise<Grown> }).grow(one.text, one.step),
      { text, step },
    );
  }

  async close(): Promise<void> {
    await this.studio.close();
  }
}
