/** The catalogue that the page speaks from, and which of them is spoken. A catalogue other than English is read when it is asked for. */

import { en } from "./en";

export type Words = typeof en;

/** Whoever chooses none is answered in the first language that their browser asks for and the page knows, else in English. */
export type Language = "system" | "en" | "ar";

const OTHERS: Readonly<Record<string, () => Promise<Words>>> = { ar: async () => (await import("./ar")).ar };

/** Each language by its own name, so that whoever reads it finds it. */
export const LANGUAGES: Readonly<Record<Exclude<Language, "system">, string>> = { en: "English", ar: "العربية" };

/** A binding that changes: read it where something is said, never while a module is evaluated. */
export let words: Words = en;

/** The page speaks this language from now on, and says so to whoever reads it aloud. */
export async function speak(language: Language): Promise<void> {
  const asked = language === "system" ? navigator.languages : [language];
  const known = asked.map((tag) => tag.split("-")[0] ?? "").find((name) => name === "en" || name in OTHERS);
  words = (await OTHERS[known ?? "en"]?.()) ?? en;
  Object.assign(document.documentElement, { lang: words.language, dir: words.direction });
}
