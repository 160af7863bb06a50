/** The language that a test looks for on the page; the browser asks for it by its locale. */

import { speak, type Language } from "../src/words";

export async function spoken(language: Exclude<Language, "system">): Promise<void> {
  Object.assign(globalThis, { document: { documentElement: {} } }); // the words say there in which language they are
  await speak(language);
  Reflect.deleteProperty(globalThis, "document");
}
