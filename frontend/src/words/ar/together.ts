/** People in a session: who is there, how they come, what they may do, what is published. In Arabic. */

import { ago, date, list, name, number, plural, quoted } from "./format";

/** As the subject of a sentence. */
const people = (count: number): string =>
  plural(count, { zero: "شخص", one: "شخص واحد", two: "شخصان", few: "أشخاص", many: "شخصًا", other: "شخص" });
/** After a preposition. */
const ofPeople = (count: number): string =>
  plural(count, { zero: "شخص", one: "شخص واحد", two: "شخصين", few: "أشخاص", many: "شخصًا", other: "شخص" });
const names = (all: readonly string[]): string => list(all.map(name));

const term = (seconds: number): string =>
  seconds < 86_400
    ? `بعد ${plural(seconds / 3_600, { zero: "ساعة", one: "ساعة واحدة", two: "ساعتين", few: "ساعات", many: "ساعة", other: "ساعة" })}`
    : `بعد ${plural(seconds / 86_400, { zero: "يوم", one: "يوم واحد", two: "يومين", few: "أيام", many: "يومًا", other: "يوم" })}`;

export const together = {
  share: "مشاركة",
  shareHint: "مشاركة هذه المحادثة",
  shared: "يقرأ آخرون هذه المحادثة أيضًا",
  peopleHere: (all: readonly string[]) => (all.length === 0 ? "مشاركة: أنت وحدك هنا" : `مشاركة: هنا ${names(all)}`),
  title: "مشاركة",
  titleOfMembers: "المشاركون",
  membersHere: (all: readonly string[]) => (all.length === 0 ? "المشاركون: أنت وحدك هنا" : `المشاركون: هنا ${names(all)}`),
  views: { people: "المشاركون", links: "الروابط", publish: "النشر", history: "السجل" },
  you: "أنت",
  nameOfYou: (who: string) => `${name(who)} (أنت)`,
  guest: "ضيف",
  someone: "شخص غادر",
  roles: { owner: "المالك", steer: "يكتب ويقرأ", watch: "يقرأ فقط" },
  roleHints: {
    owner: "كل شيء",
    steer: "الإرسال والإيقاف وإعادة التوليد واختيار النسخة والنموذج",
    watch: "القراءة والتفاعل وطلب الكتابة",
  },
  presence: { here: "هنا الآن", away: "بعيد مؤقتًا", left: "ليس هنا" },
  more: (count: number) => `+${number(count)}`,

  roleOf: (who: string) => `صلاحيات ${name(who)}`,
  actionsOf: (who: string) => `إجراءات ${name(who)}`,
  wantsToSteer: "يطلب الكتابة",
  askedToSteer: (who: string) => `يطلب ${name(who)} السماح له بالكتابة.`,
  allow: "السماح",
  allowOf: (who: string) => `السماح لـ${name(who)} بالكتابة`,
  remove: "إزالة",
  removeTitle: (who: string) => `إزالة ${name(who)}؟`,
  removeText: "لن يستطيع قراءة هذه المحادثة بعد الآن. ولمنعه من العودة ألغِ أيضًا الروابط التي يعرفها.",
  handOver: "نقل الملكية إليه",
  handOverTitle: (who: string) => `نقل الملكية إلى ${name(who)}؟`,
  handOverText: "يقرر من الآن من يشارك هنا، ويبقى بإمكانك أن تكتب، وتتوقف الروابط التي أنشأتها.",
  leave: "مغادرة",
  leaveTitle: "مغادرة هذه المحادثة؟",
  leaveText: "لن تستطيع قراءتها بعد ذلك، وتحتاج إلى رابط لتعود.",
  onlyYou: "أنت وحدك هنا. أنشئ رابطًا وأرسله إلى من يقرأ معك أو يكتب.",

  newLink: "رابط جديد",
  linkRole: "صلاحية من يحمله",
  expires: "تنتهي صلاحيته",
  term,
  uses: "لعدد",
  usesOf: (uses: number) => people(uses),
  createLink: "إنشاء الرابط",
  linkTitle: "رابطك الجديد",
  linkMade: "انسخ الرابط الآن، فلن يُعرض ثانيةً.",
  copyLink: "نسخ الرابط",
  done: "تم",
  links: "الروابط",
  noLinks: "لا توجد روابط، ولا يستطيع أحد آخر الدخول.",
  aboutLink: (expires: string, uses: number) => `تنتهي صلاحيته ${ago(expires)}؛ لـ${name(ofPeople(uses))}`,
  revoke: "إلغاء",
  revokeLink: (role: string, created: string) => `إلغاء رابط ${quoted(role)} المُنشأ في ${date(created)}`,
  revoked: "لم يعد الرابط يعمل.",

  publishAbout: "يستطيع كل من لديه الرابط قراءة الصفحة بلا حساب. ولا تظهر فيها الرسائل اللاحقة.",
  preview: "معاينة",
  previewHint: "هذا بالضبط ما سيُنشر:",
  withParts: "مع",
  parts: {
    pictures: "الصور",
    names: "أسماء من كتبوا",
    prompt: "توجيه النظام",
    thoughts: "أفكار النموذج",
    documents: "نصوص المستندات",
  },
  publish: "نشر",
  download: "تنزيل كملف",
  pageTitle: "صفحتك",
  pageMade: "الصفحة متاحة للجميع. انسخ رابطها الآن، فلن يُعرض ثانيةً.",
  published: "الصفحات المنشورة",
  nothingPublished: "لم يُنشر شيء.",
  publishedOn: (created: string) => `نُشرت ${ago(created)}`,
  withdraw: "سحب",
  withdrawOf: (created: string) => `سحب الصفحة المنشورة في ${date(created)}`,
  withdrawTitle: "سحب هذه الصفحة؟",
  withdrawText: "يتوقف رابطها فورًا. أما النسخ التي حفظها غيرك فتبقى لديهم.",
  withdrawn: "لم تعد الصفحة متاحة.",

  noHistory: "لم يحدث شيء بعد.",
  acts: {
    joined: (who: string, role: string) => `انضم ${name(who)}: ${role}`,
    left: (who: string) => `غادر ${name(who)}`,
    removed: (who: string, about: string) => `أزال ${name(who)} ${name(about)}`,
    role: (who: string, about: string, role: string) => `غيّر ${name(who)} صلاحيات ${name(about)}: ${role}`,
    owner: (who: string, about: string) => `نقل ${name(who)} الملكية إلى ${name(about)}`,
    invited: (who: string, role: string) => `أنشأ ${name(who)} رابطًا: ${role}`,
    withdrew: (who: string) => `ألغى ${name(who)} رابطًا`,
    published: (who: string) => `نشر ${name(who)} صفحة`,
    unpublished: (who: string) => `سحب ${name(who)} صفحة`,
    other: (who: string, action: string) => `${name(who)}: ${name(action)}`,
  },

  typing: (all: readonly string[]) =>
    all.length > 3
      ? `يكتب الآن ${people(all.length)}`
      : all.length === 1
        ? `${names(all)} يكتب الآن`
        : `يكتبون الآن: ${names(all)}`,
  came: (all: readonly string[]) => (all.length > 3 ? `هنا ${people(all.length)}.` : `حضر ${names(all)}.`),
  went: (all: readonly string[]) => (all.length > 3 ? `غادر ${people(all.length)}.` : `غادر ${names(all)}.`),
  readBy: (all: readonly string[]) => `يقرؤها ${names(all)}`,
  stoppedBy: (who: string) => `أوقفه ${name(who)}`,
  wasStoppedBy: (who: string) => `أوقف ${name(who)} الرد.`,
  follow: "عرض هذه الرسالة على الجميع",
  followHint: "تنتقل صفحات الجميع إلى هذه الرسالة",
  followed: (who: string) => `يعرض ${name(who)} رسالة على الجميع.`,
  youLead: "تنتقل صفحات الجميع إلى هذه الرسالة.",
  leadsYou: (who: string) => `نقلك ${name(who)} إلى هنا.`,
  react: "تفاعل",
  reactions: "التفاعلات",
  reactWith: {
    "👍": "إعجاب",
    "❤️": "قلب",
    "😂": "ضحك",
    "🎉": "احتفال",
    "🤔": "تفكير",
    "👀": "عينان",
  } as Readonly<Record<string, string>>,
  reactionOf: (what: string, count: number) => `${what}، ${number(count)}`,
  waitingOf: (place: number, who: string) => `${number(place)}. ${name(who)}`,
  watching: "تستطيع قراءة هذه المحادثة، لا الكتابة فيها.",
  askToSteer: "طلب الكتابة",
  youAsked: "طلبتَ الكتابة، ويرى المالك طلبك.",
  nowYou: {
    owner: "أنت المالك الآن.",
    steer: "تستطيع الكتابة الآن.",
    watch: "تستطيع القراءة فقط الآن.",
  },
  nothingSaid: "لم يُكتب شيء بعد",

  joinTitle: "وصلتك دعوة",
  joinTo: (by: string) => `يدعوك ${name(by)} إلى`,
  joinAs: {
    owner: "ستكون المالك.",
    steer: "تستطيع القراءة والكتابة.",
    watch: "تستطيع القراءة والتفاعل وطلب الكتابة.",
  },
  joinAsYourself: "تنضم بحسابك.",
  joinAsBefore: "أنت ضيف هنا من قبل، وتحتفظ باسمك.",
  nickname: "اسمك هنا",
  nicknameHint: "يراه الآخرون. 32 حرفًا على الأكثر.",
  join: "انضمام",
  linkExpires: (expires: string) => `تنتهي صلاحية الرابط ${ago(expires)}.`,
  looking: "يجري البحث عن الرابط",
  badLink: "هذا الرابط لا يعمل",
  badLinkText: "انتهت صلاحيته أو أُلغي أو استُنفد. اطلب رابطًا جديدًا ممن أرسله إليك.",
  noLink: "لا رابط في هذا العنوان",
  noLinkText: "افتح الرابط الذي وصلك كاملًا، فما بعد علامة # جزء منه.",
  signInInstead: "سجّل الدخول لتنضم بحسابك",
  removedTitle: "لم تعد في هذه المحادثة",
  removedText: "غادرتها، أو أزالك مالكها، أو حُذفت، أو انقضت أيام ضيافتك الثلاثون. اطلب رابطًا لتعود.",
  guestAs: (who: string) => `أنت هنا باسم ${name(who)}.`,
};
