// Says why nothing can be asked for now, and what to do about it.
import { IconLock } from "@tabler/icons-react";
import classes from "./obstacle-note.module.css";
import type { Mark } from "./standing.ts";

export const ObstacleNote = ({ obstacle: { kind, label, reason, remedy } }: { obstacle: Mark }) => (
  <p className={classes["note"]} data-kind={kind} data-testid="obstacle">
    <IconLock size={16} aria-hidden="true" />
    <span>
      <strong>{label}.</strong> {reason} {remedy}
    </span>
  </p>
);
