/** Keys of programs and budgets, in Arabic. */

import { ago, date, list, name, number, plural } from "./format";

const MINUTE_MS = 60_000;

export const keys = {
  title: "مفاتيح الواجهة البرمجية",
  about: "يستعمل البرنامج هذا الخادم بمفتاح، ويُحسب عليك ما يستهلكه.",
  create: "مفتاح جديد",
  make: "إنشاء المفتاح",
  name: "الاسم",
  uses: "يُسمح للمفتاح",
  scopes: { chat: "بمحادثة النماذج", embeddings: "بإنشاء التضمينات", models: "بسرد النماذج" },
  short: { chat: "المحادثة", embeddings: "التضمينات", models: "سرد النماذج" },
  models: "النماذج",
  modelsHint: "إن لم تختر شيئًا فكل النماذج.",
  expires: "ينتهي",
  terms: (days: number) =>
    days === 0
      ? "لا ينتهي"
      : `بعد ${plural(days, { zero: "يوم", one: "يوم واحد", two: "يومين", few: "أيام", many: "يومًا", other: "يوم" })}`,
  limits: "الحدود",
  limitsHint: "الخانة الفارغة: لا حدّ خاصًّا به.",
  madeTitle: "مفتاحك الجديد",
  made: "انسخ المفتاح الآن، فلن يُعرض ثانيةً.",
  copy: "نسخ المفتاح",
  done: "تم",
  use: (used: string | null, expires: string | null) =>
    `${used === null ? "لم يُستعمل قط" : `آخر استخدام ${ago(used)}`}${expires === null ? "" : `؛ ينتهي في ${date(expires)}`}`,
  expired: "منتهٍ",
  rights: (scopes: readonly string[], models: readonly string[] | null) =>
    `${list(scopes)}${models === null ? "" : `؛ ${list(models.map(name))} فقط`}`,
  actionsOf: (key: string) => `إجراءات ${name(key)}`,
  changeLimits: "تغيير الحدود",
  limitsOf: (key: string) => `حدود ${name(key)}`,
  save: "حفظ",
  revoke: "إلغاء المفتاح",
  revokeTitle: (key: string) => `إلغاء ${name(key)}؟`,
  revokeText: "تُرفض من الآن طلبات البرامج التي تستعمل هذا المفتاح. لا يمكن التراجع عن هذا.",
};

export const budget = {
  title: "الميزانية",
  ofGroup: (group: string) => `المجموعة ${name(group)}`,
  limits: {
    requests_per_minute: "الطلبات في الدقيقة",
    tokens_per_minute: "الرموز في الدقيقة",
    tokens_per_day: "الرموز في اليوم",
    runs: "الردود في وقت واحد",
  },
  left: (left: number, allowed: number) => `بقي ${number(left)} من ${number(allowed)}`,
  renews: (time: string, now = Date.now()) => (Date.parse(time) - now < MINUTE_MS ? "تتجدد خلال دقيقة" : `تتجدد ${ago(time, now)}`),
  set: "الميزانية",
  titleOf: (user: string) => `ميزانية ${name(user)}`,
  ownHint: "الخانة الفارغة: لا حدّ.",
  usual: "استخدم الإعداد الافتراضي للخادم",
};
