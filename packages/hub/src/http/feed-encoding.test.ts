import type { FeedMessage } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import type { FeedItem } from "../ports.ts";
import { createItemEncoder } from "./feed-encoding.ts";

const EVENT = {
  sequence: 1,
  eventId: "event-1",
  spaceId: "space",
  aggregateKind: "thread",
  streamId: "thread-1",
  streamVersion: 1,
  eventType: "thread.meta-updated",
  schemaVersion: "1.0",
  occurredAt: "2026-01-01T00:00:00.000Z",
  commandId: null,
  causationEventId: null,
  correlationId: null,
  actorKind: "client",
  actorId: "someone",
  payload: { title: "two\nlines, ä \u2028 and \r" },
  metadata: {},
};

/** As a feed makes it: around an object that all feeds share. */
const itemOf = (event: object, id = "generation:1"): FeedItem => ({
  id,
  message: { type: "event", event: event as never },
});
const SYNCHRONIZED = { type: "synchronized", generation: "generation", sequence: 3 } satisfies FeedMessage;
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

describe("a message of the feed as bytes", () => {
  it("ORC-27 is one event with an id for members of the log alone, and its data is one line whatever it holds", () => {
    const encode = createItemEncoder();
    const lines = textOf(encode(itemOf(EVENT))).split(/\r\n|[\r\n]/);
    expect(lines).toEqual(["event: message", "id: generation:1", expect.stringMatching(/^data: /), "", ""]);
    expect(JSON.parse(lines[2]?.slice(6) ?? "")).toEqual({ type: "event", event: EVENT });
    expect(textOf(encode({ message: SYNCHRONIZED }))).toBe(`event: message\ndata: ${JSON.stringify(SYNCHRONIZED)}\n\n`);
  });

  it("is made once for all readers, and again under another id", () => {
    const encode = createItemEncoder();
    const first = encode(itemOf(EVENT));
    expect(encode(itemOf(EVENT))).toBe(first);
    expect(encode({ message: SYNCHRONIZED })).toBe(encode({ message: SYNCHRONIZED }));
    expect(textOf(encode(itemOf(EVENT, "other:1")))).toContain("id: other:1\n");
  });

  it("fits the contract: what it does not know is left out, and what breaks it is refused each time", () => {
    const encode = createItemEncoder();
    expect(textOf(encode(itemOf({ ...EVENT, secret: "of the store" })))).not.toContain("secret");
    const broken = { ...EVENT, sequence: "one" };
    for (let attempt = 0; attempt < 2; attempt += 1) expect(() => encode(itemOf(broken))).toThrow();
    expect(() => encode(itemOf({ ...EVENT }, "generation:1\ndata: forged"))).toThrow(TypeError);
  });

  it("is forgotten when as much again was said, so that what is remembered is bounded", () => {
    const encode = createItemEncoder(4_000);
    const first = encode(itemOf(EVENT));
    for (let round = 0; round < 4; round += 1) encode(itemOf({ ...EVENT }));
    expect(encode(itemOf(EVENT))).toBe(first);
    for (let round = 0; round < 40; round += 1) encode(itemOf({ ...EVENT }));
    const again = encode(itemOf(EVENT));
    expect(again).not.toBe(first);
    expect(textOf(again)).toBe(textOf(first));
  });
});
