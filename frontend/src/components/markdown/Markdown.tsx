import { memo, useContext, useEffect, useId, useState, type ComponentProps, type ReactElement } from "react";
import type { Element } from "hast";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkBreaks from "remark-breaks";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remend from "remend";

import { words } from "../../words";
import { AsWritten } from "../AsWritten";
import { Boundary } from "../Boundary";
import { WholeContext } from "../whole";
import { remarkAddresses } from "./addresses";
import { Blocks, type Block } from "./blocks";
import { bounded } from "./bounds";
import { remarkCjk } from "./cjk";
import { CodeBlock } from "./CodeBlock";
import { rehypeCaret, rehypeDirections } from "./elements";
import { Footnote, FootnoteMark, NotesContext } from "./Footnote";
import { Formula } from "./Formula";
import { handlers } from "./handlers";
import { KeepsSelection } from "./KeepsSelection";
import { Link } from "./Link";
import { cutOpen, withMarks, withoutHalfMark } from "./math";
import { References, surroundings, type Surroundings } from "./references";
import { Table } from "./Table";
import { remarkTags, withoutHalfTag, withTagsApart } from "./tags";

type Plugins = NonNullable<ComponentProps<typeof ReactMarkdown>["remarkPlugins"]>;
const PLUGINS: Plugins = [
  remarkAddresses,
  [remarkGfm, { singleTilde: false }],
  remarkCjk,
  [remarkMath, { singleDollarTextMath: false }],
  remarkBreaks,
];
const WHOLE = { remarkPlugins: [...PLUGINS, [remarkTags, { growing: false }]] as Plugins, rehypePlugins: [rehypeDirections] };
const GROWING = {
  remarkPlugins: [...PLUGINS, [remarkTags, { growing: true }]] as Plugins,
  rehypePlugins: [rehypeDirections, rehypeCaret],
};
const COMPLETION = { katex: false, htmlTags: false, singleTilde: false, linkMode: "text-only" } as const;

/** Groups that are built in one go. */
const AT_ONCE = 1;

/** No HTML but what `tags.ts` allows, no remote images. */
const COMPONENTS: Components = {
  a: ({ href, title, children }) => (
    <Link href={href} title={title} label={children}>
      {children}
    </Link>
  ),
  img: ({ alt, src, title }) => (
    <Link href={typeof src === "string" ? src : undefined} title={title} label={alt}>
      <span data-copied={alt ?? ""}>{words.markdown.image(alt ?? "")}</span>
    </Link>
  ),
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children, node }) => {
    const text = typeof children === "string" ? children : "";
    if (className?.includes("language-math")) return <Formula text={text.trim()} display={className.includes("math-display")} />;
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    if (language === undefined && !text.includes("\n")) return <code dir="ltr">{children}</code>;
    const info = [language, node?.data?.meta].filter(Boolean).join(" ");
    return <CodeBlock info={info} text={text.replace(/\n$/, "")} closed />;
  },
  table: ({ dir, children }) => <Table dir={dir}>{children}</Table>,
  sup: ({ node, children }) =>
    node?.properties["label"] === undefined ? <sup>{children}</sup> : <FootnoteMark label={labelOf(node)} />,
  section: ({ node, dir, children }) => (
    <Footnote label={labelOf(node)} dir={dir}>
      {children}
    </Footnote>
  ),
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
  const { from, to } = useGradual(groups.length);
  return (
    <div className={hasGrown ? "markdown has-grown" : "markdown"}>
      <NotesContext value={id}>
        {groups.map(
          (group, at) =>
            at >= from &&
            at < to && <Group key={at} blocks={group} around={around[at]} growing={growing && at === groups.length - 1} />,
        )}
      </NotesContext>
    </div>
  );
}

/**
 * Which groups are built. A long text that is there at once is built from its end, and one that grows by much at once is built on, some
 * groups at a time, so that neither holds up the page.
 */
function useGradual(count: number): { from: number; to: number } {
  const isWhole = useContext(WholeContext);
  const [built, setBuilt] = useState({ from: isWhole ? 0 : Math.max(0, count - AT_ONCE), to: count });
  const { from } = built;
  const to = Math.min(count, built.to + AT_ONCE);
  useEffect(() => {
    if (from === 0 && to === built.to && to === count) return;
    const isBehind = to < count;
    const timer = setTimeout(() => setBuilt({ from: isBehind ? from : Math.max(0, from - AT_ONCE), to }));
    return () => clearTimeout(timer);
  }, [from, to, built.to, count]);
  return { from, to };
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
    <KeepsSelection tag="div" className="blocks">
      {blocks.map((block, at) => (
        <Boundary key={at} of={block.text} fallback={<AsWritten text={block.text} />}>
          {block.kind === "written" ? (
            <AsWritten text={block.text} />
          ) : block.kind === "code" ? (
            <CodeBlock
              info={block.info}
              text={growing ? block.text : block.text + block.rest}
              closed={block.closed || !growing}
              isLast={growing && at === blocks.length - 1}
            />
          ) : (
            <Part text={block.text} {...surroundings(around, at)} growing={growing && at === blocks.length - 1} />
          )}
        </Boundary>
      ))}
    </KeepsSelection>
  );
});

const Part = memo(function Part({ text, before, hidden, growing }: Surroundings & { text: string; growing: boolean }) {
  const [whole, open] = growing ? cutOpen(withoutHalfMark(withoutHalfTag(withoutFence(text)))) : [text, ""];
  const marked = bounded(withMarks(withTagsApart(whole)));
  const isOpen = open !== "";
  return (
    <>
      {rendered(growing ? remend(marked, COMPLETION) : marked, before, hidden, growing && !isOpen) ?? <AsWritten text={whole} />}
      {isOpen && (
        <code className="open-formula caret" dir="ltr">
          {open}
        </code>
      )}
    </>
  );
});

/** The markdown as elements; null where it cannot be read. It is called, not put into the page, so that a failure of the parser stays here. */
function rendered(text: string, before: string, hidden: string, growing: boolean): ReactElement | null {
  const source = before + text;
  const remarkRehypeOptions = { handlers: handlers(source, before.length, new Set(hidden.split("\n"))) };
  try {
    return ReactMarkdown({
      ...(growing ? GROWING : WHOLE),
      children: source,
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
