/**
 * All that the page says, in English. Another language is a file like this one, typed `Words`, in the table of `index.ts`: a sentence
 * that it lacks fails the type check. Sentences say what happened and what to do; what varies in them is a parameter.
 */

import { formats } from "./formats";
import { SETTINGS } from "./sampling.gen";

const format = formats("en-GB", "just now");
const { ago, date, list, number, percent, plural } = format;

const tokens = (count: number): string => plural(count, { one: "token", other: "tokens" });
/** A difference that is the same on each of fewer tasks happens by chance more often than once in twenty times. */
const FEW_TASKS = 6;
const trials = (count: number): string => plural(count, { one: "trial", other: "trials" });
const seconds = (ms: number): string => `${number(ms / 1000, 1)} s`;
/** *+12 points*, of a difference between two shares. */
const points = (difference: number): string => {
  const value = Math.round(100 * difference);
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Math.abs(value))}`;
};
const between = (low: number, high: number): string => `${points(low)} to ${points(high)} points`;

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

export const en = {
  language: "en",
  format,

  common: {
    product: "LAM Studio",
    documentTitle: (page: string) => `${page} · LAM Studio`,
    tryAgain: "Try again",
    cancel: "Cancel",
    close: "Close",
    delete: "Delete",
    send: "Send",
    signOut: "Sign out",
    email: "Email",
    password: "Password",
    none: "None",
    unknown: "Unknown",
    useTemplate: "Use template",
    copy: "Copy",
    copied: "Copied",
  },

  /** The titles of the pages: in the navigation, above each page, in the browser's tab and in the palette. */
  pages: {
    studio: "Conversations",
    templates: "Templates",
    maze: "Maze",
    lab: "Lab",
    usage: "Usage",
    settings: "Settings",
    admin: "Admin",
    signIn: "Sign in",
  },

  navigation: {
    back: "Back to conversations",
    label: "Pages",
    goTo: (page: string) => `Go to ${page.toLowerCase()}`,
  },

  /** Part of the page cannot be drawn. */
  broken: {
    account: "Something went wrong. Your account can’t be shown.",
    commands: "Something went wrong. The commands can’t be shown.",
    composer: "Something went wrong. The message box can’t be shown.",
    conversation: "Something went wrong. This conversation can’t be shown.",
    conversations: "Something went wrong. The list of conversations can’t be shown.",
    message: "Something went wrong. This message is shown as plain text.",
    options: "Something went wrong. The options can’t be shown.",
    page: "Something went wrong. This page can’t be shown.",
  },

  failure: {
    everythingTitle: "Something went wrong",
    everything: "Reload the page. Your conversations are stored on the server and your drafts in this browser; nothing is lost.",
    reload: "Reload the page",
    notFoundTitle: "Page not found",
    notFound: "The address is wrong, or the page no longer exists.",
    offlineTitle: "Can’t reach LAM Studio",
    offlineHint: "Check that it is running and that you are online.",
    offline: "Running replies continue without you. This page tries again every few seconds.",
    unreachable: "Can’t reach LAM Studio. Check that it is running and that you are online.",
    status: (status: number) => `LAM Studio answered with an error (${status}). Try again.`,
  },

  signIn: {
    welcome: "Chat with a model that runs here, and watch its words arrive.",
    submit: "Sign in",
    create: "Create account",
    toCreate: "Create an account",
    toSignIn: "I have an account",
    closed: "An administrator of this server creates the accounts.",
  },

  studio: {
    side: "Conversations and pages",
    conversations: "Conversations",
    newConversation: "New conversation",
    options: "Options",
    optionsHint: "Options (O)",
    welcome: "What would you like to talk about?",
    example: "For example: “Explain in three sentences how a rainbow forms.”",
    toggleOptions: "Show or hide the options",
    exportMarkdown: "Export this conversation as Markdown",
    exportJson: "Export this conversation as JSON",
    deleteConversation: "Delete this conversation",
  },

  sessions: {
    search: "Search conversations",
    searchHint: "Search",
    empty: "No conversations yet. Ask something, such as “What can you help me with?”",
    pinned: "Pinned",
    today: "Today",
    yesterday: "Yesterday",
    week: "Last 7 days",
    earlier: "Earlier",
    title: "Title",
    running: "A reply is running",
    unread: "Unread",
    rename: "Rename",
    renameTitle: (title: string) => `Rename ${title}`,
    pin: "Keep at the top",
    pinTitle: (title: string) => `Keep ${title} at the top`,
    deleteTitle: (title: string) => `Delete ${title}`,
    deleted: (title: string) => `“${title}” was deleted.`,
    undo: "Undo",
    notDeleted: (title: string, reason: string) => `“${title}” wasn’t deleted. ${reason}`,
    searching: "Searching",
    results: "Results",
    noResults: "No results",
  },

  composer: {
    label: "Message",
    placeholder: "Ask anything",
    attach: "Attach a document",
    attachHint: "Attach a document (pdf, docx, txt, md)",
    attached: "Attached",
    reading: "Reading the file",
    characters: (count: number) => plural(count, { one: "character", other: "characters" }),
    fromNow: "from this message on",
    remove: (name: string) => `Remove ${name}`,
    missing: (file: string, sentence: string) => `${file}: ${sentence}`,
    tooLong: (length: number, limit: number) =>
      `The message and its documents have ${number(length)} characters; the limit is ${number(limit)}. Remove or shorten a document.`,
    sendHint: "Send (Enter)",
    waitForFile: "Wait until the document has been read",
    stop: "Stop",
    stopHint: "Stop (Esc)",
    templates: "Templates",
    noTemplates: "No results.",
    createTemplate: "Create a template",
  },

  thread: {
    label: "Conversation",
    toEnd: "Jump to the end",
    edit: "Edit",
    editMessage: "Edit your message",
    thinking: "Thinking",
    thoughts: "Thoughts",
    toolCall: (name: string | null) => (name === null ? "Tool call without a name" : `Tool call: ${name}`),
    toolResult: "Result",
    leftOut: "The model no longer sees this message",
    leftOutWhy: "It was refused because of its length or its content, and would be refused again.",
    versions: "Versions",
    version: (at: number, of: number) => `${number(at)}/${number(of)}`,
    previousVersion: "Previous version",
    nextVersion: "Next version",
    retry: "Retry",
    continue: "Continue",
    regenerate: "Regenerate",
    good: "Good reply",
    bad: "Bad reply",
    copyReply: "Copy the reply",
    onePiece: "sent in one piece",
    onePieceWhy: "The model’s worker sent this reply in one piece; it was shown little by little.",
  },

  reply: {
    sending: "Sending",
    lost: "Connection lost. Trying again.",
    gone: "This reply no longer exists.",
    next: "Waiting, you are next",
    ahead: (count: number) => `Waiting, ${number(count)} ahead of you`,
    unreachable: "Can’t reach the model. Trying again.",
    busy: "The model is busy. Trying again.",
    loading: "Loading the model",
    reading: "Reading your prompt",
    readingShare: (fraction: number) => `Reading your prompt, ${percent(fraction)}`,
    thinking: "Thinking",
    thinkingFor: (seconds: number) => `Thinking, ${number(seconds)} s`,
    stopped: "Stopped",
    interrupted: "The reply was interrupted.",
    tooLong: "The reply reached the length limit.",
    filtered: "The model’s content filter ended the reply.",
    hasBegun: "The reply has begun.",
    wasStopped: "The reply was stopped.",
    isComplete: "The reply is complete.",
    notAccepted: "The message was not accepted. Try again.",
    tokens: (count: number, isEstimate: boolean) => (isEstimate ? `about ${tokens(count)}` : tokens(count)),
    rate: (perSecond: number) => `${number(perSecond)} tokens/s`,
    firstToken: (seconds: number) => `first token after ${number(seconds, 1)} s`,
  },

  markdown: {
    formula: "Formula",
    table: "Table",
    image: (alt: string) => (alt === "" ? "Image" : `Image: ${alt}`),
    footnote: (label: string) => `Footnote ${label}`,
    plainText: "text",
    wrap: "Wrap",
    copyCode: "Copy the code",
  },

  options: {
    close: "Close the options",
    loading: "Loading",
    saving: "Saving",
    saved: "Applies from your next message.",
    model: "Model",
    defaultModel: (name: string | null) => (name === null ? "Default" : `Default: ${name}`),
    modelContext: (name: string, context: number | null) => (context === null ? name : `${name} (${tokens(context)})`),
    modelUnavailable: (name: string) => `${name} (unavailable)`,
    preset: "Preset",
    template: "Template",
    systemPrompt: "System prompt",
    systemPromptHint: "What the model should know or be in every reply",
    file: "Export and clear",
    markdown: "Markdown",
    json: "JSON",
    fileHint: "Markdown is for reading. JSON keeps every version of every message, and you can import it in the settings.",
    clear: "Clear messages",
    clearTitle: "Clear this conversation?",
    clearText: "All its messages are deleted for good. Its options stay.",
  },

  sampling: {
    settings: SETTINGS,
    more: "More settings",
    default: "Default",
    defaultIs: (value: string) => `Default: ${value}`,
    thinkingOff: "Off",
    thinkingAuto: "As the model decides",
    thinkingLimited: "Limited",
    thinkingLimit: "Tokens to think",
    notJson: "This isn’t JSON yet, so it isn’t saved.",
    reset: (name: string) => `Reset ${name}`,
    resetHint: "Use the default",
    range: (min: number, max: number, hint: string) => `${number(min, min % 1 === 0 ? 0 : 2)} to ${number(max)}: ${hint}`,
  },

  templates: {
    new: "New template",
    import: "Import",
    export: "Export",
    file: "Template file",
    notJson: (file: string) => `${file} is not a template file: it isn’t JSON. Choose a file that LAM Studio exported.`,
    empty:
      "A template is a prompt that starts conversations. For example: “Translate what I write into {{language=English}}. Tone: {{tone}}.”",
    about: (version: number, updated: string, isOffered: boolean) =>
      `Version ${version}, ${ago(updated)}${isOffered ? "" : ", not offered"}`,
    title: "Title",
    description: "Description",
    prompt: "Prompt",
    variablesHint: "Variables: {{name}}, {{name=default}}, {{name|description}}.",
    variables: (names: readonly string[]) => `This prompt uses ${list(names)}.`,
    isOffered: "Offer it when a message starts with /",
    isPublic: (id: number | null) => `Let everyone who knows its number${id === null ? "" : ` (${id})`} read it`,
    create: "Create",
    save: "Save",
    saveFirst: "Save it first",
    saved: (version: number) => `Saved as version ${version}.`,
    tryIt: "Try it in a conversation",
    start: "Start",
    deleteTitle: (title: string) => `Delete “${title}”?`,
    deleteText: "All its versions are deleted for good. Conversations keep the prompt they started with.",
    earlierVersions: "Earlier versions",
    version: (version: number) => `Version ${version}`,
    versionFrom: (version: number, created: string) => `Version ${version}, ${ago(created)}`,
    from: "Changes from",
    to: "to",
    asWritten: "the text above",
    useVersion: (version: number) => `Use the text of version ${version}`,
    same: "These texts are the same.",
    view: "Write or try",
    views: { write: "Write", try: "Try it" },
    trial: {
      prompt: "Prompt",
      written: (isSaved: boolean, version: number) => (isSaved ? `Version ${version} (current)` : "As written, not saved"),
      side: (at: number) => `Side ${number(at)}`,
      compare: "Compare with another",
      remove: "Remove the second",
      variables: "Variables",
      required: "needs a value",
      input: "Message",
      inputHint: "What somebody writes to the model. Without one, the prompt itself is the message.",
      begin: "Try it",
      beginHint: "Ctrl Enter",
      stop: "Stop",
      empty: "The reply appears here, word by word. It is not kept as a conversation.",
      missing: (names: readonly string[]) => `Give ${list(names)} a value.`,
      noText: "The prompt is empty. Write it first.",
      sent: "What the model was sent",
      difference: "What changes from the first prompt to the second",
      title: (template: string) => `Try: ${template}`,
      case: "Try",
      tried: (version: string, model: string) => `${version} · ${model}`,
    },
  },

  lab: {
    promptPlace: (title: string, at: number) => `${title} (${number(at)})`,
    promptVersion: (title: string, version: number) => `${title}, version ${number(version)}`,
    defaultModel: "default model",
    maze: (at: number, seed: number | null) => (seed === null ? `maze ${number(at)}` : `maze ${number(at)} (seed ${seed})`),
    task: (at: number) => `Case ${number(at)}`,
    repeat: (at: number) => `repetition ${number(at)}`,
    trial: (name: string, outcome: string) => `${name}: ${outcome}`,
    share: (part: number, whole: number) => `${number(part)} of ${number(whole)}`,
    failedCount: (count: number) => `${number(count)} failed`,
    seconds: (value: number, digits: number) => `${number(value, digits)} s`,
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
      first === null ? seconds(whole) : `${seconds(whole)}, first token after ${seconds(first)}`,
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
      nothing: (status: "running" | "stopped" | "done") =>
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
        `“${winner}” is better than “${other}”: ${percent(share)} against ${percent(less)} on ${plural(cases, { one: "task", other: "tasks" })}. The difference is ${points(by)} points; its 95% interval, ${between(low, high)}, leaves out 0.${cases < FEW_TASKS ? " These are few tasks: try more before you rely on it." : ""}`,
      noDifference: (
        [a, b]: readonly [string, string],
        [share, less]: readonly [number, number],
        { low, high, cases }: { low: number; high: number; cases: number },
      ) =>
        `No difference shown between “${a}” and “${b}”: ${percent(share)} against ${percent(less)} on ${plural(cases, { one: "task", other: "tasks" })}. The 95% interval of the difference, ${between(low, high)}, includes 0.`,
      chance: (share: number, behind: readonly string[], rows: number) => {
        const chance = `Random legal moves solve ${percent(share)}.`;
        if (behind.length === 0) return chance;
        if (behind.length === rows && rows > 1) return `${chance} No prompt does better than that.`;
        return `${chance} ${list(behind.map((name) => `“${name}”`))} ${behind.length === 1 ? "does" : "do"} no better than that.`;
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
      empty: (status: string) => {
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
  },

  maze: {
    intro:
      "Find the exit before the oxygen runs out, and keep away from the germs. Play yourself and ask the model for hints, or write a prompt and see how far the model gets with it.",

    // Before a game
    who: "Who plays",
    manual: "I play",
    manualHint: "With the arrow keys or by swiping. The model gives hints when you ask.",
    lam: "The model plays",
    lamHint: "Your prompt decides. You watch each action and the reason for it.",
    where: "Maze",
    ownSeed: "My own seed",
    number: "Number",
    numberOf: (maze: number, mazes: number) => `${number(maze)} of ${number(mazes)}`,
    seed: "Seed",
    seedHint: "The same seed and the same settings always make the same maze.",
    anotherSeed: "Another seed",
    size: "Size",
    sizeOf: (size: number) => `${size}\u00a0×\u00a0${size}`,
    loops: "Open walls",
    loopsOf: (loops: number) => `${loops}%`,
    germs: "Germs",
    fog: "Fog: only what you have come near is visible",
    preview: "Preview of the maze",
    instructions: "Prompt",
    instructionsHint: "The model always gets the rules, the map and the format of the answer. A prompt tells it how to think.",
    sources: { none: "None: the rules only", template: "One of my templates", own: "Written here" },
    ownPrompt: "Your prompt",
    ownPromptExample:
      "For example: “Before you move, count the open ways. Prefer the one that leads towards the exit. Never walk next to a germ.”",
    template: "Template",
    chooseTemplate: "Choose a template",
    noTemplates: "You have no templates yet.",
    writeTemplate: "Write a template",
    model: "Model",
    more: "Model and format",
    forcing: "Format of the answer",
    forcings: {
      legal: "Only actions that are possible",
      shape: "Any well-formed action",
      none: "No format",
    },
    forcingHints: {
      legal: "The model’s server lets it write nothing but an action that is possible in this state.",
      shape: "The model can run into walls. Such an action is illegal and costs points.",
      none: "The model must write the JSON by itself. What can’t be read is illegal.",
    },
    begin: "Start the game",

    // Lists
    states: { playing: "not finished", germ: "caught by a germ", oxygen: "out of oxygen", given_up: "given up" },
    myGames: "My games",
    noGames: "No games yet. Choose a maze and start: the three of the set Practice take a minute each.",
    game: (title: string, isManual: boolean) => `${title}, ${isManual ? "played by you" : "played by the model"}`,
    boards: "Leaderboards",
    board: (title: string) => `Leaderboard: ${title}`,
    boardOf: "Set",
    boardModes: { lam: "The model plays", manual: "People play" },
    noBoard: {
      lam: "Nobody has let a model play a maze of this set yet. A game counts here once it is won.",
      manual: "Nobody has won a maze of this set yet. A game counts here once it is won.",
    },
    proof: "This board proves the actions, not who chose them: anybody may copy a path.",
    boardHeads: ["Rank", "Maze", "Player", "Prompt", "Score", "Ticks / shortest", "Illegal", "Tokens", "Time"],
    manualHeads: ["Rank", "Maze", "Player", "Score", "Ticks / shortest", "Time"],
    ratio: (steps: number, shortest: number) => `${number(steps)} / ${number(shortest)}`,
    secondsOf: (seconds: number) => `${number(seconds)} s`,
    watch: "Watch the replay",
    watchOf: (name: string, maze: number) => `${name}, replay of maze ${maze}`,
    noPrompt: "None",
    privatePrompt: "Private",

    // A game
    back: "Back to the mazes",
    title: (set: string, maze: number) => `${set}, maze ${maze}`,
    seedTitle: (seed: number) => `Seed ${seed}`,
    modes: { manual: "You play", lam: "The model plays", watch: "Replay" },
    withTemplate: (title: string, version: number | null) => (version === null ? title : `${title}, version ${version}`),
    withOwnPrompt: "own prompt",
    withoutPrompt: "no prompt",
    keysLabel: "The maze. Arrow keys move you.",
    keysLabelLam: "The maze. The model moves.",
    legend: { player: "you", exit: "exit", germ: "germ", fog: "not seen yet" },
    oxygen: "Oxygen",
    oxygenLeft: (left: number) => plural(left, { one: "tick", other: "ticks" }),
    low: "low",
    ticks: (steps: number, shortest: number) => `Tick ${number(steps)} · shortest way ${number(shortest)}`,
    illegalCount: (count: number) => `${number(count)} illegal`,
    frozen: (left: number) => `Germs frozen: ${number(left)}`,
    slowed: (left: number) => `Germs slow: ${number(left)}`,
    begins: "The clock starts with your first key or swipe.",
    clockStopped: "The clock is stopped. Time passes only when you act.",
    clockWaits: "The clock waits for the model.",
    clockWaitsForYou: "The clock waits until you act.",
    paused: "You are looking at the past. Press a direction to go on.",
    stopClock: "Stop the clock",
    startClock: "Start the clock",
    giveUp: "Give up",
    giveUpTitle: "Give up this game?",
    giveUpText: "It ends here with a score of 0.",
    offline: "Your last actions aren’t stored yet. They are sent again by themselves.",
    replaced: "This game went on in another window. You see where it stands now.",
    dropped: (reason: string) => `Your last actions were not accepted. ${reason}`,
    checking: "Checking the result",
    loading: "Loading the game",
    rulesChanged: "This game was played by older rules and can’t be shown.",
    delete: "Delete",
    deleteTitle: "Delete this game?",
    deleteText: "It is deleted for good, and leaves the leaderboard.",

    directions: { up: "up", down: "down", left: "left", right: "right" },
    sides: { up: "Up", down: "Down", left: "Left", right: "Right" },
    powers: { break_wall: "Break a wall", slow_germs: "Slow the germs", freeze_germs: "Freeze the germs", scan: "Lift the fog" },
    powerShort: { break_wall: "Break wall", slow_germs: "Slow", freeze_germs: "Freeze", scan: "Scan" },
    powerHints: {
      break_wall: "Then choose a direction. Opens the wall beside you.",
      slow_germs: "Germs walk every second tick, for 20 ticks.",
      freeze_germs: "Germs stand still for 8 ticks.",
      scan: "Shows everything up to 6 tiles away, for good.",
    },
    powersLabel: "Powers",
    powerLeft: "left",
    aim: "Which wall? Choose a direction.",
    move: (direction: string) => `Go ${direction}`,
    breakTo: (direction: string) => `Break the wall ${direction}`,
    pad: "Directions",
    wait: "Wait one tick",
    hint: "Ask for a hint",
    hintAgain: "Ask for another hint",
    stopHint: "Stop",
    follow: "Do it",
    followHint: "Do what the hint proposes (Enter)",

    run: "Let it play",
    runOn: "Play on",
    pause: "Pause",
    step: "One action",
    stop: "Stop",
    speed: "Speed",
    speeds: { slow: "Slow", normal: "Normal", fast: "Fast" },

    // What the model says
    says: "What the model says",
    teachManual: "Ask for a hint, and the model reads the map and proposes one action.",
    teachLam: "Let it play, or ask for one action at a time. What the model says appears here word by word.",
    proposes: "Proposes",
    did: "Did",
    writing: "The model is writing",
    silent: "It said nothing.",
    noAction: "The answer holds no action that can be read.",
    overtaken: "You have moved on. This was about an earlier state.",
    stopped: "Stopped. Nothing was done.",
    failed: (reason: string) => `No answer. ${reason}`,
    verdict: (reading: string | null, isLegal: boolean, isDone: boolean) => {
      const verdict = reading === "illegal" ? "unreadable" : isLegal ? "legal" : "illegal";
      return `${reading === "repaired" ? "repaired, " : ""}${verdict}${isDone && !isLegal ? ": it waited" : ""}`;
    },
    firstToken: (ms: number) => `first token after ${number(ms / 1000, 1)} s`,
    firstTokenShort: (ms: number) => `${number(ms / 1000, 1)} s`,

    actions: {
      go: (steps: readonly string[]) => `Go ${list(steps)}`,
      steps: (direction: string, count: number) => (count === 1 ? direction : `${direction} × ${count}`),
      break_wall: (direction: string) => `Break the wall ${direction}`,
      slow_germs: "Slow the germs",
      freeze_germs: "Freeze the germs",
      scan: "Lift the fog",
      wait: "Wait",
      unreadable: "No action",
    },
    objections: {
      unreadable: "the answer held no action",
      wall: "there is a wall",
      fog: "the path leads into the fog",
      spent: "none is left",
      border: "the border can’t be broken",
      open: "there is no wall",
    },

    // Behind the scenes
    inside: "Behind the scenes",
    raw: "Raw answer",
    noRaw: "The text of the model appears here while it writes.",
    thoughts: "Thoughts",
    sent: "What the model got",
    sentLater: "Shown when the model has answered.",
    noSent: "Nothing was asked in this state.",
    roles: { system: "Prompt", user: "State of the game", assistant: "Model" } as Record<string, string>,

    // Timeline
    timeline: "Timeline",
    timelineHint: "Every hint with its reason. Choose one to go back to it.",
    noTimeline: "No hints yet. Each one appears here with its reason, and you can go back to it.",
    position: "State in sight",
    positionShort: (at: number, count: number) => `${number(at)}/${number(count)}`,
    toEnd: "To the end",
    positionText: (at: number, count: number) => `After ${number(at)} of ${plural(count, { one: "action", other: "actions" })}`,
    replay: "Play from here",
    replayAll: "Replay",
    stopReplay: "Stop the replay",
    newest: "Back to now",
    hintNumber: (hint: number) => `Hint ${number(hint)}`,
    statuses: {
      streaming: "running",
      complete: null,
      cancelled: "stopped",
      interrupted: "interrupted",
      failed: "failed",
    },

    // The end
    result: "Result",
    endings: {
      won: { manual: "You found the exit.", lam: "The model found the exit." },
      germ: { manual: "A germ got you.", lam: "A germ got the model." },
      oxygen: { manual: "You are out of oxygen.", lam: "The model is out of oxygen." },
      given_up: { manual: "You gave up.", lam: "You ended the game." },
    },
    score: (score: number) => plural(score, { one: "point", other: "points" }),
    formula: (shortest: number, steps: number, illegal: number, powers: number) =>
      `1,000 × shortest way (${number(shortest)}) ÷ ticks (${number(steps)}), minus 25 for each illegal action (${number(illegal)}) and 50 for each power (${number(powers)}).`,
    formulaHint: "A game that is won is worth at least 1 point, any other game none. Tokens and time don’t count.",
    lostAt: (steps: number) => `At tick ${number(steps)}. Only games that are won get points.`,
    cost: (tokens: string, seconds: number) => `${tokens}, ${number(seconds)} s`,
    tokens,
    again: "Play it again",
    next: "Next maze",
    change: "Change the setup",

    // In words
    inWords: "The maze in words",
    you: (row: number, column: number, size: number) =>
      `You are at row ${row}, column ${column}. Rows and columns count from 0 at the top left, up to ${size - 1}.`,
    beside: (direction: string, kind: string, steps: number) =>
      steps > 1 ? `${direction}: ${kind}, ${steps} tiles` : `${direction}: ${kind}`,
    kinds: { wall: "wall", open: "open", germ: "germ", exit: "exit", fog: "unknown" },
    exitAt: (row: number, column: number) => `The exit is at row ${row}, column ${column}`,
    exitWay: (parts: readonly string[]) => (parts.length === 0 ? "you are there" : list(parts)),
    away: (count: number, direction: string) => `${number(count)} ${direction}`,
    germsAt: (places: readonly string[]) => (places.length === 0 ? "No germ in sight." : `Germs: ${places.join("; ")}.`),
    place: (row: number, column: number) => `row ${row}, column ${column}`,
    heard: (said: string, action: string) =>
      said === "" ? `The model proposes: ${action}.` : `The model says: ${said} It proposes: ${action}.`,
    openWays: (ways: readonly string[]) => `Open: ${list(ways)}.`,
    bump: (reason: string) => `Not possible: ${reason}.`,
    arrived: (row: number, column: number) => `Row ${row}, column ${column}.`,
    oxygenSaid: (left: number) => `Oxygen: ${number(left)}.`,
    asking: "The model was asked.",
  },

  usage: {
    period: "Period",
    days: (days: number) => plural(days, { one: "day", other: "days" }),
    everybody: "All users",
    empty: "No replies in this period. Each reply is counted here, with its tokens and its speed.",
    summary: (replies: number, written: number, read: number) =>
      `${plural(replies, { one: "reply or title", other: "replies and titles" })}. ${tokens(written)} generated, ${tokens(read)} read.`,
    coverage: (counted: number, replies: number) =>
      `Token counts cover ${number(counted)} of ${plural(replies, { one: "reply", other: "replies" })}; those of stopped replies are estimates.`,
    perDay: "Tokens per day",
    perModel: "Tokens per model",
    details: "Details",
    tokens,
    plot: (first: string, last: string) => `Generated tokens per day, from ${first} to ${last}`,
    bar: (label: string, count: number) => `${label}: ${tokens(count)}`,
    highest: (count: number) => `Highest: ${tokens(count)}`,
    day: "Day",
    model: "Model",
    user: "User",
    conversation: "Conversation",
    heads: ["Replies", "Failed or interrupted", "Prompt tokens", "Generated tokens", "First token", "Tokens/s"],
    seconds: (seconds: number) => `${number(seconds, 1)} s`,
  },

  settings: {
    device: "On this device",
    colours: "Colours",
    themes: { system: "Same as the system", light: "Light", dark: "Dark" },
    useTheme: {
      system: "Use the system’s colours",
      light: "Use light colours",
      dark: "Use dark colours",
    },
    density: "Density",
    densities: { comfortable: "Comfortable", compact: "Compact" },
    useDensity: { comfortable: "Use the comfortable density", compact: "Use the compact density" },
    keys: "Use single-key shortcuts: N for a new conversation, O for the options, ? for all shortcuts",
    devices: "Signed-in devices",
    thisDevice: "(this device)",
    deviceUse: (used: string, expires: string | null) =>
      `Last used ${ago(used)}${expires === null ? "" : `; signed in until ${date(expires)}`}`,
    browserOn: (browser: string, system: string) => `${browser} on ${system}`,
    currentPassword: "Current password",
    newPassword: "New password",
    passwordChanged: "Password changed. All other devices are signed out.",
    changePassword: "Change the password",
    import: "Import a conversation",
    importHint: "Choose a JSON file that you exported from the options of a conversation.",
    chooseFile: "Choose a file",
    exportedFile: "Exported conversation",
    deleteAccount: "Delete the account",
    deleteHint: "This deletes all your conversations, templates and usage figures. Export what you want to keep first.",
    yourPassword: "Your password",
    deleteForGood: "Delete for good",
  },

  admin: {
    system: "System",
    gateway: "Gateway",
    model: "Model",
    broker: "Broker",
    database: "Database",
    states: {
      busy: "busy",
      connected: "connected",
      draining: "draining",
      loading: "loading",
      notReady: "not ready",
      offline: "offline",
      ready: "ready",
      unavailable: "unavailable",
      unreachable: "unreachable",
    },
    gatewayFacts: (version: string, mode: string, isOpen: boolean) =>
      `version ${version}, mode ${mode}, registration ${isOpen ? "open" : "closed"}`,
    load: (running: number, waiting: number, slots: number | null) =>
      `${number(running)} running, ${number(waiting)} waiting${slots === null ? "" : `, ${plural(slots, { one: "slot", other: "slots" })}`}`,
    noWorkers: "No worker is connected. Run `lam worker` next to a model to connect one.",
    workers: "Workers",
    workerHeads: ["Worker", "State", "Running", "Models", "Streaming", "Version"],
    of: (count: number, total: number) => `${number(count)} of ${number(total)}`,
    streams: "yes",
    onePiece: "no, in one piece",
    runs: "Replies in progress",
    noRuns: "No replies are running or waiting.",
    runHeads: ["User", "Model", "Status", "Characters", "Readers", "Started"],
    defaultModel: "default",
    starting: "Starting",
    behind: (position: number) => `Waiting, ${number(position)} ahead`,
    stages: {
      queued: "Waiting",
      unreachable: "Waiting for the model’s server",
      loading: "Waiting for the model to load",
      prompt: "Reading the prompt",
      thinking: "Thinking",
      text: "Writing",
    },
    users: "Users",
    newUser: "New user",
    userHeads: ["User", "Created", "Last active", "Conversations", "Running", "Role", "Actions"],
    local: "local (this machine)",
    never: "never",
    isAdmin: "admin",
    isUser: "user",
    makeAdmin: "Make admin",
    removeAdmin: "Remove admin",
    resetPassword: "Reset password",
    firstPassword: "First password",
    createAccount: "Create account",
    resetTitle: (email: string) => `New password for ${email}`,
    resetText: "This signs the account out on all devices.",
    setPassword: "Set password",
    deleteTitle: (email: string) => `Delete ${email}?`,
    deleteText: "The account and everything in it are deleted for good. Its running replies are stopped.",
  },

  palette: {
    title: "Commands",
    find: "Find a command or conversation",
    results: "Results",
    noResults: "No results. To search inside messages, use the search above the conversations.",
    conversations: "Conversation",
    showKeys: "Show the keyboard shortcuts",
    keys: "Keyboard shortcuts",
    fixedKeys: [
      ["Ctrl K", "Find a command or conversation"],
      ["Enter", "Send"],
      ["Shift Enter", "Start a new line"],
      ["Esc", "Stop the reply"],
      ["/", "At the start of a message: choose a template"],
      ["↑", "In an empty message: edit your last message"],
    ] as readonly (readonly [key: string, does: string])[],
  },
};
