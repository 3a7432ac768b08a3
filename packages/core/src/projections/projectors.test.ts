// The projectors: which event types each handles, and what row each event leaves behind.
import type { EventType, MusterEvent, NewEvent } from "@muster/contracts";
import { EVENT_SCHEMA_VERSION, EVENT_TYPES } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  askApproval,
  decideClient,
  decideReport,
  delta,
  ended,
  event,
  finishDiff,
  finishRevert,
  id,
  projectCreated,
  queued,
  refOf,
  runningTurn,
  said,
  settle,
  started,
  startTurn,
  threadCreated,
} from "../testing/index.ts";
import { MemoryTables } from "./memory.ts";
import { handledTypes, PROJECTOR_NAMES, type ProjectorName, project, projectAll } from "./projectors.ts";

const stored = (fact: NewEvent, sequence: number): MusterEvent => {
  const aggregateKind = fact.eventType.startsWith("project.") ? "project" : "thread";
  return {
    ...fact,
    sequence,
    eventId: `event-${sequence}`,
    spaceId: "space",
    aggregateKind,
    streamId: aggregateKind,
    streamVersion: sequence,
    occurredAt: `2026-01-01T00:00:0${sequence % 10}.000Z`,
    commandId: null,
    causationEventId: null,
    correlationId: null,
    actorKind: "client",
    actorId: "owner",
    metadata: {},
    schemaVersion: EVENT_SCHEMA_VERSION,
  } as unknown as MusterEvent;
};

const fold = (facts: readonly NewEvent[]): MemoryTables => {
  const tables = new MemoryTables();
  for (const [index, fact] of facts.entries()) tables.apply(projectAll(stored(fact, index + 1)));
  return tables;
};

/** Which projector looks at which event. A type that no projector names changes no row. */
const HANDLED: Record<ProjectorName, readonly EventType[]> = {
  projects: ["project.created", "project.meta-updated", "project.deleted"],
  threads: [
    "thread.created",
    "thread.meta-updated",
    "thread.archived",
    "thread.unarchived",
    "thread.deleted",
    "thread.turn-start-requested",
    "thread.turn-settled",
    "thread.reverted",
  ],
  thread_messages: ["thread.message-sent", "thread.turn-settled", "thread.turn-dequeued", "thread.reverted"],
  thread_activities: ["thread.activity-appended", "thread.reverted"],
  thread_sessions: ["thread.created", "thread.turn-start-requested", "thread.session-set", "thread.turn-settled"],
  thread_turns: [
    "thread.turn-queued",
    "thread.turn-dequeued",
    "thread.turn-start-requested",
    "thread.message-sent",
    "thread.turn-settled",
    "thread.reverted",
  ],
  checkpoints: ["thread.turn-diff-completed", "thread.reverted"],
  pending_approvals: [
    "thread.activity-appended",
    "thread.approval-response-requested",
    "thread.approval-expired",
    "thread.turn-settled",
    "thread.reverted",
  ],
};

describe("a projector", () => {
  it("has a name that never changes, because cursors are stored under it (ORC-12)", () => {
    expect(PROJECTOR_NAMES).toEqual([
      "projects",
      "threads",
      "thread_messages",
      "thread_activities",
      "thread_sessions",
      "thread_turns",
      "checkpoints",
      "pending_approvals",
    ]);
  });

  it.each(PROJECTOR_NAMES)("%s names the event types it handles (ORC-25)", (name) => {
    expect([...handledTypes(name)].sort()).toEqual([...HANDLED[name]].sort());
  });

  it.each(PROJECTOR_NAMES)("%s does no row work for any other type, and writes one table only (ORC-25)", (name) => {
    const others = EVENT_TYPES.filter((type) => !HANDLED[name].includes(type));
    expect(others.length).toBeGreaterThan(0);
    for (const eventType of others) {
      const foreign = { eventType, payload: null } as unknown as MusterEvent;
      expect(project(name, foreign), eventType).toEqual([]);
    }
    const tables = new Set(
      history.flatMap((fact, index) => project(name, stored(fact, index + 1)).map((o) => o.table)),
    );
    expect([...tables]).toEqual([name === "projects" ? "projection_projects" : `projection_${name}`]);
  });

  it("leaves exactly these events without a row of their own", () => {
    const handled = new Set(PROJECTOR_NAMES.flatMap(handledTypes));
    expect(EVENT_TYPES.filter((type) => !handled.has(type))).toEqual([
      "thread.turn-interrupt-requested",
      "thread.checkpoint-revert-requested",
      "thread.session-stop-requested",
    ]);
  });
});

const asked = decideReport(runningTurn("turn"), askApproval("question")).events;
const history: readonly NewEvent[] = [
  projectCreated,
  threadCreated,
  ...decideClient([threadCreated], startTurn("turn")).events,
  ...decideReport(runningTurn("turn"), delta(0, "hello")).events,
  ...asked,
  ...decideReport([...runningTurn("turn"), said("answer", 0, "hello", "turn"), ...asked], settle("turn")).events,
  ...decideReport([...runningTurn("turn"), ended("turn")], finishDiff("turn", 1)).events,
  event("thread.session-set", {
    status: "ready",
    providerName: "sample",
    providerSessionId: null,
    providerThreadId: null,
    activeTurnId: null,
    lastError: null,
  }),
];

describe("what projections say", () => {
  it("after a turn: its row, its messages ended, its question expired, its checkpoint", () => {
    const tables = fold(history);
    expect(tables.get("projection_threads", "thread")).toMatchObject({ latestTurnId: "turn" });
    expect(tables.get("projection_thread_turns", "turn")).toMatchObject({
      turnCount: 1,
      status: "completed",
      userMessageId: "turn-message",
      assistantMessageId: "answer",
    });
    expect(tables.get("projection_thread_messages", "answer")).toMatchObject({ text: "hello", isStreaming: false });
    expect(tables.get("projection_pending_approvals", "question")).toMatchObject({ status: "expired" });
    expect(tables.get("projection_checkpoints", "thread", 1)).toMatchObject({ status: "ready", turnId: "turn" });
    expect(tables.get("projection_thread_sessions", "thread")).toMatchObject({ status: "ready", activeTurnId: null });
  });

  it("text goes in at its end", () => {
    const tables = fold([
      ...runningTurn("turn"),
      said("answer", 0, "he", "turn"),
      said("answer", 2, "llo", "turn", false),
    ]);
    expect(tables.get("projection_thread_messages", "answer")).toMatchObject({ text: "hello", isStreaming: false });
  });

  it("a queued turn keeps the time it was asked for when it starts", () => {
    const dequeued = event("thread.turn-dequeued", { turnId: id.turn("b"), reason: "started" });
    const tables = fold([...runningTurn("a"), queued("b", 1), ended("a"), dequeued, started("b", 2)]);
    expect(tables.get("projection_thread_turns", "b")).toMatchObject({
      status: "running",
      queuePosition: null,
      turnCount: 2,
      requestedAt: "2026-01-01T00:00:03.000Z",
      startedAt: "2026-01-01T00:00:06.000Z",
    });
  });

  it.each(["cancelled", "stopped", "reverted"] as const)("a turn dequeued as %s leaves with its message", (reason) => {
    const sent = decideClient(runningTurn("a"), startTurn("b", { whenBusy: "queue" })).events;
    const tables = fold([
      ...runningTurn("a"),
      ...sent,
      event("thread.turn-dequeued", { turnId: id.turn("b"), reason }),
    ]);
    expect(tables.get("projection_thread_turns", "b")).toBeUndefined();
    expect(tables.get("projection_thread_messages", "b-message")).toBeUndefined();
    expect(tables.get("projection_thread_turns", "a")).toBeDefined();
  });

  const twoTurns = [
    ...decideClient([threadCreated], startTurn("a")).events,
    ended("a"),
    ...decideReport([...runningTurn("a"), ended("a")], finishDiff("a", 1)).events,
    ...decideClient([...runningTurn("a"), ended("a")], startTurn("b")).events,
    ended("b"),
    ...decideReport([...runningTurn("a"), ended("a"), started("b", 2), ended("b")], finishDiff("b", 2)).events,
  ];
  const asks = event("thread.checkpoint-revert-requested", { turnCount: 1, checkpointRef: refOf(1), mode: "both" });
  const afterRevert = { turnIds: [id.turn("b")], messageIds: [id.message("b-message")], latestTurnId: id.turn("a") };
  const reverted = (fields: Record<string, unknown>) =>
    decideReport([threadCreated, ...twoTurns, asks], finishRevert(1, fields), { afterRevert }).events;

  it("after a revert the later turn is gone with its message and checkpoint", () => {
    const tables = fold([threadCreated, ...twoTurns, ...reverted({})]);
    expect(tables.get("projection_threads", "thread")).toMatchObject({ latestTurnId: "a" });
    expect(tables.rows("projection_thread_turns").map(({ turnId }) => turnId)).toEqual(["a"]);
    expect(tables.rows("projection_thread_messages").map(({ messageId }) => messageId)).toEqual(["a-message"]);
    expect(tables.rows("projection_checkpoints").map((row) => row.checkpointTurnCount)).toEqual([1]);
  });

  it("after a revert that failed everything is as it was", () => {
    const before = fold([threadCreated, ...twoTurns]);
    const after = fold([threadCreated, ...twoTurns, ...reverted({ error: "workspace_unavailable" })]);
    for (const table of ["projection_thread_turns", "projection_thread_messages", "projection_checkpoints"] as const)
      expect(after.rows(table)).toEqual(before.rows(table));
  });
});
