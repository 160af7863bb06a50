/** The lab, in English. */

import { between, duration, list, number, percent, plural, points, tokens, trials } from "./format";

interface Counted {
  waiting: number;
  running: number;
  complete: number;
  failed: number;
  stopped: number;
}

/** A set of tasks, as far as a sentence about it needs it. */
interface Described {
  kind: "maze" | "cases";
  maze: { size: number; loops: number; germs: number; fog: boolean } | null;
}

/** Rows beside random moves, by name: `alike` are not clearly better, `worse` clearly solve fewer. */
interface AgainstChance {
  alike: readonly string[];
  worse: readonly string[];
  rows: number;
}

export const lab = {
  promptPlace: (title: string, at: number) => `${title} (${number(at)})`,
  promptVersion: (title: string, version: number) => `${title}, version ${number(version)}`,
  defaultModel: "default model",
  maze: (at: number, seed: number | null) => (seed === null ? `maze ${number(at)}` : `maze ${number(at)} (seed ${seed})`),
  task: (at: number) => `Case ${number(at)}`,
  repeat: (at: number) => `repetition ${number(at)}`,
  trial: (name: string, outcome: string) => `${name}: ${outcome}`,
  share: (part: number, whole: number) => `${number(part)} of ${number(whole)}`,
  failedCount: (count: number) => `${number(count)} failed`,
  says: (text: string) => `“${text}”`,
  settingAs: (name: string, values: readonly string[]) =>
    values.length === 0 ? `${name}: the server’s defaults` : `${name}: ${list(values)}`,
  solvedIn: (steps: number, shortest: number | null) =>
    `solved in ${plural(steps, { one: "step", other: "steps" })}${shortest === null ? "" : ` (shortest path: ${number(shortest)})`}`,
  notSolved: (end: string, steps: number) => {
    const ends: Record<string, string> = {
      germ: "caught by a germ",
      oxygen: "out of oxygen",
      given_up: "the limit of answers was reached",
    };
    return `not solved: ${ends[end] ?? end} after ${plural(steps, { one: "step", other: "steps" })}`;
  },
  judged: (mark: string, reason: string, isOpinion: boolean) =>
    `${mark}${isOpinion ? " in the opinion of a model" : ""}. ${reason}`,
  game: (score: number, illegal: number, repaired: number) =>
    `score ${number(score)}, ${plural(illegal, { one: "illegal action", other: "illegal actions" })}, ${plural(repaired, { one: "repaired answer", other: "repaired answers" })}`,
  times: (first: number | null, whole: number) =>
    first === null ? duration(whole) : `${duration(whole)}, first token after ${duration(first)}`,
  tokens: (read: number, written: number) => `${tokens(written)} generated, ${tokens(read)} read`,
  attempts: (attempts: number, givenUp: number) =>
    givenUp === 0
      ? plural(attempts, { one: "attempt", other: "attempts" })
      : `${plural(attempts, { one: "attempt", other: "attempts" })}, made way for a person ${plural(givenUp, { one: "time", other: "times" })}`,
  statuses: { running: "Running", stopped: "Stopped", done: "Done" },
  marks: {
    waiting: "waiting",
    running: "running",
    passed: "passed",
    missed: "not passed",
    ended: "ended, not judged",
    failed: "failed",
    stopped: "stopped",
  },
  baselines: { "random legal moves": "Random legal moves", "shortest path": "Shortest path" },
  matrix: "All trials",
  matrixHint: "Each square is a trial. Choose one to read what was said in it.",

  list: {
    all: "All runs",
    heads: ["Run", "State", "Trials finished", "Started"],
    empty: "Which of two prompts is better? The lab tries them on the same tasks and measures it.",
    steps: [
      "Write two templates, or two versions of one.",
      "Start a run: choose both, and a set of tasks such as “Practice mazes”.",
      "Read which one is better, and by how much.",
    ],
  },

  form: {
    new: "New run",
    begin: "Start the run",
    title: "Title",
    titleHint: "Named after its prompts",
    prompts: "Prompts",
    promptsHint: "Add the prompts that you want to compare: your templates, or texts of their own.",
    prompt: (at: number) => `Prompt ${number(at)}`,
    addPrompt: "Add a prompt",
    removePrompt: (at: number) => `Remove prompt ${number(at)}`,
    ownText: "Text of its own",
    foreign: (title: string, id: number) => `${title || "Template"} (number ${id})`,
    ownTitle: (at: number) => `Prompt ${number(at)}`,
    promptTitle: (at: number) => `Name of prompt ${number(at)}`,
    promptText: (at: number) => `Text of prompt ${number(at)}`,
    textHint: "The instructions that the model gets",
    versionOf: (at: number) => `Version of prompt ${number(at)}`,
    newest: (version: number | null) => (version === null ? "Newest version" : `Newest version (${number(version)})`),
    models: "Models",
    tasks: "Tasks",
    set: "Set of tasks",
    chooseSet: "Choose a set",
    setHint: "Mazes to be solved, or cases: an input, and how the answer is judged.",
    ownSets: "Make or change sets",
    more: "Settings and repetitions",
    settings: "Settings",
    settingsHint: "Add a second row to compare settings. An empty field means the default.",
    setting: (at: number) => `Settings ${number(at)}`,
    settingTitle: "Name",
    addSetting: "Add settings",
    removeSetting: (at: number) => `Remove settings ${number(at)}`,
    repeats: "Repetitions",
    repeatsHint: "How often each task is tried. More than one helps where replies vary.",
    steps: "Answers in a maze",
    stepsHint: "A game ends after that many.",
    forcing: "Form of the answers",
    forcings: {
      shape: "Forced into the form of an answer; moves are free, so illegal moves count",
      legal: "Only moves that are legal are possible",
      none: "Not forced; what can’t be read counts as an illegal move",
    },
    trials: (of: { prompts: number; models: number; settings: number; tasks: number; repeats: number; trials: number }) => {
      const parts = [
        plural(of.prompts, { one: "prompt", other: "prompts" }),
        plural(of.models, { one: "model", other: "models" }),
        ...(of.settings > 1 ? [`${number(of.settings)} settings`] : []),
        plural(of.tasks, { one: "task", other: "tasks" }),
        ...(of.repeats > 1 ? [`${number(of.repeats)} repetitions`] : []),
      ];
      return `${parts.join(" × ")} = ${trials(of.trials)}`;
    },
    problems: {
      noPrompt: "Add a prompt to try.",
      emptyPrompt: "A prompt is empty. Write its text, or remove it.",
      noModel: "Choose a model.",
      noSet: "Choose a set of tasks.",
      emptySet: "This set has no tasks. Add some, or choose another set.",
      repeats: (most: number) => `Repetitions: choose a number from 1 to ${number(most)}.`,
      steps: "Answers in a maze: choose a number from 1 to 1,000.",
      tooMany: (count: number, most: number) =>
        `That makes ${trials(count)}; the limit is ${number(most)}. Choose fewer prompts, models, settings or repetitions.`,
    },
  },

  run: {
    missing: "This run doesn’t exist, or it was deleted.",
    sentence: (status: "running" | "stopped" | "done", counts: Counted) => {
      const { waiting, running, complete, failed, stopped } = counts;
      const all = waiting + running + complete + failed + stopped;
      const parts = [
        `${number(complete)} of ${trials(all)} complete`,
        ...(running > 0 ? [`${number(running)} running`] : []),
        ...(waiting > 0 ? [`${number(waiting)} waiting`] : []),
        ...(stopped > 0 ? [`${number(stopped)} stopped`] : []),
        ...(failed > 0 ? [`${number(failed)} failed`] : []),
      ];
      const state = { running: "Running", stopped: "Stopped", done: "Done" }[status];
      return `${state}: ${parts.join(", ")}.`;
    },
    unserved: (models: readonly string[]) => `No server has ${list(models)} at the moment. Its trials wait until one has.`,
    progress: "Trials finished",
    stopAll: "Stop all",
    resume: "Resume",
    again: "Run again with changes",
    csv: "Export CSV",
    json: "Export JSON",
    views: "What to look at",
    tabs: { live: "Live", results: "Results", setup: "Setup" },
    deleteTitle: (title: string) => `Delete “${title}”?`,
    deleteText: "Its trials, transcripts and results are deleted for good. Templates and sets stay.",
  },

  live: {
    nothing: (status: "running" | "stopped" | "done"): string =>
      status === "running" ? "No trial is running yet." : "No trial is running.",
    others: (running: number, waiting: number) => {
      if (running + waiting === 0) return "No other trial is running or waiting.";
      const parts = [
        ...(running > 0 ? [`${number(running)} running`] : []),
        ...(waiting > 0 ? [`${number(waiting)} waiting`] : []),
      ];
      return `Other trials: ${parts.join(", ")}.`;
    },
    writing: "Writing",
    starting: "Starting",
    pane: (at: number) => `Stream ${number(at)}`,
    choose: (at: number) => `Trial in stream ${number(at)}`,
    newest: (name: string) => `Newest: ${name}`,
    stop: (name: string) => `Stop ${name}`,
    open: "Transcript",
  },

  results: {
    soFar: "These are the results so far; they follow the run.",
    verdict: "Which is better",
    onlyOne: "There is one row, so nothing is compared. Run it again with a second prompt, model or setting.",
    table: "Figures",
    plot: "Plot",
    measure: "What the plot shows",
    method: "How this is compared",
    row: "Prompt",
    trials: "Trials",
    failed: "Failed",
    baseline: "(baseline)",
    isBetter: (name: string) => `${name} better`,
    notMeasured: "not measured",
    heads: {
      maze: {
        passed_share: "Solved",
        steps_ratio: "Steps ÷ shortest",
        illegal_per_game: "Illegal/game",
        repaired: "Repaired",
        score: "Score",
        tokens: "Tokens",
        first_token_ms: "First token",
        total_ms: "Whole time",
      },
      cases: {
        passed_share: "Passed",
        steps_ratio: "Steps ÷ shortest",
        illegal_per_game: "Illegal",
        repaired: "Repaired",
        score: "Score",
        tokens: "Tokens",
        first_token_ms: "First token",
        total_ms: "Whole time",
      },
    },
    interval: (difference: number, low: number, high: number) =>
      `Difference ${points(difference)} points, 95% interval ${between(low, high)}`,
  },

  verdict: {
    nothingInCommon: (a: string, b: string) => `“${a}” and “${b}” have no finished task in common yet.`,
    better: (
      [winner, other]: readonly [string, string],
      [share, less]: readonly [number, number],
      { by, low, high, cases }: { by: number; low: number; high: number; cases: number },
    ) =>
      `“${winner}” is better than “${other}”: ${percent(share)} against ${percent(less)} on ${plural(cases, { one: "task", other: "tasks" })}. The difference is ${points(by)} points; its 95% interval, ${between(low, high)}, leaves out 0.`,
    tooFew: ([a, b]: readonly [string, string], [share, less]: readonly [number, number], { cases }: { cases: number }) =>
      `“${a}” and “${b}”: ${percent(share)} against ${percent(less)} on ${plural(cases, { one: "task", other: "tasks" })}. These are too few to name a better one: try at least six.`,
    noDifference: (
      [a, b]: readonly [string, string],
      [share, less]: readonly [number, number],
      { low, high, cases }: { low: number; high: number; cases: number },
    ) =>
      `No difference shown between “${a}” and “${b}”: ${percent(share)} against ${percent(less)} on ${plural(cases, { one: "task", other: "tasks" })}. The 95% interval of the difference, ${between(low, high)}, includes 0.`,
    chance: (share: number, { alike, worse, rows }: AgainstChance) => {
      const sentences = [`Random legal moves solve ${percent(share)}.`];
      if (worse.length > 0)
        sentences.push(`${list(worse.map((name) => `“${name}”`))} ${worse.length === 1 ? "solves" : "solve"} fewer.`);
      if (alike.length === rows && rows > 1) sentences.push("No prompt is clearly better.");
      else if (alike.length > 0)
        sentences.push(`${list(alike.map((name) => `“${name}”`))} ${alike.length === 1 ? "is" : "are"} not clearly better.`);
      return sentences.join(" ");
    },
  },

  transcript: {
    outcome: "Outcome",
    game: "Game",
    time: "Time",
    tokens: "Tokens",
    attempts: "Attempts",
    stop: "Stop this trial",
    step: (at: number, of: number) => `Answer ${number(at)} of ${number(of)}`,
    answer: "What the model answered",
    judge: "What the judging model answered",
    noAnswer: "(nothing)",
    sent: "What the model was sent",
    role: (role: string) => ({ system: "System prompt", user: "User", assistant: "Assistant" })[role] ?? role,
    action: (action: string | null, legal: boolean | null, reading: string | null) => {
      if (action === null) return "No action could be read; the game waited.";
      const facts = [
        ...(legal === null ? [] : [legal ? "legal" : "illegal, so the game waited"]),
        ...(reading === "repaired" ? ["repaired"] : []),
      ];
      return `${action}${facts.length === 0 ? "" : `: ${list(facts)}`}`;
    },
    empty: (status: string): string => {
      if (status === "waiting") return "This trial waits for its turn.";
      return status === "running"
        ? "This trial is running. What was said stands here when it has ended; until then, read along under Live."
        : "Nothing was said in this trial.";
    },
    replay: (at: number, of: number) => (at === 0 ? "The maze at the start" : `After answer ${number(at)} of ${number(of)}`),
    makeCase: "Make this a case",
    makeCaseHint:
      "The same variables and input become a case, so that every later prompt is tried on it too. Without a judge, the answer has to stay what it was.",
    makeMazeHint: "The same maze becomes part of a set of your own, so that every later prompt is tried on it too.",
    intoSet: "Set",
    newSet: "Regression cases",
    make: "Add the case",
    made: (title: string) => `Added to “${title}”.`,
  },

  sets: {
    title: "Sets of tasks",
    new: "New set",
    file: "File of a set",
    own: "Your sets",
    builtin: "Built in",
    empty: "None yet.",
    missing: "This set doesn’t exist, or it was deleted.",
    about: ({ kind, maze }: Described, tasks: number) => {
      if (kind === "cases" || maze === null) return plural(tasks, { one: "case", other: "cases" });
      const parts = [
        `${plural(tasks, { one: "maze", other: "mazes" })} of ${maze.size} × ${maze.size}`,
        ...(maze.germs > 0 ? [plural(maze.germs, { one: "germ", other: "germs" })] : []),
        ...(maze.fog ? ["fog"] : []),
      ];
      return parts.join(", ");
    },
    seeds: (seeds: readonly number[]) => `Seeds: ${seeds.join(", ")}.`,
    kind: "What it is made of",
    kinds: { cases: "Cases: an input, and how the answer is judged", maze: "Mazes" },
    use: "Use in a new run",
    saveAsOwn: "Save as your own set",
    saved: (title: string) => `“${title}” is saved.`,
    deleteText: "Its tasks are deleted for good. Runs keep the tasks they were started with.",
    case: (at: number) => `Case ${number(at)}`,
    addCase: "Add a case",
    removeCase: (at: number) => `Remove case ${number(at)}`,
    name: "Name",
    input: "Input",
    inputHint: "What the person says, such as “What is the capital of France?”",
    variableName: (at: number) => `Variable ${number(at)}`,
    variableValue: (at: number) => `Value of variable ${number(at)}`,
    addVariable: "Add a variable",
    removeVariable: (at: number) => `Remove variable ${number(at)}`,
    size: "Size",
    sizeHint: "Odd, from 5 to 33",
    loops: "Loops, in percent",
    loopsHint: "Walls opened, so that forks matter",
    germs: "Germs",
    germsHint: "From 0 to 12",
    fog: "Fog: only what was seen is known",
    seedNumbers: "Seeds",
    seedsHint: "Numbers, one for each maze, such as 1 2 3",
    drawSeeds: (count: number) => `Draw ${number(count)} seeds`,
    teach: "A set is a list of tasks. Make one with the form, or import a file.",
    csv: "A CSV file",
    csvExample:
      "name,input,language,contains,ignore_case\nGreeting,Good morning,French,bonjour,yes\nFarewell,Goodbye,German,wiedersehen,yes",
    csvHint:
      "A case has one judge: a column contains, equals, matches, json_schema or rubric. Every other column, such as language here, is a variable of the prompt.",
    json: "A JSON file",
    jsonExample:
      '{\n  "title": "Greetings",\n  "cases": [\n    {\n      "name": "Greeting",\n      "variables": { "language": "French" },\n      "input": "Good morning",\n      "judge": { "type": "contains", "value": "bonjour", "ignore_case": true }\n    }\n  ]\n}',
    problems: {
      noTitle: "Give the set a title.",
      noCase: "Add a case.",
      inCase: (at: number, problem: string) => `Case ${number(at)}: ${problem}`,
      noVariable: "A variable has no name.",
      twice: (name: string) => `The variable ${name} is there twice.`,
      size: "Size: choose an odd number from 5 to 33.",
      loops: "Loops: choose a number from 0 to 100.",
      germs: "Germs: choose a number from 0 to 12.",
      noSeed: "Seeds: write a number for each maze.",
      seed: (text: string) => `Seeds: “${text}” is not a whole number below 4,294,967,296.`,
      seedTwice: (seed: number) => `Seeds: ${seed} is there twice; it would be the same maze.`,
    },
  },

  judges: {
    judge: "Judge",
    types: {
      none: { name: "Not judged", hint: "The answers are kept and shown, and nobody says whether they are right." },
      contains: {
        name: "Contains",
        hint: "The answer has this text somewhere in it. For example: Paris",
        example: "Paris",
      },
      equals: {
        name: "Equals",
        hint: "The whole answer is this text; spaces around it don’t count. For example: 42",
        example: "42",
      },
      matches: {
        name: "Matches a pattern",
        hint: "A regular expression, found anywhere in the answer. For example: \\b\\d{4}-\\d{2}-\\d{2}\\b for a date",
        example: "\\b\\d{4}-\\d{2}-\\d{2}\\b",
      },
      json_schema: {
        name: "Is JSON of a form",
        hint: "The whole answer is JSON that fits this schema. For example: an object with a number named “age”.",
        example: '{"type": "object", "properties": {"age": {"type": "number"}}, "required": ["age"]}',
      },
      length: {
        name: "Length",
        hint: "The answer is not shorter and not longer than this. For example: at most 50 words.",
        example: "50",
      },
      model: {
        name: "A model’s opinion",
        hint: "A model reads the answer and says whether it meets your rubric. That is an opinion, and marked as one. For example: The answer is polite and names one reason.",
        example: "The answer is polite and names one reason.",
      },
    },
    value: "Text",
    ignoreCase: "Capital and small letters are the same",
    pattern: "Pattern",
    schema: "JSON schema",
    min: "At least",
    max: "At most",
    unit: "Counted in",
    units: { words: "words", characters: "characters" },
    rubric: "Rubric",
    model: "Judging model",
    sameModel: "The model that answered",
    problems: {
      noValue: "Write the text that the answer must contain.",
      noPattern: "Write the pattern.",
      notSchema: "The schema isn’t a JSON object yet.",
      noRubric: "Write the rubric.",
      notLength: "A length is a whole number.",
      noLength: "Write the least or the greatest length.",
      noSuchLength: "No answer has such a length: the least is above the greatest.",
    },
  },
};
