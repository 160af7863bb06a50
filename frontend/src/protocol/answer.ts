/**
 * Reads a model's JSON answer while it grows: the text of `say` so far, and the action the moment its value closes. What counts in the
 * end is the gateway's reading; this one is for the eye. Pure: knows neither the rules nor where the text comes from.
 */

/** Escapes of one letter. */
const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
  "/": "/",
};

const BLANK = /\s/;
const HIGH_SURROGATE = /[\uD800-\uDBFF]$/;

/** What the reader is in, at the top of the answer's object. */
type Place = "before" | "key" | "colon" | "value" | "after";

export class AnswerReader {
  /** The value of `do` once it has closed; undefined until then, and where the object turns out to be no JSON. */
  action: unknown = undefined;
  /** The object has closed. */
  isComplete = false;
  /** The object is no JSON: nothing in it counts. */
  isBroken = false;

  /** The object so far, from its first brace on. */
  private text = "";
  private depth = 0;
  private inString = false;
  private place: Place = "before";
  /** Of a string: what its next character continues: `""` none, else a backslash and what followed it. */
  private escape = "";
  /** Where the key or value at the top began. */
  private start = 0;
  private key = "";
  private isSaying = false;
  private saying = "";

  /** The text of `say` so far. Half a character waits for its other half. */
  get say(): string {
    return this.isSaying && HIGH_SURROGATE.test(this.saying) ? this.saying.slice(0, -1) : this.saying;
  }

  /** Takes the next piece, cut anywhere. */
  feed(piece: string): void {
    for (const unit of piece.split("")) {
      if (this.isComplete) return;
      if (this.depth === 0 && unit !== "{") continue;
      this.text += unit;
      if (this.inString) this.stringUnit(unit);
      else this.plainUnit(unit);
    }
  }

  /** A unit of a string. */
  private stringUnit(unit: string): void {
    if (this.escape !== "") {
      this.escapeUnit(this.escape + unit);
    } else if (unit === "\\") {
      this.escape = unit;
    } else if (unit === '"') {
      this.inString = false;
      this.isSaying = false;
      if (this.depth === 1 && this.place === "key") this.endKey();
    } else if (this.isSaying) {
      this.saying += unit;
    }
  }

  private escapeUnit(sequence: string): void {
    const isLong = sequence[1] === "u";
    if (isLong && sequence.length < 6) {
      this.escape = sequence;
      return;
    }
    this.escape = "";
    if (!this.isSaying) return;
    const code = isLong ? Number.parseInt(sequence.slice(2), 16) : Number.NaN;
    this.saying += isLong ? (Number.isNaN(code) ? "" : String.fromCharCode(code)) : (ESCAPES[sequence[1] ?? ""] ?? "");
  }

  /** A unit outside of strings. */
  private plainUnit(unit: string): void {
    if (unit === '"') this.beginString();
    else if (unit === "{" || unit === "[") this.enter();
    else if (unit === "}" || unit === "]") this.leave();
    else if (this.depth === 1) this.atTop(unit);
  }

  private beginString(): void {
    this.inString = true;
    if (this.depth !== 1) return;
    this.begin();
    if (this.place !== "value" || this.key !== "say") return;
    this.isSaying = true;
    this.saying = "";
  }

  private enter(): void {
    if (this.depth === 1) this.begin();
    this.depth++;
    if (this.depth === 1) this.place = "key";
  }

  private leave(): void {
    if (this.depth === 1) this.endValue();
    this.depth--;
    if (this.depth === 1) this.endValue(this.text.length);
    if (this.depth > 0) return;
    this.isComplete = true;
    if (parse(this.text) !== undefined) return;
    this.isBroken = true;
    this.action = undefined;
  }

  private atTop(unit: string): void {
    if (unit === ":" && this.place === "colon") {
      this.place = "value";
      this.start = -1;
    } else if (unit === ",") {
      this.endValue();
      this.place = "key";
    } else if (!BLANK.test(unit)) {
      this.begin();
    }
  }

  /** A key or value begins here, unless it has begun. */
  private begin(): void {
    if (this.place === "key" || this.start === -1) this.start = this.text.length - 1;
  }

  private endKey(): void {
    const key = parse(this.text.slice(this.start));
    this.key = typeof key === "string" ? key : "";
    this.place = "colon";
  }

  /** A value ends before `end`. */
  private endValue(end = this.text.length - 1): void {
    if (this.place !== "value") return;
    this.place = "after";
    if (this.key !== "do") return;
    this.action = parse(this.text.slice(this.start, end));
  }
}

/** What all of a text says. */
export function readAnswer(text: string): AnswerReader {
  const reader = new AnswerReader();
  reader.feed(text);
  return reader;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
