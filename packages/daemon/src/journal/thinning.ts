// What is left out of the journal when it is full: first what activities carry, then diffs; and of an entry that no frame
// could carry to the hub: its bulk, because it would hold back everything behind it for ever. What opens an approval,
// what people read as text and how turns end always stays.
import { CHUNKED_MAX_CHARACTERS, type InternalCommand } from "@muster/contracts";
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

/** JSON of one entry's command; the rest of the frame around it is a few hundred characters. */
export const ENTRY_MAX_CHARACTERS = CHUNKED_MAX_CHARACTERS - 64 * 1024;

/** The command with as much of its bulk as a frame can carry, marked where something went. */
export function withinFrame(command: InternalCommand, maxCharacters: number = ENTRY_MAX_CHARACTERS): InternalCommand {
  let fitting = command;
  for (let size = sizeOf(fitting); size > maxCharacters; size = sizeOf(fitting)) {
    const smaller = withLess(fitting);
    if (smaller === fitting) return fitting;
    fitting = smaller;
  }
  return fitting;
}

const sizeOf = (command: InternalCommand): number => JSON.stringify(command).length;

/** One step less, or the command itself where the contract keeps it small already. */
function withLess(command: InternalCommand): InternalCommand {
  switch (command.type) {
    case "thread.activity.append":
      return "dropped" in command.payload ? command : { ...command, payload: { dropped: "too_large" } };
    case "thread.turn.diff.complete":
      if (command.diff !== "") return { ...command, diff: "", truncated: true };
      return command.files.length === 0 ? command : { ...command, files: half(command.files), truncated: true };
    case "thread.revert.complete":
      return command.files.length === 0 ? command : { ...command, files: half(command.files) };
    default:
      return command;
  }
}

const half = <Item>(items: readonly Item[]): Item[] => items.slice(0, Math.floor(items.length / 2));
