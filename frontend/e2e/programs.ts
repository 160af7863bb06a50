/** Programs beside the page. Ours are forked by `tests/launcher.py`, which has imported what they need: that takes seconds. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const PYTHON = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const BACKEND = fileURLToPath(new URL("../../backend", import.meta.url));

export interface Program {
  /** Sends it a signal, and waits until it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** What the launcher says of a program. */
interface Word {
  id: number;
  pid?: number;
  ended?: boolean;
}

class Launcher {
  private readonly process: ChildProcess;
  private readonly programs = new Map<number, Launched>();
  private readonly folder = mkdtempSync(join(tmpdir(), "lam-programs-"));

  constructor() {
    this.process = spawn(PYTHON, ["-m", "tests.launcher"], { cwd: BACKEND, stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.process;
    if (stdout === null) throw new Error("the launcher has no output");
    createInterface({ input: stdout }).on("line", (line) => {
      const { id, pid, ended } = JSON.parse(line) as Word;
      const program = this.programs.get(id);
      if (pid !== undefined) program?.begin(pid);
      if (ended === true) program?.close();
    });
    this.process.once("exit", () => {
      for (const program of this.programs.values()) program.close();
    });
    process.once("exit", () => rmSync(this.folder, { recursive: true, force: true }));
    this.process.unref(); // it ends with this process, whose end of the pipe it reads
  }

  launch(code: string, words: string[], environment: Record<string, string | undefined>): Launched {
    const id = this.programs.size + 1;
    const program = new Launched(join(this.folder, `${id}.log`));
    this.programs.set(id, program);
    this.process.stdin?.write(`${JSON.stringify({ id, code, words, env: environment, output: program.log })}\n`);
    return program;
  }
}

class Launched implements Program {
  private pid: number | null = null;
  hasEnded = false;

  /** `log`: the file with what it says. */
  constructor(readonly log: string) {}

  begin(pid: number): void {
    this.pid = pid;
  }

  close(): void {
    this.hasEnded = true;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.pid === null) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // it has just ended
    }
    while (!this.hasEnded) await pause(5);
  }

  /** The first line with these words. */
  async line(says: string): Promise<string> {
    for (;;) {
      const lines = this.pid === null ? [] : readFileSync(this.log, { encoding: "utf8", flag: "a+" }).split("\n").slice(0, -1);
      const first = lines.find((line) => line.includes(says));
      if (first !== undefined) return first;
      if (this.hasEnded) throw new Error(`it did not start: ${lines.join("\n")}`);
      await pause(10);
    }
  }
}

let launcher: Launcher | undefined;

/** Python with the words as its arguments, once it has said the line, and that line. */
export async function launched(
  code: string,
  words: string[],
  environment: Record<string, string>,
  says: string,
): Promise<[Program, string]> {
  launcher ??= new Launcher();
  const program = launcher.launch(code, words, { ...process.env, ...environment });
  return [program, await program.line(says)];
}

/** A program of its own, once it has said the line, and that line. */
export async function started(
  name: string,
  words: string[],
  says: string,
  environment: Record<string, string> = {},
): Promise<[Program, string]> {
  const child = spawn(name, words, {
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin`, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const first = await new Promise<string>((resolve, reject) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        if (line.includes(says)) resolve(line);
      });
    }
    child.once("exit", () => reject(new Error(`${name} ${words.join(" ")} did not start`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  };
  return [{ end }, first];
}
