// Steps in the life of an effect and of a node's report at the hub, told as they are passed. Nothing hangs on them: a
// test ends the process exactly there.
import type { ReceivedEntry } from "@muster/contracts";
import type { EffectRow } from "./effect-bodies.ts";

export type HubStep =
  /** Its event is durable; nobody has claimed it. */
  | "effect.committed"
  /** Its lease is durable; it has not been handed over. */
  | "effect.claimed"
  /** It was given to the node's connection. */
  | "effect.sent"
  /** The node's answer came; it is not written down. */
  | "effect.answer-received"
  /** The answer is durable. */
  | "effect.finished"
  /** Entries of a journal came; they are not written down. */
  | "ingest.received"
  /** They are durable; the node does not know it. */
  | "ingest.committed";

/** `about`: the kind of the effect and its turn, or the types and turns of the commands. */
export type OnHubStep = (step: HubStep, about: readonly string[]) => void;

export const aboutEffect = ({ kind, turnId }: EffectRow): string[] => (turnId === null ? [kind] : [kind, turnId]);

export const aboutEntries = (entries: readonly ReceivedEntry[]): string[] =>
  entries.flatMap((entry) => {
    const { type, turnId } = entry.command === null ? entry.about : { turnId: null, ...entry.command };
    return [type, turnId].filter((one) => one !== null);
  });
