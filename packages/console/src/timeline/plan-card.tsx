// The agent's plan and how far it has come.
import type { PlanEntry } from "@muster/contracts";
import { IconCircle, IconCircleCheckFilled, IconProgress } from "@tabler/icons-react";
import classes from "./plan-card.module.css";

const STATUS = {
  pending: { Icon: IconCircle, text: "to do" },
  in_progress: { Icon: IconProgress, text: "in progress" },
  completed: { Icon: IconCircleCheckFilled, text: "done" },
} as const;

export function PlanCard({ entries }: { entries: readonly PlanEntry[] }) {
  const done = entries.filter(({ status }) => status === "completed").length;
  return (
    <section className={classes["card"]} aria-label="Plan" data-testid="plan-card">
      <header className={classes["header"]}>
        <span>Plan</span>
        <span className={classes["count"]}>
          {done} of {entries.length} done
        </span>
      </header>
      <ol className={classes["entries"]}>
        {entries.map(({ content, status }) => {
          const { Icon, text } = STATUS[status];
          return (
            <li key={content} className={classes["entry"]} data-status={status}>
              <Icon size={17} stroke={1.8} aria-hidden="true" />
              <span>
                {content}
                <span className="visually-hidden"> ({text})</span>
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
