/**
 * Addresses that are written out in a text, as links. GitHub's rule, with an end that suits every script: outside of ASCII only letters
 * and digits belong to an address, so no full stop, bracket or quotation mark of another script does, and nothing that cannot be seen.
 */

import type { Code, Construct, Effects, Previous, State, TokenizeContext } from "micromark-util-types";
import type { Nodes } from "mdast";
import type { Processor } from "unified";

const PREFIXES = ["http://", "https://", "www."];
const OPENING: Record<string, string> = { ")": "(", "]": "[" };
/** What may end a sentence around an address, and does not belong to it at its end. */
const TRAILING = /[!"'*,.:;?_~]/;
/** Scripts whose words follow an address without a space. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
const HOST_WITH_TOP_LEVEL = /^[^/?#]*\.[a-z]{2,24}(?::\d+)?$/i;

/** Whether this UTF-16 unit cannot stand in an address. */
function isOutside(code: Code): boolean {
  if (code === null || code <= 32) return true;
  const unit = String.fromCharCode(code);
  return code < 128 ? /[<>"`{|}^]/.test(unit) : !/[\p{L}\p{M}\p{N}]/u.test(unit);
}

function tokenize(effects: Effects, ok: State, nok: State): State {
  let address = "";
  let host = ""; // what follows the prefix
  const open: Record<string, number> = { "(": 0, "[": 0 };
  let within = 0; // marks ahead that are known to stand within the address
  const take = (code: NonNullable<Code>): void => {
    address += String.fromCharCode(code);
    effects.consume(code);
  };
  const token = (): string => (/^w/i.test(address) ? "literalAutolinkWww" : "literalAutolinkHttp");

  const start: State = (code) => {
    effects.enter("literalAutolink" as never);
    effects.enter((code === 72 || code === 104 ? "literalAutolinkHttp" : "literalAutolinkWww") as never);
    return prefix(code);
  };
  const prefix: State = (code) => {
    if (PREFIXES.includes(address.toLowerCase())) return first(code);
    if (code === null || code < 0) return nok(code);
    const grown = (address + String.fromCharCode(code)).toLowerCase();
    if (!PREFIXES.some((one) => one.startsWith(grown))) return nok(code);
    take(code);
    return prefix;
  };
  const first: State = (code) => (isOutside(code) || TRAILING.test(String.fromCharCode(code ?? 32)) ? nok(code) : inside(code));
  const inside: State = (code) => {
    if (ends(code)) return end(code);
    if (within > 0) within--;
    else if (TRAILING.test(String.fromCharCode(code))) return effects.check({ tokenize: trail, partial: true }, end, inside)(code);
    return one(code);
  };
  const one: State = (code) => {
    if (code === null) return nok(code);
    const unit = String.fromCharCode(code);
    if (unit in open) open[unit] = (open[unit] ?? 0) + 1;
    const opening = OPENING[unit];
    if (opening !== undefined) open[opening] = (open[opening] ?? 0) - 1;
    host += unit;
    take(code);
    return inside;
  };
  const end: State = (code) => {
    effects.exit(token() as never);
    effects.exit("literalAutolink" as never);
    return ok(code);
  };
  /** Marks that only end something, up to where the address ends. */
  function trail(this: TokenizeContext, inner: Effects, yes: State, no: State): State {
    let marks = "";
    const more: State = (code) => {
      if (ends(code) || marks.endsWith("**") || marks.endsWith("~~")) return yes(code);
      if (!TRAILING.test(String.fromCharCode(code))) {
        within = marks.length;
        return no(code);
      }
      marks += String.fromCharCode(code);
      inner.consume(code);
      return more;
    };
    return more;
  }
  function ends(code: Code): code is null {
    if (code === null || isOutside(code)) return true;
    const unit = String.fromCharCode(code);
    const opening = OPENING[unit];
    if (opening !== undefined && (open[opening] ?? 0) <= 0) return true; // it closes what was opened before the address
    return code > 127 && UNSPACED.test(unit) && HOST_WITH_TOP_LEVEL.test(host);
  }
  return start;
}

/** No letter or digit of ASCII stands before it. */
const isFree: Previous = (code) => code === null || code < 0 || !/[a-z\d]/i.test(String.fromCharCode(code));

const address: Construct = { name: "address", tokenize, previous: isFree };

/** For `remarkPlugins`, before remark-gfm: takes the place of its rules. E-mail it still finds in the tree, and that costs less there. */
export function remarkAddresses(this: Processor): (tree: Nodes) => void {
  const data = this.data() as { micromarkExtensions?: unknown[] };
  (data.micromarkExtensions ??= []).push({
    text: { 72: address, 87: address, 104: address, 119: address },
    disable: { null: ["wwwAutolink", "protocolAutolink", "emailAutolink"] },
  });
  return (tree) => flatten(tree, false);
}

/** Takes links out of links, their words stay: an address in what a link is called is no link of its own. */
function flatten(node: Nodes, isInLink: boolean): void {
  if (!("children" in node)) return;
  const within = isInLink || node.type === "link" || node.type === "linkReference";
  for (const child of node.children) flatten(child, within);
  if (within)
    node.children = node.children.flatMap((child): Nodes[] => (child.type === "link" ? child.children : [child])) as never[];
}
