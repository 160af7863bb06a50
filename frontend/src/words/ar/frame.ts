/** What stands on every page, in Arabic: names of pages, words of buttons, failures. */

import { number, plural } from "./format";
import { problem } from "./problems";

export const common = {
  product: "LAM Studio",
  documentTitle: (page: string) => `${page} · LAM Studio`,
  tryAgain: "أعد المحاولة",
  cancel: "إلغاء",
  close: "إغلاق",
  delete: "حذف",
  send: "إرسال",
  signOut: "تسجيل الخروج",
  email: "البريد الإلكتروني",
  password: "كلمة المرور",
  none: "بلا",
  unknown: "غير معروف",
  useTemplate: "استخدم القالب",
  copy: "نسخ",
  copied: "تم النسخ",
  notCopied: "النسخ غير مسموح به هنا: حدِّد النص.",
};

export const pages = {
  studio: "المحادثات",
  templates: "القوالب",
  maze: "المتاهة",
  lab: "المختبر",
  rooms: "الغرف",
  usage: "الاستخدام",
  settings: "الإعدادات",
  admin: "الإدارة",
  signIn: "تسجيل الدخول",
  join: "الانضمام",
};

export const navigation = {
  back: "العودة إلى المحادثات",
  label: "الصفحات",
  skip: "انتقل إلى المحتوى",
  goTo: (page: string) => `انتقل إلى ${page}`,
};

export const broken = {
  account: "حدث خطأ ما. لا يمكن عرض حسابك.",
  commands: "حدث خطأ ما. لا يمكن عرض الأوامر.",
  composer: "حدث خطأ ما. لا يمكن عرض مربع الرسالة.",
  conversation: "حدث خطأ ما. لا يمكن عرض هذه المحادثة.",
  conversations: "حدث خطأ ما. لا يمكن عرض قائمة المحادثات.",
  message: "حدث خطأ ما. تُعرض هذه الرسالة نصًّا عاديًّا.",
  options: "حدث خطأ ما. لا يمكن عرض الخيارات.",
  page: "حدث خطأ ما. لا يمكن عرض هذه الصفحة.",
  people: "حدث خطأ ما. لا يمكن عرض المشاركين.",
};

export const failure = {
  silent: "لا يستجيب LAM Studio. تجري المحاولة من جديد.",
  everythingTitle: "حدث خطأ ما",
  everything: "أعد تحميل الصفحة. محادثاتك محفوظة على الخادم ومسوداتك في هذا المتصفح، ولم يضِع شيء.",
  reload: "أعد تحميل الصفحة",
  notFoundTitle: "الصفحة غير موجودة",
  notFound: "العنوان خاطئ، أو لم تعد الصفحة موجودة.",
  offlineTitle: "تعذّر الوصول إلى LAM Studio",
  offlineHint: "تأكد من أنه يعمل ومن أنك متصل بالشبكة.",
  offline: "تستمر الردود الجارية من دونك. تعيد هذه الصفحة المحاولة كل بضع ثوانٍ.",
  unreachable: "تعذّر الوصول إلى LAM Studio. تأكد من أنه يعمل ومن أنك متصل بالشبكة.",
  problem,
  status: (status: number) => `أجاب LAM Studio بخطأ (${status}). أعد المحاولة.`,
};

export const palette = {
  title: "الأوامر",
  find: "ابحث عن أمر أو محادثة",
  results: "النتائج",
  found: (count: number) =>
    plural(count, { zero: "نتيجة", one: "نتيجة واحدة", two: "نتيجتان", few: "نتائج", many: "نتيجة", other: "نتيجة" }),
  noResults: "لا نتائج. للبحث داخل الرسائل استخدم البحث أعلى المحادثات.",
  conversations: "محادثة",
  showKeys: "اعرض اختصارات لوحة المفاتيح",
  keys: "اختصارات لوحة المفاتيح",
  chord: (key: string) => `Ctrl ${key}`,
  fixedKeys: [
    ["Ctrl K", "البحث عن أمر أو محادثة"],
    ["Ctrl F", "البحث في المحادثة؛ ومرة أخرى: بحث المتصفح نفسه"],
    ["Ctrl P", "طباعة المحادثة كلها"],
    ["Enter", "إرسال؛ وأثناء الرد: بعده"],
    ["Shift Enter", "سطر جديد"],
    ["Esc", "إيقاف الرد وقراءته بصوت عالٍ"],
    ["Ctrl Shift Space", "حيث يستطيع الاستوديو الاستماع: اضغط مطوّلًا لتتحدث"],
    ["/", "في بداية الرسالة: اختيار قالب"],
    ["↑", "في رسالة فارغة: تعديل آخر رسالة لك"],
  ] as readonly (readonly [key: string, does: string])[],
};

/** Of a count and a whole: *3 من 5*. */
export const ofWhole = (part: number, whole: number): string => `${number(part)} من ${number(whole)}`;
