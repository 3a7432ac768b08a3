// Markdown as agents write it. No HTML is let through, no picture is loaded from elsewhere (it becomes a link), and links
// open in another tab without telling where they come from.
import { type ComponentProps, memo, type ReactNode, useMemo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { CopyButton } from "../shared/copy-button.tsx";
import { markdownBlocks } from "./blocks.ts";
import classes from "./markdown.module.css";

const PLUGINS = [remarkGfm];

export const Markdown = memo(function Markdown({ text, isStreaming }: { text: string; isStreaming: boolean }) {
  const blocks = useMemo(() => markdownBlocks(text), [text]);
  return (
    <div className={classes["markdown"]} data-streaming={isStreaming}>
      {blocks.map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: text only grows at its end, so a block keeps its place.
        <Block key={index} text={block} />
      ))}
      {isStreaming && text === "" && <span className={classes["caret"]} aria-hidden="true" />}
    </div>
  );
});

const Block = memo(function Block({ text }: { text: string }) {
  return (
    <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS} skipHtml>
      {text}
    </ReactMarkdown>
  );
});

const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  img: ({ src, alt }) => (
    <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noreferrer noopener">
      {alt || "picture"}
    </a>
  ),
  pre: ({ children }: ComponentProps<"pre">) => <CodeBlock>{children}</CodeBlock>,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className={classes["table"]} tabIndex={0} aria-label="Table">
      <table>{children}</table>
    </section>
  ),
  // Headings of a message stand below those of the page.
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
};

function CodeBlock({ children }: { children?: ReactNode }) {
  const { text, language } = codeOf(children);
  return (
    <div className={classes["code"]}>
      <div className={classes["codeBar"]}>
        <span>{language}</span>
        <CopyButton text={text} label="Copy" size="sm" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre tabIndex={0}>{children}</pre>
    </div>
  );
}

function codeOf(node: ReactNode): { text: string; language: string } {
  const element = Array.isArray(node) ? node[0] : node;
  if (typeof element !== "object" || element === null || !("props" in element)) return { text: "", language: "" };
  const { className, children } = element.props as { className?: string; children?: ReactNode };
  return { text: String(children ?? ""), language: /language-(\S+)/.exec(className ?? "")?.[1] ?? "" };
}
