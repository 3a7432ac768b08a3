// Steps in the life of an effect and of a report at the daemon, told as they are passed. Nothing hangs on them: a test
// ends the process exactly there.
import type { EffectBody, IngestEntry } from "@muster/contracts";

export type DaemonStep =
  /** The hub's frame came; nothing is written down. */
  | "effect.received"
  /** The effect is durable; its work has not begun. */
  | "effect.recorded"
  /** The effect is taken over durably; the hub does not know it. */
  | "effect.taken"
  /** The turn's first checkpoints are taken; the agent was not prompted. */
  | "turn.checkpointed"
  /** The prompt is on its way to the agent. */
  | "turn.prompted"
  /** The agent has done something in this turn. */
  | "turn.speaking"
  /** The agent has answered the prompt; nothing of the end is written down. */
  | "turn.answered"
  /** The turn's end is in the journal. */
  | "turn.told"
  /** It is written down that a revert begins; no file is touched. */
  | "revert.begun"
  /** One more of a revert's files is back. */
  | "revert.changed"
  /** A revert's files are back; nothing of that is written down. */
  | "revert.restored"
  /** The revert's end is in the journal. */
  | "revert.told"
  /** Entries were given to the connection. */
  | "ingest.sent"
  /** The hub has taken entries. */
  | "ingest.acknowledged";

/** `about`: the kind of the effect and its turn, the turn alone, or the types and turns of the commands. */
export type OnDaemonStep = (step: DaemonStep, about: readonly string[]) => void;

export const aboutEffect = (effect: EffectBody): string[] =>
  "turnId" in effect ? [effect.kind, effect.turnId] : [effect.kind];

export const aboutEntries = (entries: readonly IngestEntry[]): string[] =>
  entries.flatMap(({ command }): string[] =>
    "turnId" in command && command.turnId !== null ? [command.type, command.turnId] : [command.type],
  );
