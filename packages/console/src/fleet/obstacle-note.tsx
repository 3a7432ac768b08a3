// Says why nothing can be asked for now, or why it waits, and what to do about it.
import { IconLock, IconServerOff } from "@tabler/icons-react";
import classes from "./obstacle-note.module.css";
import type { Mark } from "./standing.ts";

export const ObstacleNote = ({ obstacle: { kind, label, reason, remedy } }: { obstacle: Mark }) => (
  <p className={classes["note"]} data-kind={kind} data-testid="obstacle">
    {kind === "offline" ? <IconServerOff size={16} aria-hidden="true" /> : <IconLock size={16} aria-hidden="true" />}
    <span>
      <strong>{label}.</strong> {reason} {remedy}
    </span>
  </p>
);
