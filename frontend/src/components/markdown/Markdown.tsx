import { memo, useEffect, useState, type ComponentProps } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remend from "remend";

import { Blocks, type Block } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import { Formula } from "./Formula";
import { cutOpen, withMarks } from "./math";

const PLUGINS: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [remarkGfm, [remarkMath, { singleDollarTextMath: false }]];

/** Groups that are built in one go. */
const AT_ONCE = 4;

/** No raw HTML, no remote images; links open elsewhere and say where they go. */
const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <Outward href={href}>
      <bdi>{children}</bdi>
      <Host href={href} said={children} />
    </Outward>
  ),
  img: ({ alt, src }) => {
    const address = typeof src === "string" ? src : undefined;
    return (
      <Outward href={address}>
        <bdi>{alt ? `Image: ${alt}` : "Image"}</bdi>
        <Host href={address} said={alt} />
      </Outward>
    );
  },
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const text = typeof children === "string" ? children : "";
    if (className?.includes("language-math")) return <Formula text={text.trim()} display={className.includes("math-display")} />;
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    if (language === undefined && !text.includes("\n")) return <code>{children}</code>;
    return <CodeBlock language={language ?? ""} text={text.replace(/\n$/, "")} closed />;
  },
  table: (props: ComponentProps<"table">) => (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Table">
      <table>{props.children}</table>
    </div>
  ),
};

/** A text that may still grow: what is incomplete at its end is completed for the eye. */
export function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const [blocks] = useState(() => new Blocks());
  const [hasGrown, setHasGrown] = useState(growing);
  if (growing && !hasGrown) setHasGrown(true);
  const groups = blocks.of(text);
  const from = useGradual(groups.length, growing);
  return (
    <div className={hasGrown ? "markdown has-grown" : "markdown"}>
      {groups.map((group, at) => at >= from && <Group key={at} blocks={group} growing={growing && at === groups.length - 1} />)}
    </div>
  );
}

/** Where to begin: a long text that is there at once is built from its end, some groups at a time, so that it holds up nothing. */
function useGradual(count: number, growing: boolean): number {
  const [from, setFrom] = useState(growing ? 0 : Math.max(0, count - AT_ONCE));
  useEffect(() => {
    if (from === 0) return;
    const timer = setTimeout(() => setFrom(Math.max(0, from - AT_ONCE)));
    return () => clearTimeout(timer);
  }, [from]);
  return from;
}

/** A full group is the same array each time, and is not looked into again. */
const Group = memo(function Group({ blocks, growing }: { blocks: Block[]; growing: boolean }) {
  return (
    <div className="blocks">
      {blocks.map((block, at) =>
        block.kind === "code" ? (
          <CodeBlock key={at} language={block.language} text={block.text} closed={block.closed || !growing} />
        ) : (
          <Part key={at} text={block.text} growing={growing && at === blocks.length - 1} />
        ),
      )}
    </div>
  );
});

const Part = memo(function Part({ text, growing }: { text: string; growing: boolean }) {
  const [whole, open] = growing ? cutOpen(text) : [text, ""];
  const marked = withMarks(whole);
  return (
    <>
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {growing ? remend(marked, { katex: false }) : marked}
      </ReactMarkdown>
      {open !== "" && <code className="open-formula">{open}</code>}
    </>
  );
});

function Outward({ href, children }: ComponentProps<"a">) {
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/** Where a link goes, unless it says just that. `<bdi>`: a text that turns the direction of writing turns only itself. */
function Host({ href, said }: { href: string | undefined; said: unknown }) {
  const host = hostOf(href);
  if (host === null || (typeof said === "string" && (said === host || hostOf(said) === host))) return null;
  return (
    <span className="host">
      {" "}
      (<bdi>{host}</bdi>)
    </span>
  );
}

/** The host of an address on the web; null for one that stays on this page. */
function hostOf(href: string | undefined): string | null {
  const full = href?.startsWith("//") ? `https:${href}` : href;
  if (full === undefined || !/^https?:/i.test(full) || !URL.canParse(full)) return null;
  return new URL(full).host;
}
