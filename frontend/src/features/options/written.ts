/** Settings as people write them. */

/** A text on one line: its line ends as `\n`. */
export function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** The texts, one a line; `\n` in one stands for a line end. */
export function lines(written: string): string[] {
  const texts = written.split("\n").filter((line) => line !== "");
  return texts.map((line) => line.replace(/\\([\\n])/g, (_, sign) => (sign === "n" ? "\n" : "\\")));
}

/** The schema that is written here; null where it is no JSON object. */
export function schemaIn(written: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(written);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
