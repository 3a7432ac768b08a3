// The event envelope and what a reader makes of events it does not know.
import { describe, expect, it } from "vitest";
import {
  EVENT_PAYLOADS,
  EVENT_SCHEMA_VERSION,
  EVENT_TYPES,
  EventEnvelope,
  isEventType,
  isKnownEvent,
  WireEvent,
} from "./events.ts";

const envelope = {
  sequence: 1,
  eventId: "event",
  spaceId: "space",
  aggregateKind: "thread",
  streamId: "thread",
  streamVersion: 1,
  occurredAt: "2026-01-01T00:00:00.000Z",
  commandId: "command",
  causationEventId: null,
  correlationId: "command",
  actorKind: "client",
  actorId: "owner",
  metadata: { clientCreatedAt: "2026-01-01T00:00:00Z", providerThreadId: "theirs" },
  schemaVersion: "1.0",
};

describe("an event", () => {
  it("has these fields and no fewer (ORC-3)", () => {
    expect(EventEnvelope.parse(envelope)).toEqual(envelope);
    const nullable = new Set(["commandId", "causationEventId", "correlationId"]);
    for (const field of Object.keys(envelope)) {
      const { [field as keyof typeof envelope]: _left, ...rest } = envelope;
      expect(EventEnvelope.safeParse(rest).success, `without ${field}`).toBe(false);
      expect(EventEnvelope.safeParse({ ...envelope, [field]: null }).success, `${field} null`).toBe(
        nullable.has(field),
      );
    }
    expect(Object.keys(EventEnvelope.shape).sort()).toEqual(Object.keys(envelope).sort());
  });

  it("counts from 1 and knows three kinds of actors and two of aggregates (ORC-2, ORC-3)", () => {
    for (const wrong of [
      { sequence: 0 },
      { streamVersion: 0 },
      { sequence: 1.5 },
      { actorKind: "root" },
      { aggregateKind: "turn" },
    ])
      expect(EventEnvelope.safeParse({ ...envelope, ...wrong }).success).toBe(false);
  });

  it("has one of these types (ORC-17)", () => {
    expect(EVENT_TYPES).toEqual(Object.keys(EVENT_PAYLOADS));
    expect([...EVENT_TYPES].sort()).toEqual(
      [
        "project.created",
        "project.meta-updated",
        "project.deleted",
        "thread.created",
        "thread.meta-updated",
        "thread.archived",
        "thread.unarchived",
        "thread.deleted",
        "thread.message-sent",
        "thread.turn-start-requested",
        "thread.turn-queued",
        "thread.turn-dequeued",
        "thread.turn-interrupt-requested",
        "thread.turn-settled",
        "thread.approval-response-requested",
        "thread.approval-expired",
        "thread.checkpoint-revert-requested",
        "thread.reverted",
        "thread.session-stop-requested",
        "thread.session-set",
        "thread.turn-diff-completed",
        "thread.activity-appended",
      ].sort(),
    );
    for (const type of EVENT_TYPES) expect(isEventType(type)).toBe(true);
    expect(isEventType("toString")).toBe(false);
  });

  it("of an unknown type travels as it is and is not taken for a known one (ORC-6)", () => {
    const future = { ...envelope, eventType: "thread.dreamt", payload: { of: ["sheep"] } };
    expect(WireEvent.parse(future)).toEqual(future);
    expect(isKnownEvent(WireEvent.parse(future))).toBe(false);
  });

  it("of a higher MAJOR is not taken for a known one, of a higher MINOR it is (ORC-6)", () => {
    const known = WireEvent.parse({ ...envelope, eventType: "thread.archived", payload: {} });
    expect(isKnownEvent(known)).toBe(true);
    expect(isKnownEvent({ ...known, schemaVersion: "1.7" })).toBe(true);
    for (const schemaVersion of ["2.0", "10.0", "0.9", "11.0"])
      expect(isKnownEvent({ ...known, schemaVersion })).toBe(false);
    expect(EVENT_SCHEMA_VERSION).toMatch(/^1\.\d+$/);
  });
});
