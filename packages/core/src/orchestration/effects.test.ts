// Which events ask something of a node.
import type { CheckpointRef, EventPayload, EventType, NewEvent } from "@muster/contracts";
import { EVENT_TYPES } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { ended, event, id, refOf, started } from "../testing/index.ts";
import { effectOf, OVERTAKING_EFFECTS, settledTurnOf, TURN_EFFECTS } from "./effects.ts";

const safetyRef = "refs/muster/checkpoints/thread/safety/event" as CheckpointRef;
const reverted = (fields: Partial<EventPayload<"thread.reverted">>): NewEvent =>
  event("thread.reverted", {
    turnCount: 1,
    mode: "both",
    safetyRef,
    files: [],
    droppedTurnIds: [],
    droppedMessageIds: [],
    latestTurnId: null,
    error: null,
    ...fields,
  });

const asking: Partial<Record<EventType, NewEvent>> = {
  "thread.turn-start-requested": started("turn"),
  "thread.turn-interrupt-requested": event("thread.turn-interrupt-requested", { turnId: id.turn("turn") }),
  "thread.approval-response-requested": event("thread.approval-response-requested", {
    requestId: "question" as never,
    turnId: id.turn("turn"),
    decision: "accept",
  }),
  "thread.session-stop-requested": event("thread.session-stop-requested", {}),
  "thread.archived": event("thread.archived", {}),
  "thread.deleted": event("thread.deleted", {}),
  "thread.checkpoint-revert-requested": event("thread.checkpoint-revert-requested", {
    turnCount: 1,
    checkpointRef: refOf(1),
    mode: "files",
  }),
  "thread.reverted": reverted({}),
};

describe("an effect", () => {
  it("follows from these events and from no others, naming ids alone (ORC-10)", () => {
    const effects = EVENT_TYPES.map((eventType) => [
      eventType,
      effectOf(asking[eventType] ?? ({ eventType, payload: {} } as unknown as NewEvent)),
    ]);
    expect(Object.fromEntries(effects.filter(([, effect]) => effect !== null))).toEqual({
      "thread.turn-start-requested": { kind: "node.turn.start", payload: { turnId: "turn" } },
      "thread.turn-interrupt-requested": { kind: "node.turn.interrupt", payload: { turnId: "turn" } },
      "thread.approval-response-requested": {
        kind: "node.approval.respond",
        payload: { turnId: "turn", requestId: "question", decision: "accept" },
      },
      "thread.session-stop-requested": { kind: "node.session.stop", payload: {} },
      "thread.archived": { kind: "node.session.stop", payload: {} },
      "thread.deleted": { kind: "node.session.stop", payload: {} },
      "thread.checkpoint-revert-requested": {
        kind: "node.checkpoint.revert",
        payload: { turnCount: 1, checkpointRef: refOf(1), mode: "files" },
      },
      "thread.reverted": { kind: "node.checkpoint.drop", payload: { turnCount: 1, safetyRef } },
    });
  });

  it("puts checkpoints aside only for a revert that took turns away, never for one that failed or was given up (ORC-35)", () => {
    expect(effectOf(reverted({ mode: "conversation" }))?.kind).toBe("node.checkpoint.drop");
    expect(effectOf(reverted({ mode: "files" }))).toBeNull();
    expect(effectOf(reverted({ error: "interrupted", safetyRef: null }))).toBeNull();
    expect(effectOf(reverted({ error: "workspace_unavailable" }))).toBeNull();
  });

  it("overtakes when it interrupts or stops, and is cancelled with its turn when it serves one (ORC-24)", () => {
    expect([...OVERTAKING_EFFECTS]).toEqual(["node.turn.interrupt", "node.session.stop"]);
    expect(TURN_EFFECTS).toEqual(["node.turn.start", "node.turn.interrupt", "node.approval.respond"]);
    expect(settledTurnOf(ended("turn"))).toBe("turn");
    expect(settledTurnOf(started("turn"))).toBeNull();
  });
});
