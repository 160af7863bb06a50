/** The studio, in Arabic: sessions, composer, thread, reply, options. */

import type { ShownPart } from "../en/chat";
import { characters, duration, list, name, number, or, percent, plural, quoted, tokens } from "./format";

export const studio = {
  side: "المحادثات والصفحات",
  conversations: "المحادثات",
  newConversation: "محادثة جديدة",
  untitled: "محادثة بلا عنوان",
  options: "الخيارات",
  optionsHint: "الخيارات (O)",
  welcome: "عمّ تودّ أن تتحدث؟",
  startersLabel: "أمثلة",
  starters: [
    ["اشرح شيئًا", "كيف يتكوّن قوس قزح؟ اشرح ذلك في ثلاث جمل."],
    ["اكتب شيئًا", "اكتب قصيدة قصيرة عن البحر ليلًا."],
    ["ابحث عن أفكار", "اذكر خمس وجبات عشاء يمكنني طبخها في 20 دقيقة."],
    ["اقرأ شيفرة", "ماذا يفعل هذا السطر من Python؟\n`print(sorted(words, key=len)[-3:])`"],
  ] as readonly (readonly [title: string, text: string])[],
  toggleOptions: "أظهر الخيارات أو أخفِها",
  exportMarkdown: "صدّر هذه المحادثة بصيغة Markdown",
  exportJson: "صدّر هذه المحادثة بصيغة JSON",
  deleteConversation: "احذف هذه المحادثة",
};

export const picker = {
  title: "اختر نموذجًا",
  find: "ابحث عن نموذج",
  none: "لا نموذج",
  chosen: "(المختار)",
  noResults: "لا نموذج بهذا الاسم.",
  sees: "يرى الصور",
  thinks: "يفكّر",
  tools: "يستخدم الأدوات",
  where: (servers: readonly string[]) => list(servers.map(name)),
  asleep: "نائم، يُحمَّل مع أول ردّ",
  full: (places: number) => (places === 1 ? "مشغول، ستنتظر الرسالة" : `المواضع كلها مشغولة (${number(places)})، ستنتظر الرسالة`),
  free: (free: number, places: number) => (places === 1 ? "متاح" : `المتاح ${number(free)} من ${number(places)}`),
  price: (input: number | null, output: number | null) =>
    `لكل مليون رمز: ${[input !== null && `${number(input)} للقراءة`, output !== null && `${number(output)} للكتابة`].filter(Boolean).join("، ")}`,
  blind: (model: string, others: readonly string[]) =>
    `لا يرى ${name(model)} الصور. ${others.length === 0 ? "لا نموذج هنا يراها." : `اختر ${or(others.map(name))}، أو أزل الصور.`}`,
  about: (model: string, where: string, state: string) =>
    `النموذج: ${[name(model), where && `على ${where}`, state].filter(Boolean).join("، ")}. اختر غيره (Ctrl M)`,
  facts: (load: string, where: string, context: number | null) =>
    [where && `على ${where}`, load, context === null ? "" : `يقرأ ${tokens(context)}`].filter(Boolean).join(" · "),
};

export const sessions = {
  search: "البحث في المحادثات",
  searchHint: "بحث",
  empty: "لا محادثات بعد. اسأل شيئًا، مثل: «بماذا يمكنك أن تساعدني؟»",
  pinned: "مثبَّتة",
  today: "اليوم",
  yesterday: "أمس",
  week: "آخر 7 أيام",
  earlier: "أقدم",
  title: "العنوان",
  running: "رد قيد الكتابة",
  unread: "غير مقروءة",
  rename: "إعادة التسمية",
  pin: "تثبيت في الأعلى",
  deleted: (title: string) => `حُذفت ${quoted(title)}.`,
  undo: "تراجع",
  notDeleted: (title: string, reason: string) => `لم تُحذف ${quoted(title)}. ${reason}`,
  searching: "جارٍ البحث",
  results: "النتائج",
  noResults: "لا نتائج",
  actions: (title: string) => `إجراءات ${quoted(title)}`,
  more: "أظهر محادثات أخرى",
  loadingMore: "جارٍ تحميل محادثات أخرى",
  searchIn: "ابحث في",
  everywhere: "كل المحادثات",
};

export const folders = {
  title: "المجلدات",
  new: "مجلد جديد",
  newNamed: (folder: string) => `مجلد جديد ${quoted(folder)}`,
  edit: "تعديل المجلد",
  create: "إنشاء المجلد",
  save: "حفظ",
  name: "الاسم",
  startsWith: "تبدأ المحادثات الجديدة في هذا المجلد بهذا النموذج وهذا الموجّه. تحتفظ الموجودة بما لديها.",
  actions: (folder: string) => `إجراءات المجلد ${quoted(folder)}`,
  newIn: "محادثة جديدة هنا",
  newInTitle: (folder: string) => `محادثة جديدة في ${quoted(folder)}`,
  delete: "حذف المجلد",
  deleteTitle: (folder: string) => `حذف المجلد ${quoted(folder)}؟`,
  deleteText: "تبقى محادثاته، وتخرج من المجلد.",
  empty: "فارغ. اسحب محادثة إلى هنا، أو اختر النقل من قائمتها.",
  outside: "بلا مجلد",
  move: "نقل إلى مجلد",
  moveThis: "انقل هذه المحادثة إلى مجلد",
  moveTitle: (title: string) => `نقل ${quoted(title)}`,
  find: "ابحث عن مجلد",
  here: "هنا الآن",
  moved: (title: string, folder: string) => `نُقلت ${quoted(title)} إلى ${quoted(folder)}.`,
  movedOut: (title: string) => `أُخرجت ${quoted(title)} من مجلدها.`,
};

export const composer = {
  sentOnceRead: "تُرسل حالما تجهز الملفات",
  drop: "أفلِت الملفات لإرفاقها",
  pasted: (count: number) => (count === 1 ? "نص ملصق" : `نص ملصق ${number(count)}`),
  asText: (name: string) => `ضع ${name} في الرسالة`,
  asTextHint: "ضع نصه في الرسالة",
  label: "الرسالة",
  placeholder: "اسأل ما تشاء",
  attach: "إرفاق ملف",
  attachHint: "إرفاق ملف: صورة أو PDF أو Office أو EPUB أو صفحة ويب أو أي نص",
  attached: "المرفقات",
  reading: "جارٍ قراءة الملف",
  characters,
  fromNow: "من هذه الرسالة فصاعدًا",
  remove: (file: string) => `إزالة ${name(file)}`,
  missing: (file: string, sentence: string) => `${name(file)}: ${sentence}`,
  tooLong: (length: number, limit: number) =>
    `في الرسالة ومستنداتها ${characters(length)}، والحد ${number(limit)}. أزل مستندًا أو اختصره.`,
  sendHint: "إرسال (Enter)",
  stop: "إيقاف",
  stopHint: "إيقاف (Esc)",
  templates: "القوالب",
  found: (count: number) =>
    plural(count, { zero: "قالب", one: "قالب واحد", two: "قالبان", few: "قوالب", many: "قالبًا", other: "قالب" }),
  noTemplates: "لا نتائج.",
  createTemplate: "أنشئ قالبًا",
};

const amount = (count: number): string =>
  plural(count, { zero: "صورة", one: "صورة واحدة", two: "صورتان", few: "صور", many: "صورة", other: "صورة" });

/** Pictures of messages and replies. */
export const pictures = {
  label: "الصور",
  alt: (at: number, of: number, width: number | null, height: number | null) =>
    [
      of === 1 ? "صورة" : `الصورة ${number(at)} من ${number(of)}`,
      width !== null && height !== null && `\u2066${number(width)} × ${number(height)}\u2069 بكسل`,
    ]
      .filter(Boolean)
      .join("، "),
  open: "اعرضها كبيرة",
  take: "التقط صورة",
  add: "أضف صورًا",
  only: "لا يمكن أن تُضاف إلى رسالة أُرسلت إلا صور. أرفق الملفات الأخرى برسالة جديدة.",
  earlier: (at: number) => `قدّم الصورة ${number(at)}`,
  later: (at: number) => `أخّر الصورة ${number(at)}`,
  progress: (file: string) => `جارٍ رفع ${name(file)}`,
  share: (share: number) => percent(share),
  reading: "جارٍ القراءة",
  cancel: (file: string) => `إلغاء ${name(file)}`,
  remove: (at: number) => `إزالة الصورة ${number(at)}`,
  tooMany: (limit: number, extra: number) => `لا تتسع الرسالة لأكثر من ${amount(limit)}. لم يُرفق ما زاد: ${amount(extra)}.`,
  remaining: (limit: number, extra: number) => `لا تتسع الرسالة لأكثر من ${amount(limit)}. أزل ما زاد: ${amount(extra)}.`,
  missing: "هذه الصورة ليست هنا. أعد المحاولة",
  leftOut: (count: number) =>
    count === 1 ? "لم تُرسل إلى النموذج هذه الصورة السابقة:" : `لم تُرسل إلى النموذج هذه الصور السابقة (${number(count)}):`,
  lost: (count: number) => (count === 1 ? "تعذّر عرض صورة من هذا الرد." : `تعذّر عرض صور من هذا الرد (${number(count)}).`),
  leftOutWhy: "لم يعد سياق النموذج يتسع لها، أو أنه لا يرى الصور.",
  previous: "الصورة السابقة",
  next: "الصورة التالية",
  fullSize: "الحجم الكامل",
  download: "تنزيل",
};

const UNITS = {
  page: ["الصفحة", "الصفحات"],
  slide: ["الشريحة", "الشرائح"],
  sheet: ["الورقة", "الأوراق"],
  chapter: ["الفصل", "الفصول"],
} as const;

function place([one, many]: readonly [string, string], whole: number, partly: boolean, of: number): string {
  if (whole === 0) return `جزءًا من ${one} 1 (المجموع ${number(of)})`;
  const read = whole === 1 ? `${one} 1` : `${many} 1 إلى ${number(whole)}`;
  return `${read}${partly ? ` وجزءًا من ${one} ${number(whole + 1)}` : ""} (المجموع ${number(of)})`;
}

export const thread = {
  print: "اطبع هذه المحادثة أو احفظها بصيغة PDF",
  label: "المحادثة",
  you: "أنت",
  model: "النموذج",
  toEnd: "إلى النهاية",
  edit: "تعديل",
  editMessage: "عدّل رسالتك",
  thoughts: "الأفكار",
  toolCall: (tool: string | null) => (tool === null ? "استدعاء أداة بلا اسم" : `استدعاء أداة: ${name(tool)}`),
  toolResult: "النتيجة",
  leftOut: "لم يعد النموذج يرى هذه الرسالة",
  leftOutWhy: "رُفضت بسبب طولها أو محتواها، وسترفض مرة أخرى.",
  versions: "النسخ",
  version: (at: number, of: number) => `${number(at)}/${number(of)}`,
  previousVersion: "النسخة السابقة",
  nextVersion: "النسخة التالية",
  retry: "إعادة المحاولة",
  continue: "متابعة",
  regenerate: "رد آخر",
  good: "رد جيد",
  bad: "رد سيئ",
  copyReply: "نسخ الرد",
  onePiece: "أُرسل دفعة واحدة",
  shown: ({ name: document, characters: read, of_characters, unit, whole = 0, partly = false, of = 0 }: ShownPart) =>
    `قرأ النموذج ${unit ? place(UNITS[unit], whole, partly, of) : percent(read / of_characters)} من ${quoted(document)}.`,
  shownWhy: "مستندات هذه الرسالة أطول من سياق النموذج، فقرأ بداياتها.",
  onePieceWhy: "أرسل عاملُ النموذج هذا الرد دفعة واحدة، وعُرض شيئًا فشيئًا.",
};

export const reply = {
  answerNow: "أجب الآن",
  sending: "جارٍ الإرسال",
  lost: "انقطع الاتصال. نحاول مجددًا.",
  gone: "لم يعد هذا الرد موجودًا.",
  next: "في الانتظار، أنت التالي",
  ahead: (count: number) => `في الانتظار، أمامك ${number(count)}`,
  unreachable: "تعذّر الوصول إلى النموذج. نحاول مجددًا.",
  recovering: "انقطع الرد، ويُستأنف حالما يمكن ذلك.",
  healed: "استؤنف بعد انقطاع",
  healedAfter: (before: string) => `انقطع الرد بعد ${quoted(before)}، ثم استؤنف من هناك.`,
  busy: "النموذج مشغول. نحاول مجددًا.",
  loading: "جارٍ تحميل النموذج",
  reading: "يقرأ رسالتك",
  readingShare: (fraction: number) => `يقرأ رسالتك، ${percent(fraction)}`,
  thinking: "يفكّر",
  thinkingFor: (seconds: number) => `يفكّر، ${number(seconds)} ث`,
  stopped: "أُوقف",
  interrupted: "انقطع الرد.",
  tooLong: "بلغ الرد الحد الأقصى لطوله.",
  filtered: "أنهى مرشِّح محتوى النموذج الرد.",
  hasBegun: "بدأ الرد.",
  wasStopped: "أُوقف الرد.",
  isComplete: "اكتمل الرد.",
  notAccepted: "لم تُقبل الرسالة. أعد المحاولة.",
  model: name,
  server: name,
  tokens: (count: number, isEstimate: boolean) => name(isEstimate ? `نحو ${tokens(count)}` : tokens(count)),
  rate: (perSecond: number) => name(`${number(perSecond)} رمز/ث`),
  firstToken: (ms: number) => name(`أول رمز بعد ${duration(ms)}`),
};

export const markdown = {
  formula: "صيغة رياضية",
  table: "جدول",
  image: (alt: string) => (alt === "" ? "صورة" : `صورة: ${alt}`),
  footnote: (label: string) => `حاشية ${label}`,
  plainText: "نص",
  wrap: "التفاف",
  copyCode: "نسخ الشيفرة",
  draw: "ارسم",
  drawing: "جارٍ الرسم",
  diagram: "مخطط",
  diagramTooSlow: "يستغرق وقتًا أطول مما ينبغي",
  noDiagram: (reason: string) => `لا يمكن رسم المخطط: ${reason}`,
  copyTable: "نسخ الجدول بصيغة",
  tableFormats: { tsv: "TSV", markdown: "Markdown", csv: "CSV" },
};

export const options = {
  close: "إغلاق الخيارات",
  loading: "جارٍ التحميل",
  saving: "جارٍ الحفظ",
  saved: "يسري من رسالتك التالية.",
  model: "النموذج",
  defaultModel: (model: string | null) => (model === null ? "الافتراضي" : `الافتراضي: ${name(model)}`),
  modelContext: (model: string, context: number | null) => (context === null ? name(model) : `${name(model)} (${tokens(context)})`),
  modelUnavailable: (model: string) => `${name(model)} (غير متاح)`,
  preset: "إعداد جاهز",
  template: "القالب",
  systemPrompt: "موجّه النظام",
  systemPromptHint: "ما ينبغي أن يعرفه النموذج أو أن يكونه في كل رد",
  file: "التصدير والمسح",
  markdown: "Markdown",
  json: "JSON",
  fileHint: "‏Markdown للقراءة. أما JSON فيحفظ كل نسخ الرسائل وصورها، ويمكنك استيراده من الإعدادات.",
  clear: "مسح الرسائل",
  clearTitle: "مسح هذه المحادثة؟",
  clearText: "تُحذف كل رسائلها نهائيًّا، وتبقى خياراتها وصفحاتها المنشورة.",
};

export const sampling = {
  settings: {
    temperature: { label: "الحرارة", hint: "عند 0 يتكرر الرد نفسه كل مرة، وعند 2 يشطح" },
    top_p: { label: "Top-p", hint: "حصة الكلمات المرجَّحة التي يختار منها النموذج" },
    max_tokens: { label: "أطول رد، بالرموز", hint: "" },
    top_k: { label: "Top-k", hint: "يختار من هذا العدد من أرجح الكلمات؛ 0 يعني كلها" },
    min_p: { label: "Min-p", hint: "يستبعد الكلمات الأقل ترجيحًا من هذه الحصة من الأرجح؛ 0 يعني لا شيء" },
    typical_p: { label: "Typical-p", hint: "يفضّل كلمات ليست شديدة الترجيح ولا شديدة الندرة؛ 1 يعني أيّها" },
    seed: { label: "البذرة", hint: "البذرة نفسها تكرر الرد على المحادثة نفسها" },
    stop: { label: "التوقف عند", hint: "نص في كل سطر، حتى أربعة؛ ينتهي الرد قبل أول ما يظهر منها" },
    presence_penalty: { label: "عقوبة الحضور", hint: "فوق 0 تقلّ عودة الكلمات المستخدمة" },
    frequency_penalty: { label: "عقوبة التكرار", hint: "فوق 0 تندر الكلمة كلما كثر استخدامها" },
    repeat_penalty: { label: "عقوبة الإعادة", hint: "فوق 1 تقلّ عودة الكلمات القريبة" },
    response_format: { label: "مخطط JSON", hint: "الجواب JSON يطابق هذا المخطط" },
    reasoning: { label: "التفكير", hint: "هل يفكّر النموذج قبل أن يجيب، وكم يطول ذلك" },
  },
  more: "إعدادات أخرى",
  default: "الافتراضي",
  defaultIs: (value: string) => `الافتراضي: ${value}`,
  thinkingOff: "متوقف",
  thinkingAuto: "كما يقرر النموذج",
  thinkingLimited: "محدود",
  thinkingLimit: "رموز التفكير",
  notJson: "هذا ليس JSON بعد، فلم يُحفظ.",
  reset: (setting: string) => `إعادة تعيين ${name(setting)}`,
  resetHint: "استخدم الافتراضي",
  range: (min: number, max: number, hint: string) => `من ${number(min, min % 1 === 0 ? 0 : 2)} إلى ${number(max)}: ${hint}`,
};

export const find = {
  command: "ابحث في هذه المحادثة",
  label: "ابحث في هذه المحادثة",
  next: "النتيجة التالية",
  nextHint: "النتيجة التالية (Enter)",
  previous: "النتيجة السابقة",
  previousHint: "النتيجة السابقة (Shift Enter)",
  close: "أغلق البحث",
  none: "لا نتائج",
  at: (at: number, of: number) => `${number(at)} من ${number(of)}`,
  loading: (count: number) => `${number(count)} حتى الآن`,
};

/** Messages that were written while a reply runs. */
export const waiting = {
  label: "رسائل تنتظر",
  afterReply: "تُرسل عند اكتمال هذا الرد",
  afterOthers: "تُرسل بعد التي قبلها",
  soon: "تُرسل حالما يتاح مكان",
  edited: "لا تُرسل ما دامت قيد التعديل",
  held: {
    cancelled: "لم تُرسل: أُوقف الرد الذي قبلها",
    interrupted: "لم تُرسل: انقطع الرد الذي قبلها",
    failed: "لم تُرسل: فشل الرد الذي قبلها",
  },
  refused: (reason: string) => `تعذّر إرسالها. ${reason}`,
  sendNow: "أرسل الآن",
  takeBack: "استرجع",
  editLabel: "عدّل الرسالة المنتظرة",
  save: "احفظ",
  sentMeanwhile: "أُرسلت الرسالة قبل تعديلك. تعديلك هنا.",
  hint: "أرسل بعد هذا الرد (Enter)",
};
