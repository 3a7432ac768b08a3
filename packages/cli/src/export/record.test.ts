// The record's lines, whole and with something wrong.
import type { WireEvent } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { findFault, RecordWriter } from "./record.ts";

const event = (sequence: number): WireEvent =>
  ({
    sequence,
    eventId: `event-${sequence}`,
    spaceId: "space",
    aggregateKind: "thread",
    streamId: "thread",
    streamVersion: sequence,
    eventType: "thread.dreamt",
    schemaVersion: "7.0",
    occurredAt: "2026-01-01T00:00:00.000Z",
    commandId: null,
    causationEventId: null,
    correlationId: null,
    actorKind: "client",
    actorId: "owner",
    payload: { of: "sheep\nand \u2028 more" },
    metadata: {},
  }) as unknown as WireEvent;

const record = (...sequences: number[]): string[] => {
  const writer = new RecordWriter();
  const header = { generation: "g", schemaVersion: "1.0", headSequence: 9, exportedAt: "now", scope: {} };
  const text = [writer.header(header), ...sequences.map((one) => writer.event(event(one))), writer.trailer()].join("");
  return text.split("\n").slice(0, -1);
};

describe("a record", () => {
  it("is whole with any number of events, of types this program does not know too", async () => {
    expect(await findFault(record())).toBeNull();
    expect(await findFault(record(3, 4, 9))).toBeNull();
  });

  it.each([
    ["cut behind any line", (lines: string[]) => lines.slice(0, -1), "without a trailer"],
    ["cut to nothing", () => [], "without a trailer"],
    ["without its header", (lines: string[]) => lines.slice(1), "Line 1 is no header"],
    ["without an event in the middle", (lines: string[]) => lines.toSpliced(2, 1), "digest"],
    ["with a changed word", (lines: string[]) => lines.map((line) => line.replace("sheep", "goats")), "digest"],
    ["with an event twice", (lines: string[]) => lines.toSpliced(2, 0, lines[2] ?? ""), "out of order"],
    ["with half a line", (lines: string[]) => lines.with(2, lines[2]?.slice(0, 40) ?? ""), "Line 3 is none"],
    ["with another behind it", (lines: string[]) => [...lines, ...lines], "after the trailer"],
  ] as const)("%s is noticed", async (_what, break_, fault) => {
    expect(await findFault(break_(record(3, 4, 9)))).toContain(fault);
  });
});
