/** The import of conversations, in Arabic. */

import { list, name, number, plural, quoted } from "./format";

/** After a preposition or as the object of a verb. */
const conversations = (count: number): string =>
  plural(count, {
    zero: "محادثة",
    one: "محادثة واحدة",
    two: "محادثتين",
    few: "محادثات",
    many: "محادثة",
    other: "محادثة",
  });

const LEFT: Readonly<Record<string, (count: number) => string>> = {
  image: (count) => plural(count, { zero: "صورة", one: "صورة واحدة", two: "صورتان", few: "صور", many: "صورة", other: "صورة" }),
  audio: (count) =>
    plural(count, {
      zero: "تسجيل صوتي",
      one: "تسجيل صوتي واحد",
      two: "تسجيلان صوتيان",
      few: "تسجيلات صوتية",
      many: "تسجيلًا صوتيًّا",
      other: "تسجيل صوتي",
    }),
  video: (count) =>
    plural(count, {
      zero: "مقطع فيديو",
      one: "مقطع فيديو واحد",
      two: "مقطعا فيديو",
      few: "مقاطع فيديو",
      many: "مقطع فيديو",
      other: "مقطع فيديو",
    }),
  file: (count) =>
    `${plural(count, { zero: "ملف مرفق", one: "ملف مرفق واحد", two: "ملفان مرفقان", few: "ملفات مرفقة", many: "ملفًّا مرفقًا", other: "ملف مرفق" })}: لا يحتوي التصدير على نصها`,
  instructions: (count) =>
    `${plural(count, { zero: "ملاحظة", one: "ملاحظة واحدة", two: "ملاحظتان", few: "ملاحظات", many: "ملاحظة", other: "ملاحظة" })} عنك (تعليمات مخصصة)`,
  hidden: (count) =>
    plural(count, {
      zero: "رسالة مخفية",
      one: "رسالة مخفية واحدة",
      two: "رسالتان مخفيتان",
      few: "رسائل مخفية",
      many: "رسالة مخفية",
      other: "رسالة مخفية",
    }),
  citation: (count) =>
    `روابط نتائج البحث في ${plural(count, { zero: "رد", one: "رد واحد", two: "ردّين", few: "ردود", many: "ردًّا", other: "رد" })}`,
  loop: (count) =>
    `موضع ${plural(count, { zero: "رسالة", one: "رسالة واحدة", two: "رسالتين", few: "رسائل", many: "رسالة", other: "رسالة" })}: لا شيء يقود إليها، فهي تبدأ فرعًا`,
};

export const imports = {
  title: "استيراد محادثات",
  hint: "من ChatGPT (ملف ZIP الذي يصدّر به بياناتك) أو Open WebUI أو LibreChat أو LAM Studio. ترى ما في الملف قبل أن يُستورد أي شيء.",
  choose: "اختر ملفًّا",
  file: "محادثات مصدَّرة",
  reading: "يُقرأ الملف",
  sources: { chatgpt: "ChatGPT", open_webui: "Open WebUI", librechat: "LibreChat", lam: "LAM Studio" },
  from: (source: string) => `استيراد من ${name(source)}`,
  sessions: "المحادثات",
  messages: "الرسائل",
  branches: "نسخ أخرى",
  documents: "المستندات",
  count: (count: number) => number(count),
  earlier: "استُورد من قبل، فتُجووز",
  begins: (titles: string[], of: number) =>
    of > titles.length ? `${titles.map(name).join("، ")}، و${number(of - titles.length)} غيرها` : list(titles.map(name)),
  untitled: "بلا عنوان",
  leftOut: "ما لا يُستورد",
  left: (kind: string, count: number) => LEFT[kind]?.(count) ?? `${number(count)} × ${name(kind)}`,
  refused: (title: string, reason: string) => `${quoted(title)}: ${name(reason)}`,
  moreRefused: (count: number) => `و${number(count)} غيرها`,
  noRoom: (room: number) => `لديك متسع لـ ${conversations(room)}. احذف بعض محادثاتك أولًا لتستورد الباقي.`,
  nothingNew: "استُورد كل ما في هذا الملف من قبل.",
  run: (count: number) => `استيراد ${conversations(count)}`,
  progress: (done: number, all: number) => `${number(done)} من ${number(all)}`,
  progressLabel: "تقدّم الاستيراد",
  stop: "إيقاف",
  stopHint: "يمكنك الإيقاف في أي وقت: يبقى ما استُورد، ويتجاوزه الاستيراد التالي.",
  complete: "اكتمل الاستيراد",
  stopped: "توقّف الاستيراد",
  result: (done: number, skipped: number, refused: number) =>
    [
      `المستورد: ${number(done)}.`,
      ...(skipped > 0 ? [`ما تُجووز لأن استيرادًا سابقًا جلبه: ${number(skipped)}.`] : []),
      ...(refused > 0 ? [`ما تعذّر استيراده: ${number(refused)}.`] : []),
    ].join(" "),
  show: "أظهر الأولى",
};
