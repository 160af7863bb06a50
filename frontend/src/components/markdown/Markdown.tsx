import { memo, useState, type ComponentProps } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remend from "remend";

import { Blocks, type Block } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import { Formula } from "./Formula";
import { cutOpen, withMarks } from "./math";

const PLUGINS: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [remarkGfm, [remarkMath, { singleDollarTextMath: false }]];

/** No raw HTML, no remote images; links open elsewhere and say where they go. */
const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <Outward href={href}>
      {children}
      <Host href={href} said={children} />
    </Outward>
  ),
  img: ({ alt, src }) => {
    const address = typeof src === "string" ? src : undefined;
    return (
      <Outward href={address}>
        {alt ? `Image: ${alt}` : "Image"}
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
  return (
    <div className={hasGrown ? "markdown has-grown" : "markdown"}>
      {groups.map((group, at) => (
        <Group key={at} blocks={group} growing={growing && at === groups.length - 1} />
      ))}
    </div>
  );
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

/** Where a link goes, unless it says so itself. */
function Host({ href, said }: { href: string | undefined; said: unknown }) {
  if (href === undefined || !/^https?:/.test(href) || !URL.canParse(href)) return null;
  const { host } = new URL(href);
  if (typeof said === "string" && said.includes(host)) return null;
  return <span className="host"> ({host})</span>;
}
