import { memo, useState, type ComponentProps } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import remend from "remend";

import { Blocks } from "./blocks";
import { CodeBlock } from "./CodeBlock";

const PLUGINS = [remarkGfm];

/** No raw HTML, no remote images; links open elsewhere and show where they go. */
const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  img: ({ alt, src }) => (
    <a href={typeof src === "string" ? src : undefined} title={typeof src === "string" ? src : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {alt ? `Image: ${alt}` : "Image"}
    </a>
  ),
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    const text = typeof children === "string" ? children : "";
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
  const found = blocks.of(text);
  return (
    <div className="markdown">
      {found.map((block, at) =>
        block.kind === "code" ? (
          <CodeBlock key={at} language={block.language} text={block.text} closed={block.closed || !growing} />
        ) : (
          <Part key={at} text={growing && at === found.length - 1 ? remend(block.text) : block.text} />
        ),
      )}
    </div>
  );
}

const Part = memo(function Part({ text }: { text: string }) {
  return (
    <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
      {text}
    </ReactMarkdown>
  );
});
