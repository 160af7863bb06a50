/** What the lab's forms make of what is typed, what they say is missing, and what the page says of results. */

import { describe, expect, test } from "vitest";

import type { LabSet, Results, Spec } from "../src/api/lab";
import { emptyDraft, emptyPrompt, MOST_TRIALS, readRun, trialCount, whole, type RunDraft } from "../src/features/lab/form";
import { next } from "../src/features/lab/moves";
import { promptName, rowName } from "../src/features/lab/names";
import { markOf } from "../src/features/lab/outcome";
import { caseDraft, judgeDraft, readJudge, readSet, setDraft, type SetDraft } from "../src/features/lab/sets";
import { againstChance, verdicts } from "../src/features/lab/verdict";
import { asked, readAttempt, type Attempt, type Texts } from "../src/features/templates/attempt";
import { difference } from "../src/features/templates/difference";
import { variables } from "../src/protocol/variables";
import type { LabRow } from "../src/stores/lab";
import { words } from "../src/words";

const mazes: LabSet = {
  id: "practice",
  title: "Practice",
  kind: "maze",
  builtin: true,
  maze: { size: 7, loops: 0, germs: 0, fog: false, seeds: [1, 2, 3] },
  cases: null,
};
const facts: LabSet = {
  id: "12",
  title: "Facts",
  kind: "cases",
  builtin: false,
  maze: null,
  cases: [{ name: "A", variables: {}, input: "Hello", judge: null }],
};
const SETS = [mazes, facts];
const say = words.lab.form.problems;

describe("a new run", () => {
  const draft = (changes: Partial<RunDraft> = {}): RunDraft => ({
    ...emptyDraft(),
    prompts: [emptyPrompt(4), { ...emptyPrompt(), content: "Be kind." }],
    set: "practice",
    ...changes,
  });

  test("asks for templates by number, and for texts as they are", () => {
    expect(readRun(draft(), SETS)).toEqual({
      run: {
        set_id: "practice",
        templates: [{ template_id: 4 }, { title: "Prompt 2", content: "Be kind." }],
        models: [null],
        settings: [{}],
        repeats: 1,
        forcing: "shape",
        steps: 200,
      },
    });
  });

  test("says nothing of mazes where there are none", () => {
    const read = readRun(draft({ set: "12", steps: "never" }), SETS);
    expect(read).not.toHaveProperty("problem");
    expect(read).not.toHaveProperty("run.forcing");
  });

  test("makes a trial of each prompt, model, setting, task and repetition", () => {
    const [setting] = draft().settings;
    if (setting === undefined) throw new Error("no settings");
    const many = draft({ models: [null, "big"], settings: [setting, { ...setting, key: 99 }], repeats: "5" });
    expect(trialCount(many, mazes)).toBe(2 * 2 * 2 * 3 * 5);
    expect(trialCount(draft({ repeats: "" }), mazes)).toBeNull();
    expect(trialCount(draft(), undefined)).toBeNull();
  });

  test.each([
    ["no prompt", { prompts: [] }, say.noPrompt],
    ["an empty prompt", { prompts: [emptyPrompt()] }, say.emptyPrompt],
    ["no model", { models: [] }, say.noModel],
    ["no set", { set: null }, say.noSet],
    ["a set that was deleted", { set: "99" }, say.noSet],
    ["half a repetition", { repeats: "1.5" }, say.repeats(20)],
    ["too many repetitions", { repeats: "21" }, say.repeats(20)],
    ["no answers", { steps: "0" }, say.steps],
  ] as const)("is refused with %s", (_, changes, problem) => {
    expect(readRun(draft(changes), SETS)).toEqual({ problem });
  });

  test("is refused with more trials than the gateway takes", () => {
    const large = { ...mazes, maze: { ...mazes.maze, seeds: Array.from({ length: 1000 }, (_, at) => at) } } as LabSet;
    expect(readRun(draft({ repeats: "2" }), [large])).toEqual({ problem: say.tooMany(4000, MOST_TRIALS) });
  });

  test("takes whole numbers alone", () => {
    expect(["7", " 7 ", "", "-1", "1e3", "0x5", "7.0", "99999999999"].map((text) => whole(text, 0, 100))).toEqual([
      7,
      7,
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});

describe("a judge", () => {
  const blank = judgeDraft(null);

  test.each([
    [{ type: "contains", value: "Paris", ignore_case: true }],
    [{ type: "equals", value: "", ignore_case: false }],
    [{ type: "matches", pattern: "\\d+" }],
    [{ type: "json_schema", schema: { type: "object" } }],
    [{ type: "length", min: 1, max: 5, unit: "words" }],
    [{ type: "model", rubric: "It is kind.", model: "big" }],
  ] as const)("is written as it was read: %o", (judge) => {
    expect(readJudge(judgeDraft(judge))).toEqual({ value: judge });
  });

  test.each([
    ["contains", {}, words.lab.judges.problems.noValue],
    ["matches", {}, words.lab.judges.problems.noPattern],
    ["json_schema", { schema: "{" }, words.lab.judges.problems.notSchema],
    ["json_schema", { schema: "[]" }, words.lab.judges.problems.notSchema],
    ["length", {}, words.lab.judges.problems.noLength],
    ["length", { min: "many" }, words.lab.judges.problems.notLength],
    ["length", { min: "5", max: "1" }, words.lab.judges.problems.noSuchLength],
    ["model", { rubric: "  " }, words.lab.judges.problems.noRubric],
  ] as const)("of the type %s lacks something: %o", (type, changes, problem) => {
    expect(readJudge({ ...blank, type, ...changes })).toEqual({ problem });
  });
});

describe("a set", () => {
  const written = (changes: Partial<SetDraft>): SetDraft => ({ ...setDraft(null), title: "Mine", ...changes });

  test("is written as it was read", () => {
    expect(readSet(setDraft(facts))).toEqual({ value: { title: "Facts", maze: null, cases: facts.cases } });
    expect(readSet(setDraft(mazes))).toEqual({ value: { title: "Practice", maze: mazes.maze, cases: null } });
  });

  test("names its cases where nobody did, and says which one lacks something", () => {
    const bad = { ...caseDraft(), judge: { ...judgeDraft(null), type: "matches" as const } };
    expect(readSet(written({ cases: [caseDraft(), bad] }))).toEqual({ problem: "Case 2: Write the pattern." });
    expect(readSet(written({ cases: [caseDraft()] }))).toMatchObject({ value: { cases: [{ name: "Case 1" }] } });
  });

  test("leaves out variables that are empty, and refuses the same one twice", () => {
    const variable = (key: number, name: string, value: string) => ({ key, name, value });
    const with_ = (...all: ReturnType<typeof variable>[]): SetDraft => written({ cases: [{ ...caseDraft(), variables: all }] });
    expect(readSet(with_(variable(1, "", ""), variable(2, "tone", "")))).toMatchObject({
      value: { cases: [{ variables: { tone: "" } }] },
    });
    expect(readSet(with_(variable(1, "tone", "a"), variable(2, " tone", "b")))).toEqual({
      problem: `Case 1: ${words.lab.sets.problems.twice("tone")}`,
    });
    expect(readSet(with_(variable(1, " ", "a")))).toEqual({ problem: `Case 1: ${words.lab.sets.problems.noVariable}` });
  });

  test.each([
    [{ title: " " }, words.lab.sets.problems.noTitle],
    [{ cases: [] }, words.lab.sets.problems.noCase],
    [{ kind: "maze", size: "8", seeds: "1" }, words.lab.sets.problems.size],
    [{ kind: "maze", size: "35", seeds: "1" }, words.lab.sets.problems.size],
    [{ kind: "maze", loops: "101", seeds: "1" }, words.lab.sets.problems.loops],
    [{ kind: "maze", germs: "13", seeds: "1" }, words.lab.sets.problems.germs],
    [{ kind: "maze", seeds: "" }, words.lab.sets.problems.noSeed],
    [{ kind: "maze", seeds: "1, two" }, words.lab.sets.problems.seed("two")],
    [{ kind: "maze", seeds: "4294967296" }, words.lab.sets.problems.seed("4294967296")],
    [{ kind: "maze", seeds: "7 7" }, words.lab.sets.problems.seedTwice(7)],
  ] as const)("is refused: %o", (changes, problem) => {
    expect(readSet(written(changes))).toEqual({ problem });
  });

  test("takes seeds however they are parted", () => {
    expect(readSet(written({ kind: "maze", seeds: "1, 2;3\n 4294967295" }))).toMatchObject({
      value: { maze: { seeds: [1, 2, 3, 4294967295] } },
    });
  });
});

const chosen = {} as Spec["settings"][number]["chosen"];

function spec(changes: Partial<Spec> = {}): Spec {
  return {
    templates: [
      { title: "A", content: "", template_id: 1, version: 1 },
      { title: "B", content: "", template_id: 2, version: 3 },
    ],
    models: ["scripted"],
    settings: [{ title: "Default settings", chosen, sampling: chosen }],
    set: { ...facts },
    repeats: 1,
    forcing: "shape",
    steps: 200,
    rules: null,
    attended: false,
    ...changes,
  };
}

describe("a row", () => {
  test("is named after what differs", () => {
    const row = { template: 0, model: 0, setting: 0 };
    expect(rowName(spec(), row)).toBe("A");
    expect(rowName(spec({ models: ["small", "big"] }), { ...row, model: 1 })).toBe("A · big");
  });

  test("is told by version where titles are the same, and by place where versions are too", () => {
    const [a] = spec().templates;
    if (a === undefined) throw new Error("no template");
    expect(promptName(spec({ templates: [a, { ...a, version: 2 }] }), 1)).toBe("A, version 2");
    expect(
      promptName(
        spec({
          templates: [
            { ...a, version: null },
            { ...a, version: null },
          ],
        }),
        1,
      ),
    ).toBe("A (2)");
  });

  test("marks what was never judged as neither passed nor missed", () => {
    expect(markOf({ status: "complete", passed: null })).toBe("ended");
    expect(markOf({ status: "complete", passed: false })).toBe("missed");
    expect(markOf({ status: "stopped", passed: null })).toBe("stopped");
  });
});

describe("the verdict", () => {
  const figures = { n: 6, failed: 0, opinions: 0, steps_ratio: null, illegal_per_game: null, repaired: null, score: null };
  const times = { tokens: null, first_token_ms: null, total_ms: null };
  const results = (changes: Partial<Results["comparisons"][number]>): Results => ({
    rows: [
      { template: 0, model: 0, setting: 0, passed_share: 0.2, ...figures, ...times },
      { template: 1, model: 0, setting: 0, passed_share: 0.7, ...figures, ...times },
    ],
    baselines: [{ name: "random legal moves", n: 10, passed_share: 0.2, steps_ratio: 2, score: 1 }],
    chance: [
      { row: 0, difference: 0, low: -0.2, high: 0.2, cases: 6, better: false },
      { row: 1, difference: 0.5, low: 0.2, high: 0.8, cases: 6, better: true },
    ],
    comparisons: [{ a: 0, b: 1, difference: -0.5, low: -0.8, high: -0.1, cases: 6, winner: "b", ...changes }],
    method: "",
  });

  test("names a winner, with the interval seen from its side", () => {
    const [verdict] = verdicts(spec(), results({}));
    expect(verdict?.isClear).toBe(true);
    expect(verdict?.sentence).toBe(
      "“B” is better than “A”: 70% against 20% on 6 tasks. The difference is +50 points; its 95% interval, +10 to +80 points, leaves out 0.",
    );
  });

  test("names nobody on few tasks", () => {
    const [verdict] = verdicts(spec(), results({ cases: 5, winner: null }));
    expect(verdict?.isClear).toBe(false);
    expect(verdict?.sentence).toMatch(/: 20% against 70% on 5 tasks\. These are too few/);
  });

  test("claims no difference where the interval includes nought", () => {
    const [verdict] = verdicts(spec(), results({ low: -0.9, high: 0.1, winner: null }));
    expect(verdict?.isClear).toBe(false);
    expect(verdict?.sentence).toMatch(/^No difference shown between “A” and “B”: 20% against 70%.*−90 to \+10 points/);
  });

  test("says which rows do no better than random moves", () => {
    expect(againstChance(spec(), results({}))).toBe("Random legal moves solve 20%. “A” is not clearly better.");
    const [row] = results({}).chance;
    const worse = { ...row, difference: -0.5, low: -0.8, high: -0.1 } as Results["chance"][number];
    expect(againstChance(spec(), { ...results({}), chance: [worse] })).toBe("Random legal moves solve 20%. “A” solves fewer.");
    expect(againstChance(spec(), { ...results({}), chance: [{ ...worse, cases: 5 }] })).toMatch(/“A” is not clearly better\.$/);
    expect(againstChance(spec(), { ...results({}), baselines: [], chance: [] })).toBeNull();
  });
});

describe("the arrow keys", () => {
  const row = (template: number, ...numbers: number[]): LabRow =>
    ({ template, model: 0, setting: 0, cells: numbers.map((number) => ({ number })) }) as unknown as LabRow;
  const rows = [row(0, 1, 2, 3), row(1, 4, 5)];

  test("go from trial to trial and stop at the edges", () => {
    const from = (number: number) =>
      ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"].map((key) => next(rows, number, key));
    expect(from(1)).toEqual([2, 1, 4, null, 1, 3]);
    expect(from(3)).toEqual([3, 2, 5, null, 1, 3]);
    expect(from(5)).toEqual([5, 4, null, 2, 4, 5]);
    expect(next(rows, 1, "a")).toBeNull();
    expect(next([], null, "ArrowRight")).toBeNull();
  });
});

describe("variables of a text", () => {
  test("are read as the gateway reads them", () => {
    expect(variables("{{a}} {{ b = x | why }} {{a=1}} {{{c}}} {{1d}} {{e=f=g}} {{h==}} {{i|j|k}} {{ö}}")).toEqual([
      { name: "a", default: "1", description: null },
      { name: "b", default: "x", description: "why" },
      { name: "e", default: "f=g", description: null },
      { name: "ö", default: null, description: null },
    ]);
  });
});

describe("what is tried of a template", () => {
  const texts: Texts = { written: "{{tone}} {{city=Rome}}", stored: [{ version: 1, content: "{{city}}" }] };
  const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
    sides: [{ version: null, model: null }],
    values: { tone: "calm" },
    input: "Hi",
    ...changes,
  });

  test("is a run for each side, with the variables that they use", () => {
    const read = readAttempt("T", attempt({ values: { tone: "calm", other: "x" } }), texts);
    expect(read).toMatchObject({
      runs: [
        {
          attended: true,
          templates: [{ title: "T", content: texts.written }],
          models: [null],
          set: { cases: [{ variables: { tone: "calm" }, input: "Hi" }] },
        },
      ],
    });
  });

  test("needs a value where one of the sides has no default", () => {
    const both = attempt({
      sides: [
        { version: null, model: null },
        { version: 1, model: "big" },
      ],
    });
    expect(asked(both.sides, texts).map(({ name, default: otherwise }) => [name, otherwise])).toEqual([
      ["tone", null],
      ["city", null],
    ]);
    expect(readAttempt("T", both, texts)).toEqual({ problem: words.templates.trial.missing(["city"]) });
  });

  test("is nothing without a text", () => {
    expect(readAttempt("T", attempt(), { written: " ", stored: [] })).toEqual({ problem: words.templates.trial.noText });
  });
});

describe("the difference of two texts", () => {
  test("is told word by word", () => {
    expect(difference("Answer the city alone", "Answer one city alone")).toEqual([
      { value: "Answer ", kind: "same" },
      { value: "the", kind: "gone" },
      { value: "one", kind: "came" },
      { value: " city alone", kind: "same" },
    ]);
  });

  test("adds up to both texts, and of long ones that share nothing takes no time", () => {
    const long = (word: string): string => Array.from({ length: 20_000 }, (_, at) => `${word}${at}`).join(" ");
    for (const [before, after] of [
      ["", "a\nb"],
      [long("a"), long("b")],
    ] as const) {
      const pieces = difference(before, after);
      const text = (kind: string): string =>
        pieces
          .filter((piece) => piece.kind === kind || piece.kind === "same")
          .map(({ value }) => value)
          .join("");
      expect(text("gone")).toBe(before);
      expect(text("came")).toBe(after);
    }
  }, 5_000);
});
