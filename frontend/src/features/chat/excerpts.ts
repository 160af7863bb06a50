/** How much of a document a model read, as a reply's metadata say it. */

/** `whole`: pages that it read whole, of `of`; `partly`: the beginning of the next one too. */
interface Excerpt {
  name: string;
  characters: number;
  of_characters: number;
  unit?: "page" | "slide" | "sheet" | "chapter" | null;
  whole?: number;
  partly?: boolean;
  of?: number;
}

export function excerptsOf(metadata: MessageMetadata): Excerpt[] {
  const shown = metadata?.["shown"];
  return Array.isArray(shown) ? shown.filter(isExcerpt) : [];
}

type MessageMetadata = Readonly<Record<string, unknown>> | null;

function isExcerpt(value: unknown): value is Excerpt {
  if (typeof value !== "object" || value === null) return false;
  const { name, characters, of_characters: all } = value as Partial<Record<keyof Excerpt, unknown>>;
  return typeof name === "string" && typeof characters === "number" && typeof all === "number";
}
