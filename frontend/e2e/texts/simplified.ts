/** What a reply became, as the shortest HTML that says it: only elements that a reader sees, none of the page's own. */

const KEPT = new Set(
  "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre em strong del a sub sup kbd details summary table tr th td hr br code section".split(
    " ",
  ),
);
const VOID = new Set(["br", "hr", "input", "img"]);
const SKIPPED = new Set(["figcaption", "button", "svg"]);
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'", "#39": "'", nbsp: "\u00A0" };

/** From what React or a browser writes. Formulas are said as they are copied. */
export function simplified(html: string): string {
  let said = "";
  const open: { name: string; isSkipped: boolean }[] = [];
  const isSkipped = (): boolean => open.some((one) => one.isSkipped);
  const isInCode = (): boolean => open.some(({ name }) => name === "pre");
  for (const [, close, name = "", attributes = "", text] of html.matchAll(/<(\/?)([a-z0-9]+)((?:\s[^<>]*?)?)\/?>|([^<]+)/gi)) {
    if (text !== undefined) {
      if (!isSkipped()) said += decoded(text);
      continue;
    }
    const says = (tag: string): void => {
      if (!isSkipped() && KEPT.has(name) && !(name === "code" && isInCode())) said += tag;
    };
    if (close === "/") {
      open.splice(open.findLastIndex((one) => one.name === name));
      says(`</${name}>`);
      continue;
    }
    if (name === "input") said += attributes.includes("checked") ? "[x]" : "[ ]";
    if (name === "span" && / class="lines/.test(attributes) && !said.endsWith("<pre>")) said += "\n";
    const href = name === "a" ? / href="([^"]*)"/.exec(attributes)?.[1] : undefined;
    says(href === undefined ? `<${name}>` : `<a ${decoded(href)}>`);
    if (VOID.has(name)) continue;
    const copied = / data-copied="([^"]*)"/.exec(attributes)?.[1];
    if (copied !== undefined && !isSkipped()) said += `⟨${decoded(copied).replaceAll("\n", " ")}⟩`;
    const isHidden = copied !== undefined || SKIPPED.has(name) || / data-interface| class="host"/.test(attributes);
    open.push({ name, isSkipped: isHidden });
  }
  return said.replaceAll(/\n+(?=<(?!\/pre))|(?<=>)\n+/g, "").trim();
}

function decoded(text: string): string {
  return text.replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
