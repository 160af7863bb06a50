/** The lab, in Arabic. */

import { between, duration, list, name, number, percent, plural, points, quoted, steps, tasks, tokens, trials } from "./format";
import { ofWhole } from "./frame";

interface Counted {
  waiting: number;
  running: number;
  complete: number;
  failed: number;
  stopped: number;
}

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

const runningWaiting = (running: number, waiting: number): string[] => [
  ...(running > 0 ? [`${number(running)} قيد التنفيذ`] : []),
  ...(waiting > 0 ? [`${number(waiting)} في الانتظار`] : []),
];

export const lab = {
  promptPlace: (title: string, at: number) => `${name(title)} (${number(at)})`,
  promptVersion: (title: string, version: number) => `${name(title)}، الإصدار ${number(version)}`,
  defaultModel: "النموذج الافتراضي",
  maze: (at: number, seed: number | null) => (seed === null ? `المتاهة ${number(at)}` : `المتاهة ${number(at)} (البذرة ${seed})`),
  task: (at: number) => `الحالة ${number(at)}`,
  repeat: (at: number) => `التكرار ${number(at)}`,
  trial: (trial: string, outcome: string) => `${trial}: ${outcome}`,
  share: ofWhole,
  failedCount: (count: number) => `فشل ${number(count)}`,
  says: quoted,
  settingAs: (setting: string, values: readonly string[]) =>
    values.length === 0 ? `${name(setting)}: القيم الافتراضية للخادم` : `${name(setting)}: ${list(values)}`,
  solvedIn: (count: number, shortest: number | null) =>
    `حُلّت في ${steps(count)}${shortest === null ? "" : ` (أقصر طريق: ${number(shortest)})`}`,
  notSolved: (end: string, count: number) => {
    const ends: Record<string, string> = {
      germ: "أمسكت به جرثومة",
      oxygen: "نفد الأكسجين",
      given_up: "بلغ حد الإجابات",
    };
    return `لم تُحل: ${ends[end] ?? end} بعد ${steps(count)}`;
  },
  judged: (mark: string, reason: string, isOpinion: boolean) => `${mark}${isOpinion ? " في رأي نموذج" : ""}. ${reason}`,
  game: (score: number, illegal: number, repaired: number) =>
    `النقاط ${number(score)}، حركات غير مسموحة: ${number(illegal)}، إجابات أُصلحت: ${number(repaired)}`,
  times: (first: number | null, whole: number) =>
    first === null ? duration(whole) : `${duration(whole)}، أول رمز بعد ${duration(first)}`,
  tokens: (read: number, written: number) => `مولَّد: ${tokens(written)}، مقروء: ${tokens(read)}`,
  attempts: (attempts: number, givenUp: number) => {
    const all = plural(attempts, {
      zero: "محاولة",
      one: "محاولة واحدة",
      two: "محاولتان",
      few: "محاولات",
      many: "محاولة",
      other: "محاولة",
    });
    const times = plural(givenUp, { zero: "مرة", one: "مرة واحدة", two: "مرتين", few: "مرات", many: "مرة", other: "مرة" });
    return givenUp === 0 ? all : `${all}، أفسحت المجال لشخص ${times}`;
  },
  statuses: { running: "جارية", stopped: "متوقفة", done: "منتهية" },
  marks: {
    waiting: "في الانتظار",
    running: "قيد التنفيذ",
    passed: "نجحت",
    missed: "لم تنجح",
    ended: "انتهت بلا حُكم",
    failed: "فشلت",
    stopped: "أُوقفت",
  },
  baselines: { "random legal moves": "حركات مسموحة عشوائية", "shortest path": "أقصر طريق" },
  matrix: "كل التجارب",
  matrixHint: "كل مربع تجربة. اختر واحدة لتقرأ ما قيل فيها.",

  list: {
    all: "كل الجولات",
    heads: ["الجولة", "الحالة", "التجارب المنتهية", "بدأت"],
    empty: "أيّ موجّهَين أفضل؟ يجرّبهما المختبر على المهام نفسها ويقيس ذلك.",
    steps: [
      "اكتب قالبين، أو إصدارين من قالب واحد.",
      "ابدأ جولة: اختر الاثنين، ومجموعة مهام مثل «Practice mazes».",
      "اقرأ أيّهما أفضل، وبكم.",
    ],
  },

  form: {
    new: "جولة جديدة",
    begin: "ابدأ الجولة",
    title: "العنوان",
    titleHint: "يُشتق من موجّهاتها",
    prompts: "الموجّهات",
    promptsHint: "أضف الموجّهات التي تريد مقارنتها: قوالبك، أو نصوصًا مستقلة.",
    prompt: (at: number) => `الموجّه ${number(at)}`,
    addPrompt: "أضف موجّهًا",
    removePrompt: (at: number) => `أزل الموجّه ${number(at)}`,
    ownText: "نص مستقل",
    foreign: (title: string, id: number) => `${title === "" ? "قالب" : name(title)} (رقم ${id})`,
    ownTitle: (at: number) => `الموجّه ${number(at)}`,
    promptTitle: (at: number) => `اسم الموجّه ${number(at)}`,
    promptText: (at: number) => `نص الموجّه ${number(at)}`,
    textHint: "التعليمات التي يتلقاها النموذج",
    versionOf: (at: number) => `إصدار الموجّه ${number(at)}`,
    newest: (version: number | null) => (version === null ? "أحدث إصدار" : `أحدث إصدار (${number(version)})`),
    models: "النماذج",
    tasks: "المهام",
    set: "مجموعة المهام",
    chooseSet: "اختر مجموعة",
    setHint: "متاهات تُحل، أو حالات: مُدخَل وكيف يُحكم على الجواب.",
    ownSets: "أنشئ مجموعات أو عدّلها",
    more: "الإعدادات والتكرارات",
    settings: "الإعدادات",
    settingsHint: "أضف صفًّا ثانيًا لتقارن الإعدادات. الحقل الفارغ يعني الافتراضي.",
    setting: (at: number) => `الإعدادات ${number(at)}`,
    settingTitle: "الاسم",
    addSetting: "أضف إعدادات",
    removeSetting: (at: number) => `أزل الإعدادات ${number(at)}`,
    repeats: "التكرارات",
    repeatsHint: "كم مرة تُجرَّب كل مهمة. أكثر من مرة يفيد حيث تختلف الردود.",
    steps: "الإجابات في المتاهة",
    stepsHint: "تنتهي اللعبة بعد هذا العدد.",
    forcing: "شكل الإجابات",
    forcings: {
      shape: "تُفرض صيغة الإجابة؛ الحركات حرة، فتُحسب الحركات غير المسموحة",
      legal: "لا تُتاح إلا الحركات المسموحة",
      none: "لا يُفرض شيء؛ ما لا يُقرأ يُحسب حركة غير مسموحة",
    },
    trials: (of: { prompts: number; models: number; settings: number; tasks: number; repeats: number; trials: number }) => {
      const parts = [
        `الموجّهات ${number(of.prompts)}`,
        `النماذج ${number(of.models)}`,
        ...(of.settings > 1 ? [`الإعدادات ${number(of.settings)}`] : []),
        `المهام ${number(of.tasks)}`,
        ...(of.repeats > 1 ? [`التكرارات ${number(of.repeats)}`] : []),
      ];
      return `${parts.join(" × ")} = ${trials(of.trials)}`;
    },
    problems: {
      noPrompt: "أضف موجّهًا لتجربته.",
      emptyPrompt: "أحد الموجّهات فارغ. اكتب نصه أو أزله.",
      noModel: "اختر نموذجًا.",
      noSet: "اختر مجموعة مهام.",
      emptySet: "لا مهام في هذه المجموعة. أضف بعضها أو اختر مجموعة أخرى.",
      repeats: (most: number) => `التكرارات: اختر عددًا من 1 إلى ${number(most)}.`,
      steps: `الإجابات في المتاهة: اختر عددًا من 1 إلى ${number(1000)}.`,
      tooMany: (count: number, most: number) =>
        `ينتج عن ذلك ${trials(count)}، والحد ${number(most)}. اختر موجّهات أو نماذج أو إعدادات أو تكرارات أقل.`,
    },
  },

  run: {
    missing: "هذه الجولة غير موجودة، أو حُذفت.",
    sentence: (status: "running" | "stopped" | "done", counts: Counted) => {
      const { waiting, running, complete, failed, stopped } = counts;
      const all = waiting + running + complete + failed + stopped;
      const parts = [
        `اكتمل ${number(complete)} من ${trials(all)}`,
        ...runningWaiting(running, waiting),
        ...(stopped > 0 ? [`أُوقف ${number(stopped)}`] : []),
        ...(failed > 0 ? [`فشل ${number(failed)}`] : []),
      ];
      const state = { running: "جارية", stopped: "متوقفة", done: "منتهية" }[status];
      return `${state}: ${parts.join("، ")}.`;
    },
    unserved: (models: readonly string[]) => `لا خادم لديه ${list(models.map(name))} الآن. تنتظر تجاربه حتى يتوفر.`,
    progress: "التجارب المنتهية",
    stopAll: "أوقف الكل",
    resume: "استأنف",
    again: "جولة أخرى بتعديلات",
    csv: "تصدير CSV",
    json: "تصدير JSON",
    views: "ما يُعرض",
    tabs: { live: "مباشر", results: "النتائج", setup: "الإعداد" },
    deleteTitle: (title: string) => `حذف ${quoted(title)}؟`,
    deleteText: "تُحذف تجاربها ونصوصها ونتائجها نهائيًّا. تبقى القوالب والمجموعات.",
  },

  live: {
    nothing: (status: "running" | "stopped" | "done") =>
      status === "running" ? "لا تجربة قيد التنفيذ بعد." : "لا تجربة قيد التنفيذ.",
    others: (running: number, waiting: number) =>
      running + waiting === 0
        ? "لا تجارب أخرى قيد التنفيذ أو في الانتظار."
        : `تجارب أخرى: ${runningWaiting(running, waiting).join("، ")}.`,
    writing: "يكتب",
    starting: "يبدأ",
    pane: (at: number) => `البث ${number(at)}`,
    choose: (at: number) => `التجربة في البث ${number(at)}`,
    newest: (trial: string) => `الأحدث: ${trial}`,
    stop: (trial: string) => `أوقف ${trial}`,
    open: "النص الكامل",
  },

  results: {
    soFar: "هذه هي النتائج حتى الآن، وهي تتبع الجولة.",
    verdict: "أيّها أفضل",
    onlyOne: "هناك صف واحد، فلا مقارنة. أعد الجولة بموجّه أو نموذج أو إعداد ثانٍ.",
    table: "الأرقام",
    plot: "الرسم البياني",
    measure: "ما يعرضه الرسم",
    method: "كيف تُجرى هذه المقارنة",
    row: "الموجّه",
    trials: "التجارب",
    failed: "فشل",
    baseline: "(خط أساس)",
    isBetter: (prompt: string) => `${name(prompt)} أفضل`,
    notMeasured: "لم يُقس",
    heads: {
      maze: {
        passed_share: "حُلّت",
        steps_ratio: "الخطوات ÷ الأقصر",
        illegal_per_game: "غير مسموح/لعبة",
        repaired: "أُصلح",
        score: "النقاط",
        tokens: "الرموز",
        first_token_ms: "أول رمز",
        total_ms: "الوقت كله",
      },
      cases: {
        passed_share: "نجحت",
        steps_ratio: "الخطوات ÷ الأقصر",
        illegal_per_game: "غير مسموح",
        repaired: "أُصلح",
        score: "النقاط",
        tokens: "الرموز",
        first_token_ms: "أول رمز",
        total_ms: "الوقت كله",
      },
    },
    interval: (difference: number, low: number, high: number) =>
      `الفرق ${points(difference)} نقطة مئوية، فترة الثقة 95%: ${between(low, high)}`,
  },

  verdict: {
    nothingInCommon: (a: string, b: string) => `لا مهمة منتهية مشتركة بين ${quoted(a)} و${quoted(b)} بعد.`,
    better: (
      [winner, other]: readonly [string, string],
      [share, less]: readonly [number, number],
      { by, low, high, cases }: { by: number; low: number; high: number; cases: number },
    ) =>
      `${quoted(winner)} أفضل من ${quoted(other)}: ${percent(share)} مقابل ${percent(less)} في ${tasks(cases)}. الفرق ${points(by)} نقطة مئوية، وفترة الثقة 95%، ${between(low, high)}، لا تشمل 0.`,
    tooFew: ([a, b]: readonly [string, string], [share, less]: readonly [number, number], { cases }: { cases: number }) =>
      `${quoted(a)} و${quoted(b)}: ${percent(share)} مقابل ${percent(less)} في ${tasks(cases)}. هذا أقل من أن يُسمّى الأفضل: جرّب ستًّا على الأقل.`,
    noDifference: (
      [a, b]: readonly [string, string],
      [share, less]: readonly [number, number],
      { low, high, cases }: { low: number; high: number; cases: number },
    ) =>
      `لم يظهر فرق بين ${quoted(a)} و${quoted(b)}: ${percent(share)} مقابل ${percent(less)} في ${tasks(cases)}. فترة الثقة 95% للفرق، ${between(low, high)}، تشمل 0.`,
    chance: (share: number, { alike, worse, rows }: AgainstChance) => {
      const sentences = [`الحركات المسموحة العشوائية تحل ${percent(share)}.`];
      if (worse.length > 0) sentences.push(`ما يحله ${list(worse.map(quoted))} أقل من ذلك.`);
      if (alike.length === rows && rows > 1) sentences.push("لا موجّه أفضل منها بوضوح.");
      else if (alike.length > 0) sentences.push(`ليس ${list(alike.map(quoted))} أفضل منها بوضوح.`);
      return sentences.join(" ");
    },
  },

  transcript: {
    outcome: "النتيجة",
    game: "اللعبة",
    time: "الوقت",
    tokens: "الرموز",
    attempts: "المحاولات",
    stop: "أوقف هذه التجربة",
    step: (at: number, of: number) => `الإجابة ${ofWhole(at, of)}`,
    answer: "ما أجاب به النموذج",
    judge: "ما أجاب به النموذج الحَكَم",
    noAnswer: "(لا شيء)",
    sent: "ما أُرسل إلى النموذج",
    role: (role: string) => ({ system: "موجّه النظام", user: "المستخدم", assistant: "النموذج" })[role] ?? role,
    action: (action: string | null, legal: boolean | null, reading: string | null) => {
      if (action === null) return "تعذّرت قراءة أي حركة؛ انتظرت اللعبة.";
      const facts = [
        ...(legal === null ? [] : [legal ? "مسموحة" : "غير مسموحة فانتظرت اللعبة"]),
        ...(reading === "repaired" ? ["أُصلحت"] : []),
      ];
      return `${action}${facts.length === 0 ? "" : `: ${facts.join("، ")}`}`;
    },
    empty: (status: string) => {
      if (status === "waiting") return "هذه التجربة تنتظر دورها.";
      return status === "running"
        ? "هذه التجربة قيد التنفيذ. يظهر ما قيل هنا حين تنتهي؛ وحتى ذلك الحين تابعها في «مباشر»."
        : "لم يُقل شيء في هذه التجربة.";
    },
    replay: (at: number, of: number) => (at === 0 ? "المتاهة عند البداية" : `بعد الإجابة ${ofWhole(at, of)}`),
    makeCase: "اجعلها حالة",
    makeCaseHint: "تصير المتغيرات نفسها والمُدخَل نفسه حالة، فيُجرَّب عليها كل موجّه لاحق. وبلا حَكَم يجب أن يبقى الجواب كما كان.",
    makeMazeHint: "تصير المتاهة نفسها جزءًا من مجموعة لك، فيُجرَّب عليها كل موجّه لاحق.",
    intoSet: "المجموعة",
    newSet: "حالات للتحقق من التراجع",
    make: "أضف الحالة",
    made: (title: string) => `أُضيفت إلى ${quoted(title)}.`,
  },

  sets: {
    title: "مجموعات المهام",
    new: "مجموعة جديدة",
    file: "ملف مجموعة",
    own: "مجموعاتك",
    builtin: "مدمجة",
    empty: "لا شيء بعد.",
    missing: "هذه المجموعة غير موجودة، أو حُذفت.",
    about: ({ kind, maze }: Described, count: number) => {
      if (kind === "cases" || maze === null)
        return plural(count, { zero: "حالة", one: "حالة واحدة", two: "حالتان", few: "حالات", many: "حالة", other: "حالة" });
      const mazes = plural(count, {
        zero: "متاهة",
        one: "متاهة واحدة",
        two: "متاهتان",
        few: "متاهات",
        many: "متاهة",
        other: "متاهة",
      });
      const germs = plural(maze.germs, {
        one: "جرثومة واحدة",
        two: "جرثومتان",
        few: "جراثيم",
        many: "جرثومة",
        other: "جرثومة",
      });
      return [`${mazes} بحجم ${maze.size} × ${maze.size}`, ...(maze.germs > 0 ? [germs] : []), ...(maze.fog ? ["ضباب"] : [])].join(
        "، ",
      );
    },
    seeds: (seeds: readonly number[]) => `البذور: ${seeds.join("، ")}.`,
    kind: "مم تتكوّن",
    kinds: { cases: "حالات: مُدخَل وكيف يُحكم على الجواب", maze: "متاهات" },
    use: "استخدمها في جولة جديدة",
    saveAsOwn: "احفظها مجموعةً لك",
    saved: (title: string) => `حُفظت ${quoted(title)}.`,
    deleteText: "تُحذف مهامها نهائيًّا. تحتفظ الجولات بالمهام التي بدأت بها.",
    case: (at: number) => `الحالة ${number(at)}`,
    addCase: "أضف حالة",
    removeCase: (at: number) => `أزل الحالة ${number(at)}`,
    name: "الاسم",
    input: "المُدخَل",
    inputHint: "ما يقوله الشخص، مثل: «ما عاصمة فرنسا؟»",
    variableName: (at: number) => `المتغير ${number(at)}`,
    variableValue: (at: number) => `قيمة المتغير ${number(at)}`,
    addVariable: "أضف متغيرًا",
    removeVariable: (at: number) => `أزل المتغير ${number(at)}`,
    size: "الحجم",
    sizeHint: "عدد فردي من 5 إلى 33",
    loops: "الحلقات، بالمئة",
    loopsHint: "جدران مفتوحة تجعل للمفترقات أثرًا",
    germs: "الجراثيم",
    germsHint: "من 0 إلى 12",
    fog: "ضباب: لا يُعرف إلا ما شوهد",
    seedNumbers: "البذور",
    seedsHint: "أرقام، واحد لكل متاهة، مثل 1 2 3",
    drawSeeds: (count: number) => `اسحب ${number(count)} من البذور`,
    teach: "المجموعة قائمة مهام. أنشئ واحدة بالنموذج، أو استورد ملفًّا.",
    csv: "ملف CSV",
    csvExample:
      "name,input,language,contains,ignore_case\nGreeting,Good morning,French,bonjour,yes\nFarewell,Goodbye,German,wiedersehen,yes",
    csvHint:
      "لكل حالة حَكَم واحد: عمود contains أو equals أو matches أو json_schema أو rubric. وكل عمود آخر، مثل language هنا، متغير في الموجّه.",
    json: "ملف JSON",
    jsonExample:
      '{\n  "title": "Greetings",\n  "cases": [\n    {\n      "name": "Greeting",\n      "variables": { "language": "French" },\n      "input": "Good morning",\n      "judge": { "type": "contains", "value": "bonjour", "ignore_case": true }\n    }\n  ]\n}',
    problems: {
      noTitle: "أعطِ المجموعة عنوانًا.",
      noCase: "أضف حالة.",
      inCase: (at: number, problem: string) => `الحالة ${number(at)}: ${problem}`,
      noVariable: "أحد المتغيرات بلا اسم.",
      twice: (variable: string) => `المتغير ${name(variable)} موجود مرتين.`,
      size: "الحجم: اختر عددًا فرديًّا من 5 إلى 33.",
      loops: "الحلقات: اختر عددًا من 0 إلى 100.",
      germs: "الجراثيم: اختر عددًا من 0 إلى 12.",
      noSeed: "البذور: اكتب رقمًا لكل متاهة.",
      seed: (text: string) => `البذور: ${quoted(text)} ليس عددًا صحيحًا أقل من ${number(4_294_967_296)}.`,
      seedTwice: (seed: number) => `البذور: ${seed} موجودة مرتين؛ ستكون المتاهة نفسها.`,
    },
  },

  judges: {
    judge: "الحَكَم",
    types: {
      none: { name: "بلا حُكم", hint: "تُحفظ الإجابات وتُعرض، ولا يقول أحد إن كانت صحيحة." },
      contains: { name: "يحتوي", hint: "في الجواب هذا النص في موضع ما. مثال: باريس", example: "باريس" },
      equals: { name: "يساوي", hint: "الجواب كله هو هذا النص؛ لا تُحسب المسافات حوله. مثال: 42", example: "42" },
      matches: {
        name: "يطابق نمطًا",
        hint: "تعبير نمطي يوجد في أي موضع من الجواب. مثال: \u2066\\b\\d{4}-\\d{2}-\\d{2}\\b\u2069 لتاريخ",
        example: "\\b\\d{4}-\\d{2}-\\d{2}\\b",
      },
      json_schema: {
        name: "هو JSON بصيغة معيّنة",
        hint: "الجواب كله JSON يطابق هذا المخطط. مثال: كائن فيه عدد اسمه \u2066“age”\u2069.",
        example: '{"type": "object", "properties": {"age": {"type": "number"}}, "required": ["age"]}',
      },
      length: { name: "الطول", hint: "ليس الجواب أقصر ولا أطول من هذا. مثال: 50 كلمة على الأكثر.", example: "50" },
      model: {
        name: "رأي نموذج",
        hint: "يقرأ نموذجٌ الجوابَ ويقول إن كان يحقق معيارك. هذا رأي، ويوسم بذلك. مثال: الجواب مهذّب ويذكر سببًا واحدًا.",
        example: "الجواب مهذّب ويذكر سببًا واحدًا.",
      },
    },
    value: "النص",
    ignoreCase: "لا فرق بين الأحرف الكبيرة والصغيرة",
    pattern: "النمط",
    schema: "مخطط JSON",
    min: "على الأقل",
    max: "على الأكثر",
    unit: "يُعدّ بـ",
    units: { words: "الكلمات", characters: "الأحرف" },
    rubric: "المعيار",
    model: "النموذج الحَكَم",
    sameModel: "النموذج الذي أجاب",
    problems: {
      noValue: "اكتب النص الذي يجب أن يحتويه الجواب.",
      noPattern: "اكتب النمط.",
      notSchema: "المخطط ليس كائن JSON بعد.",
      noRubric: "اكتب المعيار.",
      notLength: "الطول عدد صحيح.",
      noLength: "اكتب أقل طول أو أكبر طول.",
      noSuchLength: "لا جواب بهذا الطول: الأقل أكبر من الأكثر.",
    },
  },
};
