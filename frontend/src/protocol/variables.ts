/** Variables of a template, as the gateway's `protocol/variables.py` reads them: for a text that is not stored yet. Pure. */

export interface Variable {
  name: string;
  /** Null: a value must be given. */
  default: string | null;
  description: string | null;
}

const BRACES = /(?<!\{)\{\{([^{}\n]*)\}\}(?!\})/gu;
const NAME = /^(?=[^\p{Nd}])[\p{L}\p{N}_][\p{L}\p{N}_]{0,63}$/u;

/** Each variable once, in the order of its first appearance; the first default and the first description win. */
export function variables(text: string): Variable[] {
  const result = new Map<string, Variable>();
  for (const [, inside = ""] of text.matchAll(BRACES)) {
    const [head = "", ...description] = inside.split("|");
    const equals = head.indexOf("=");
    const name = (equals === -1 ? head : head.slice(0, equals)).trim();
    const otherwise = equals === -1 ? null : head.slice(equals + 1);
    if (!NAME.test(name) || description.length > 1 || otherwise?.startsWith("=")) continue;
    const known = result.get(name);
    result.set(name, {
      name,
      default: known?.default ?? otherwise?.trim() ?? null,
      description: known?.description ?? (description.join("").trim() || null),
    });
  }
  return [...result.values()];
}
