/**
 * Checks that sizes, colours, shadows and layers stand in `src/styles/tokens.css` alone, that each use names a token, that each token
 * is used, and that sides follow the direction of the language (`inline-start`, not `left`). Hairlines (1px) may stand anywhere.
 * Prints one line for each fault; the exit code is their presence.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const STYLES = join(import.meta.dirname, "../src/styles");
const HOME = "tokens.css";

const LENGTH = /(?<![\w.-])-?(?:\d*\.)?\d+(?:px|rem|pt|pc|cm|mm|in|q)\b/gi;
const HAIRLINE = /^-?1px$/;
const COLOUR =
  /#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|light-dark)\(|:[^;{]*\b(?:white|black|red|green|blue|gr[ae]y)\b/gi;
/** A side of the screen, which is wrong in half of the languages. */
const SIDE =
  /(?:^|[\s;{-])(?:left|right):|(?:margin|padding|border)-(?:left|right)\b|text-align:\s*(?:left|right)|float:\s*(?:left|right)/g;
/** Four values in which the sides differ. */
const LOPSIDED =
  /(?:padding|margin|inset):\s*\S+\s+((?:[^\s()]|\([^()]*(?:\([^()]*\)[^()]*)*\))+)\s+(?:[^\s()]|\([^)]*\))+\s+(?!\1;)[^;]+;/g;
const LAYER = /z-index:\s*-?\d+/g;

/** @param {string} css */
function withoutComments(css) {
  return css.replace(/\/\*[^]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "));
}

const faults = [];
const files = readdirSync(STYLES).filter((name) => name.endsWith(".css"));
const sheets = files.map((name) => ({ name, css: withoutComments(readFileSync(join(STYLES, name), "utf8")) }));
const home = sheets.find(({ name }) => name === HOME)?.css ?? "";
const tokens = new Set(
  Array.from(home.matchAll(/(--[\w-]+)(?=:)|@custom-media (--[\w-]+)/g), ([, token, media]) => token ?? media),
);
const uses = new Set();

for (const { name, css } of sheets) {
  css.split("\n").forEach((line, at) => {
    const where = `src/styles/${name}:${at + 1}`;
    for (const [, token] of line.matchAll(/(?:var\(|@media.*\()(--[\w-]+)/g)) {
      uses.add(token);
      if (!tokens.has(token)) faults.push(`${where} ${token} is not in ${HOME}`);
    }
    if (name === HOME) return;
    const literals = [
      ...(line.match(LENGTH) ?? []).filter((length) => !HAIRLINE.test(length)),
      ...(line.match(COLOUR) ?? []),
      ...(line.match(LAYER) ?? []),
    ];
    for (const literal of literals) faults.push(`${where} ${literal.trim()} belongs in ${HOME}`);
    for (const side of [...(line.match(SIDE) ?? []), ...(line.match(LOPSIDED) ?? [])])
      faults.push(`${where} ${side.trim()} has to follow the direction: inline-start or inline-end`);
    for (const [, token] of line.matchAll(/^\s*(--[\w-]+):/g)) faults.push(`${where} ${token} belongs in ${HOME}`);
  });
}
for (const token of tokens) if (!uses.has(token)) faults.push(`src/styles/${HOME} ${token} is not used`);

for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
