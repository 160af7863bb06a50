import { memo, useEffect, useId, useState, type ComponentProps, type ReactElement } from "react";
import type { Element } from "hast";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remend from "remend";

import { words } from "../../words";
import { AsWritten } from "../AsWritten";
import { Boundary } from "../Boundary";
import { remarkAddresses } from "./addresses";
import { Blocks, type Block } from "./blocks";
import { bounded } from "./bounds";
import { CodeBlock } from "./CodeBlock";
import { Footnote, FootnoteMark, NotesContext } from "./Footnote";
import { Formula } from "./Formula";
import { handlers } from "./handlers";
import { Link } from "./Link";
import { cutOpen, withMarks } from "./math";
import { References, surroundings, type Surroundings } from "./references";

const PLUGINS: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [
  remarkAddresses,
  [remarkGfm, { singleTilde: false }],
  [remarkMath, { singleDollarTextMath: false }],
];
const COMPLETION = { katex: false, htmlTags: false, singleTilde: false, linkMode: "text-only" } as const;

/** Groups that are built in one go. */
const AT_ONCE = 4;

/** No raw HTML, no remote images. */
const COMPONENTS: Components = {
  a: ({ href, title, children }) => (
    <Link href={href} title={title} label={children}>
      {children}
    </Link>
  ),
  img: ({ alt, src, title }) => (
    <Link href={typeof src === "string" ? src : undefined} title={title} label={alt}>
      {words.markdown.image(alt ?? "")}
    </Link>
  ),
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children, node }) => {
    const text = typeof children === "string" ? children : "";
    if (className?.includes("language-math")) return <Formula text={text.trim()} display={className.includes("math-display")} />;
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    if (language === undefined && !text.includes("\n")) return <code>{children}</code>;
    const info = [language, node?.data?.meta].filter(Boolean).join(" ");
    return <CodeBlock info={info} text={text.replace(/\n$/, "")} closed />;
  },
  table: (props: ComponentProps<"table">) => (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={words.markdown.table}>
      <table>{props.children}</table>
    </div>
  ),
  sup: ({ children }) => <FootnoteMark label={typeof children === "string" ? children : ""} />,
  section: ({ node, children }) => <Footnote label={labelOf(node)}>{children}</Footnote>,
};

function labelOf(node: Element | undefined): string {
  const label = node?.properties["label"];
  return typeof label === "string" ? label : "";
}

/** A text that may still grow: what is incomplete at its end is completed for the eye. */
export function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const id = useId();
  const [blocks] = useState(() => new Blocks());
  const [references] = useState(() => new References());
  const [hasGrown, setHasGrown] = useState(growing);
  if (growing && !hasGrown) setHasGrown(true);
  const groups = blocks.of(text);
  const around = references.of(groups);
  const from = useGradual(groups.length, growing);
  return (
    <div className={hasGrown ? "markdown has-grown" : "markdown"}>
      <NotesContext value={id}>
        {groups.map(
          (group, at) =>
            at >= from && <Group key={at} blocks={group} around={around[at]} growing={growing && at === groups.length - 1} />,
        )}
      </NotesContext>
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
const Group = memo(function Group({
  blocks,
  around,
  growing,
}: {
  blocks: Block[];
  around: Surroundings[] | undefined;
  growing: boolean;
}) {
  return (
    <div className="blocks">
      {blocks.map((block, at) => (
        <Boundary key={at} of={block.text} fallback={<AsWritten text={block.text} />}>
          {block.kind === "code" ? (
            <CodeBlock info={block.info} text={growing ? block.text : block.text + block.rest} closed={block.closed || !growing} />
          ) : (
            <Part text={block.text} {...surroundings(around, at)} growing={growing && at === blocks.length - 1} />
          )}
        </Boundary>
      ))}
    </div>
  );
});

const Part = memo(function Part({ text, before, hidden, growing }: Surroundings & { text: string; growing: boolean }) {
  const [whole, open] = growing ? cutOpen(withoutFence(text)) : [text, ""];
  const marked = bounded(withMarks(whole));
  return (
    <>
      {rendered(growing ? remend(marked, COMPLETION) : marked, before, hidden) ?? <AsWritten text={whole} />}
      {open !== "" && <code className="open-formula">{open}</code>}
    </>
  );
});

/** The markdown as elements; null where it cannot be read. It is called, not put into the page, so that a failure of the parser stays here. */
function rendered(text: string, before: string, hidden: string): ReactElement | null {
  const source = before + text;
  const remarkRehypeOptions = { handlers: handlers(source, before.length, new Set(hidden.split("\n"))) };
  try {
    return ReactMarkdown({
      children: source,
      remarkPlugins: PLUGINS,
      remarkRehypeOptions,
      components: COMPONENTS,
      urlTransform: asIs,
    });
  } catch {
    return null;
  }
}

/** `Link` decides what an address may lead to. */
function asIs(address: string): string {
  return address;
}

/** Without a last line that holds one or two marks of a fence: inside of a list or a quote that may be the beginning of its end. */
function withoutFence(text: string): string {
  return text.replace(/\n[ \t>]*(?:`{1,2}|~{1,2})$/, "");
}
