import { createHash, randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { type Frame, type LaneLimits, LaneSender, SilenceWatch } from "./index.ts";

const digest = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
const heartbeat: Frame = { type: "heartbeat", epoch: 1, healthState: "online" };
const bulk = (name: string, size = 10): Frame => ({ type: "response", requestId: name, result: "x".repeat(size) });

/** A socket whose buffer is emptied by hand. */
const open = (limits: Partial<LaneLimits> = {}) => {
  const written: Frame[] = [];
  const waiting: { bytes: number; done: () => void }[] = [];
  let drained = 0;
  const socket = {
    get bufferedBytes() {
      return waiting.reduce((sum, item) => sum + item.bytes, 0);
    },
    write: (text: string, done: () => void) => {
      written.push(JSON.parse(text) as Frame);
      waiting.push({ bytes: text.length, done });
    },
  };
  const sender = new LaneSender({ socket, digest, chunkId: randomUUID, limits, onDrained: () => (drained += 1) });
  const flush = (): void => {
    for (const item of waiting.splice(0)) item.done();
  };
  return { sender, written, flush, types: () => written.map((frame) => frame.type), drained: () => drained };
};

it("DMN-16 bulk is held back while the socket has much to send, and a heartbeat passes it", () => {
  const { sender, types, flush } = open({ bulkHeldAboveBytes: 1_000 });
  sender.send(bulk("a", 2_000));
  sender.send(bulk("b", 2_000));
  expect(sender.isBulkHeld).toBe(true);
  sender.send(heartbeat);
  expect(types()).toEqual(["response", "heartbeat"]);
  flush();
  expect(types()).toEqual(["response", "heartbeat", "response"]);
  flush();
  expect(sender.isBulkHeld).toBe(false);
});

it("DMN-16 a heartbeat goes between the chunks of a large frame", () => {
  const { sender, types, flush } = open({ bulkHeldAboveBytes: 1_000 });
  sender.send(bulk("large", 1_000_000));
  sender.send(heartbeat);
  expect(types()).toEqual(["chunk", "heartbeat"]);
  for (let rounds = 0; rounds < 10; rounds += 1) flush();
  expect(types().slice(2)).toEqual(["chunk", "chunk", "chunk"]);
});

it("DMN-16 each lane has a limit, and says when there is room again", () => {
  const { sender, flush, drained } = open({ bulkHeldAboveBytes: 100, bulkMaxBytes: 500, controlMaxBytes: 1_000 });
  expect(sender.send(bulk("first", 900))).toBe(true);
  expect(sender.send(bulk("larger than the limit, but nothing waits", 900))).toBe(true);
  expect(sender.send(bulk("too much"))).toBe(false);
  expect(sender.send(heartbeat)).toBe(true);
  for (let rounds = 0; rounds < 5; rounds += 1) flush();
  expect(drained()).toBe(1);
  expect(sender.send(bulk("again"))).toBe(true);
});

it("DMN-16 no control frame is taken any more by a socket that sends nothing", () => {
  const { sender } = open({ controlMaxBytes: 100 });
  const sent = Array.from({ length: 20 }, () => sender.send(heartbeat));
  expect(sent.filter(Boolean).length).toBeGreaterThan(0);
  expect(sent.at(-1)).toBe(false);
});

it("DMN-16 silence asks after 15 s and is death after 45 s; anything heard is a sign of life", () => {
  const watch = new SilenceWatch(0);
  expect(watch.check(14_000)).toBe("fine");
  expect(watch.check(15_000)).toBe("ping");
  expect(watch.check(20_000)).toBe("fine");
  expect(watch.check(30_000)).toBe("ping");
  watch.heard(31_000);
  expect(watch.check(45_000)).toBe("fine");
  expect(watch.check(76_000)).toBe("dead");
});
