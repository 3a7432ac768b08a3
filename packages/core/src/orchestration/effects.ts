// Which events ask something of a node. An effect names what to do by ids alone; what the node needs besides is read
// from the projections when the effect is handed over, so that it is never stale and never stored twice.
import type { EffectKind, MusterEvent, NewEvent, TurnId } from "@muster/contracts";

export interface EffectIntent {
  readonly kind: EffectKind;
  readonly payload: Readonly<Record<string, string | number>>;
}

/** The effect of an event, if it has one. */
export function effectOf(event: NewEvent | MusterEvent): EffectIntent | null {
  switch (event.eventType) {
    case "thread.turn-start-requested":
      return { kind: "node.turn.start", payload: { turnId: event.payload.turnId } };
    case "thread.turn-interrupt-requested":
      return { kind: "node.turn.interrupt", payload: { turnId: event.payload.turnId } };
    case "thread.approval-response-requested": {
      const { turnId, requestId, decision } = event.payload;
      return { kind: "node.approval.respond", payload: { turnId, requestId, decision } };
    }
    case "thread.session-stop-requested":
    case "thread.archived":
    case "thread.deleted":
      return { kind: "node.session.stop", payload: {} };
    case "thread.checkpoint-revert-requested": {
      const { turnCount, checkpointRef, mode } = event.payload;
      return { kind: "node.checkpoint.revert", payload: { turnCount, checkpointRef, mode } };
    }
    case "thread.reverted": {
      const { turnCount, mode, safetyRef, error } = event.payload;
      // Only now: one that was given up meanwhile leaves the thread, and so its checkpoints, as they were.
      if (error !== null || mode === "files" || safetyRef === null) return null;
      return { kind: "node.checkpoint.drop", payload: { turnCount, safetyRef } };
    }
    default:
      return null;
  }
}

/** Kinds that may overtake what is in flight on their thread; all others wait for their turn. */
export const OVERTAKING_EFFECTS: ReadonlySet<EffectKind> = new Set(["node.turn.interrupt", "node.session.stop"]);

/** Kinds that serve one turn, and are cancelled when it has ended. */
export const TURN_EFFECTS: readonly EffectKind[] = ["node.turn.start", "node.turn.interrupt", "node.approval.respond"];

/** The turn whose end an event records. */
export const settledTurnOf = (event: NewEvent | MusterEvent): TurnId | null =>
  event.eventType === "thread.turn-settled" ? event.payload.turnId : null;
