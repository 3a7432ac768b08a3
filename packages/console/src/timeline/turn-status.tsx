// The last line of a turn: that it runs and for how long, or how it ended, and what to do when it went wrong.
import { Button, Loader } from "@mantine/core";
import type { TurnRow, Usage } from "@muster/contracts";
import { IconAlertTriangle, IconCircleCheck, IconPlayerStop } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Hint } from "../shared/hint.tsx";
import { durationText, Elapsed } from "../shared/time.tsx";
import { turnEnding } from "./turn-ending.ts";
import classes from "./turn-status.module.css";

interface TurnStatusProps {
  readonly turn: TurnRow;
  readonly detail: string | null;
  readonly usage: Usage | null;
  /** Null where there is nothing to go on with. */
  readonly onContinue: ((turn: TurnRow) => void) | null;
}

export function TurnStatus({ turn, detail, usage, onContinue }: TurnStatusProps) {
  if (turn.completedAt === null) {
    return (
      <div className={classes["status"]} data-testid="turn-status" data-status={turn.status}>
        <Loader size={14} type="dots" aria-hidden="true" />
        <span>Working</span>
        <span className={classes["time"]}>
          <Elapsed since={turn.startedAt ?? turn.requestedAt} />
        </span>
      </div>
    );
  }
  const { title, hint } = turnEnding(turn);
  const duration = durationText(Date.parse(turn.completedAt) - Date.parse(turn.startedAt ?? turn.requestedAt));
  const goOn =
    onContinue === null ? null : (
      <Button size="compact-sm" variant="light" onClick={() => onContinue(turn)}>
        Continue
      </Button>
    );
  if (turn.status === "error") return <Failed title={title} hint={hint} detail={detail} goOn={goOn} />;
  const Icon = turn.status === "interrupted" ? IconPlayerStop : IconCircleCheck;
  return (
    <div className={classes["status"]} data-testid="turn-status" data-status={turn.status}>
      <Icon size={16} aria-hidden="true" />
      <span>{title}</span>
      <span className={classes["time"]}>{duration}</span>
      {usage !== null && <span className={classes["usage"]}>{usageText(usage)}</span>}
      {goOn}
      {hint !== null && <span className={classes["hint"]}>{hint}</span>}
    </div>
  );
}

interface FailedProps {
  readonly title: string;
  readonly hint: string | null;
  readonly detail: string | null;
  readonly goOn: ReactNode;
}

function Failed({ title, hint, detail, goOn }: FailedProps) {
  return (
    <div className={classes["failed"]} data-testid="turn-status" data-status="error">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <div className={classes["failure"]}>
        <p className={classes["failureTitle"]}>{title}</p>
        {detail !== null && detail !== title && <pre className={classes["detail"]}>{detail}</pre>}
        {hint !== null && (
          <p className={classes["failureHint"]}>
            <Hint text={hint} />
          </p>
        )}
        {goOn}
      </div>
    </div>
  );
}

const numbers = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function usageText({ totalTokens, inputTokens, outputTokens, contextTokens, cost }: Usage): string {
  const total =
    totalTokens ??
    (inputTokens === undefined && outputTokens === undefined
      ? contextTokens
      : (inputTokens ?? 0) + (outputTokens ?? 0));
  const parts = [
    ...(total === undefined ? [] : [total === 1 ? "1 token" : `${numbers.format(total)} tokens`]),
    ...(cost === undefined
      ? []
      : [`${cost.amount.toLocaleString("en", { maximumFractionDigits: 4 })} ${cost.currency}`]),
  ];
  return parts.join(" · ");
}
