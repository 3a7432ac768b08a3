// What is left out of the journal when it is full: first what activities carry, then diffs. What opens an approval, what
// people read as text and how turns end always stays.
import type { InternalCommand } from "@muster/contracts";
import { APPROVAL_REQUESTED_KIND } from "@muster/core";

/** The command with its bulk dropped and marked, or itself where it has none. */
export function withoutBulk(command: InternalCommand, level: "activities" | "diffs"): InternalCommand {
  if (command.type === "thread.activity.append" && command.kind !== APPROVAL_REQUESTED_KIND) {
    return { ...command, payload: { dropped: "journal_full" } };
  }
  if (command.type === "thread.turn.diff.complete" && level === "diffs" && command.diff !== "") {
    return { ...command, diff: "", truncated: true };
  }
  return command;
}
