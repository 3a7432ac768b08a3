// A step that is only told: something the agent or the machine reports.
import type { ActivityTone } from "@muster/contracts";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import classes from "./notice.module.css";

export function Notice({ tone, text }: { tone: ActivityTone; text: string }) {
  const Icon = tone === "error" ? IconAlertTriangle : IconInfoCircle;
  return (
    <p className={classes["notice"]} data-tone={tone}>
      <Icon size={16} aria-hidden="true" />
      <span>{text}</span>
    </p>
  );
}
