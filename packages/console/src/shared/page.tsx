// What pages of lists are made of: a head, sections, small marks, a text to copy, and rows that are on their way.
import { Skeleton, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";
import classes from "./page.module.css";

export function PageHead({ title, lead, children }: { title: string; lead?: ReactNode; children?: ReactNode }) {
  return (
    <div className={classes["head"]}>
      <div className={classes["headText"]}>
        <Title order={1} size="h2">
          {title}
        </Title>
        {lead !== undefined && <p className={classes["lead"]}>{lead}</p>}
      </div>
      {children}
    </div>
  );
}

export function Section({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes["section"]} aria-label={title}>
      <div className={classes["sectionHead"]}>
        <h2>{title}</h2>
        {action}
      </div>
      <div className={classes["card"]}>{children}</div>
    </section>
  );
}

export type Tone = "good" | "warning" | "bad" | "plain";

export const Tag = ({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) => (
  <span className={classes["tag"]} data-tone={tone}>
    {children}
  </span>
);

/** One line to be taken elsewhere. */
export const CopyLine = ({ text, label }: { text: string; label: string }) => (
  <div className={classes["command"]}>
    <code data-testid="copy-line">{text}</code>
    <CopyButton text={text} label={label} />
  </div>
);

export function LoadingRows({ label }: { label: string }) {
  return (
    <div role="status" aria-label={label}>
      {[58, 41, 66].map((width) => (
        <div key={width} className={classes["item"]}>
          <Skeleton height={14} width={`${width}%`} radius="xl" />
        </div>
      ))}
    </div>
  );
}
