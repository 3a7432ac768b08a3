import {
  CLOSE_CODES,
  type CommandId,
  type EffectId,
  type IngestEntry,
  type JournalId,
  type MessageId,
  type ProviderItemId,
  type ThreadId,
  type TurnId,
} from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect, DaemonEnd, enrolled, type Machine } from "./testing/daemon-end.ts";
import { type HubEnd, interruptOf, openHubEnd, SPACE } from "./testing/hub-end.ts";

let hub: HubEnd;
let machine: Machine;
beforeEach(async () => {
  hub = await openHubEnd();
  machine = enrolled(hub);
});
afterEach(async () => {
  await hub.close();
  expect(hub.calls.bugs).toEqual([]);
});

const entry = (sequence: number, text = "x"): IngestEntry => ({
  sequence,
  command: {
    type: "thread.message.assistant.delta",
    threadId: "t" as ThreadId,
    turnId: "u" as TurnId,
    messageId: "m" as MessageId,
    offset: 0,
    text,
  },
  correlationId: null as CommandId | null,
  createdAt: "2026-01-01T00:00:00.000Z",
});
const batch = (firstSequence: number, count = 1) => ({
  type: "ingest.batch" as const,
  journalId: "journal" as JournalId,
  firstSequence,
  entries: Array.from({ length: count }, (_, index) => entry(firstSequence + index)),
});

describe("one connection per node", () => {
  it("DMN-18 the newest replaces the older one with 4003, whose end demotes nobody", async () => {
    const first = await connect(hub, machine);
    const second = await connect(hub, machine);
    expect(await first.end.closed()).toBe(CLOSE_CODES.replaced);
    await until("the older one's end", () => hub.calls.disconnected.length > 0);
    expect(hub.calls.disconnected).toEqual([{ connectionId: first.ack.connectionId, expected: true }]);
    expect(second.end.closeCode).toBeUndefined();
    expect(
      hub.uplink.connections.runEffect(SPACE, machine.nodeId, { effectId: "e", fence: 1, effect: interruptOf("u") }),
    ).toBe(true);
    expect((await second.end.next("effect.run")).effectId).toBe("e");
    expect(first.end.of("effect.run")).toEqual([]);
  });

  it("NOD-17 an unexpected end is told at once, with the connection it was", async () => {
    const { end, ack } = await connect(hub, machine);
    end.socket.terminate();
    await until("the disconnect", () => hub.calls.disconnected.length > 0);
    expect(hub.calls.disconnected).toEqual([{ connectionId: ack.connectionId, expected: false }]);
    expect(hub.uplink.connections.isConnected(SPACE, machine.nodeId)).toBe(false);
    expect(
      hub.uplink.connections.runEffect(SPACE, machine.nodeId, { effectId: "e", fence: 1, effect: interruptOf("u") }),
    ).toBe(false);
  });

  it("DMN-18 a hub that stops tells its nodes to come back, with 4005, and demotes nobody", async () => {
    const { end } = await connect(hub, machine);
    await hub.close();
    expect(await end.closed()).toBe(CLOSE_CODES.draining);
    expect(hub.calls.disconnected).toMatchObject([{ expected: true }]);
    hub = await openHubEnd();
  });

  it("NOD-13 a revoked node is refused for good, a conflict is one to try again", async () => {
    const { MusterError } = await import("@muster/contracts");
    hub.act.connected = () => Promise.reject(new MusterError("runtimenode.attach_revoked"));
    const revoked = new DaemonEnd(hub.url);
    revoked.send(await revoked.hello(machine));
    expect(await revoked.closed()).toBe(CLOSE_CODES.unauthorized);
    hub.act.connected = () => Promise.reject(new MusterError("runtimenode.attach_conflict"));
    const conflict = new DaemonEnd(hub.url);
    conflict.send(await conflict.hello(machine));
    expect(await conflict.closed()).toBe(1011);
    expect(conflict.of("error")[0]?.error.code).toBe("runtimenode.attach_conflict");
  });
});

describe("ingest", () => {
  it("ORC-22 batches are taken one after the other, in order, and acknowledged each", async () => {
    let running = 0;
    let most = 0;
    hub.act.ingest = async (firstSequence, entries) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return { lastSequence: firstSequence + entries.length - 1 };
    };
    const { end } = await connect(hub, machine);
    for (const first of [1, 4, 7, 10]) end.send(batch(first, 3));
    await end.next("ingest.ack", 4);
    expect(most).toBe(1);
    expect(hub.calls.ingest.map(({ firstSequence }) => firstSequence)).toEqual([1, 4, 7, 10]);
    expect(end.of("ingest.ack").map(({ lastSequence }) => lastSequence)).toEqual([3, 6, 9, 12]);
    expect(hub.calls.ingest[0]?.node).toMatchObject({ spaceId: SPACE, nodeId: machine.nodeId, epoch: 1 });
  });

  it("DMN-16 a heartbeat, an effect's result and live text do not wait behind a batch that takes long", async () => {
    let finish = (): void => {};
    hub.act.ingest = (firstSequence) =>
      new Promise((resolve) => {
        finish = () => resolve({ lastSequence: firstSequence });
      });
    const { end, ack } = await connect(hub, machine);
    end.send(batch(1));
    end.send(batch(2));
    end.send({ type: "heartbeat", epoch: ack.epoch, healthState: "online" });
    end.send({ type: "effect.result", effectId: "e" as EffectId, fence: 3, epoch: ack.epoch });
    end.send({
      type: "delta",
      delta: { threadId: "t" as ThreadId, turnId: "u" as TurnId, messageId: "m" as MessageId, offset: 0, text: "live" },
    });
    const tool = {
      itemId: "i" as ProviderItemId,
      title: "Read",
      kind: "read",
      status: "running",
      locations: [],
    } as const;
    end.send({
      type: "call",
      call: { threadId: "t" as ThreadId, turnId: "u" as TurnId, tool: { ...tool, locations: [] } },
    });
    const { heartbeats, results, deltas, calls } = hub.calls;
    await until("all four", () => heartbeats.length + results.length + deltas.length + calls.length === 4);
    expect(hub.calls.ingest).toHaveLength(1);
    expect(end.of("ingest.ack")).toEqual([]);
    finish();
    await end.next("ingest.ack");
    finish();
  });

  it("what the hub cannot take is answered with the code and with what it has for sure", async () => {
    const { MusterError } = await import("@muster/contracts");
    hub.act.ingest = () => Promise.reject(new MusterError("outcome_unknown"));
    const { end } = await connect(hub, machine);
    end.send(batch(5));
    expect(await end.next("ingest.ack")).toMatchObject({
      lastSequence: 4,
      error: { code: "outcome_unknown", retryable: true },
    });
  });

  it("a batch whose numbers have holes is refused and reaches nobody", async () => {
    const { end } = await connect(hub, machine);
    end.send({ ...batch(1), entries: [entry(1), entry(3)] });
    expect((await end.next("error")).error.code).toBe("uplink.frame_invalid");
    expect(hub.calls.ingest).toEqual([]);
  });

  it("ORC-22 an entry that this hub cannot read is handed on as such, and the batch around it is taken", async () => {
    const { end } = await connect(hub, machine);
    const strange = { ...entry(2), command: { type: "thread.of.tomorrow", threadId: "t" } };
    end.send({ ...batch(1), entries: [entry(1), strange as never, entry(3)] });
    expect(await end.next("ingest.ack")).toMatchObject({ lastSequence: 3 });
    expect(hub.calls.ingest[0]?.entries.map(({ command }) => command?.type ?? null)).toEqual([
      "thread.message.assistant.delta",
      null,
      "thread.message.assistant.delta",
    ]);
    expect(end.of("error")).toEqual([]);
  });

  it("a daemon that does not keep to its window is cut off, not buffered", async () => {
    const flooded = await openHubEnd({ limits: { ingestWaitingMax: 3 } });
    const finish: (() => void)[] = [];
    flooded.act.ingest = (firstSequence) =>
      new Promise((resolve) => {
        finish.push(() => resolve({ lastSequence: firstSequence }));
        if (flooded.calls.ingest.length > 1) finish.at(-1)?.();
      });
    const { end } = await connect(flooded, enrolled(flooded));
    for (let sequence = 1; sequence <= 5; sequence += 1) end.send(batch(sequence));
    expect(await end.closed()).toBe(CLOSE_CODES.tooMany);
    for (const run of finish) run();
    await flooded.close();
  });

  it("a batch in chunks arrives whole", async () => {
    const { encodeFrame } = await import("@muster/contracts");
    const { sha256Hex } = await import("@muster/core");
    const { end } = await connect(hub, machine);
    const entries = Array.from({ length: 40 }, (_, index) => entry(index + 1, "é".repeat(30_000)));
    for (const text of encodeFrame({ ...batch(1), entries }, { digest: sha256Hex, chunkId: () => "c" }))
      end.socket.send(text);
    expect((await end.next("ingest.ack")).lastSequence).toBe(40);
    expect(hub.calls.ingest[0]?.entries).toEqual(entries);
  });
});

describe("frames that fit nothing", () => {
  it("are answered by an error, and end the connection after the third", async () => {
    const { end } = await connect(hub, machine);
    end.socket.send("{");
    end.socket.send('{"type":"challenge","nonce":"x"}');
    await end.next("error", 2);
    expect(end.closeCode).toBeUndefined();
    end.send({ type: "hello_ack" } as never);
    expect(await end.closed()).toBe(1008);
  });
  it("larger than 1 MiB end the connection before they are read", async () => {
    const { end } = await connect(hub, machine);
    end.socket.send("x".repeat(1024 * 1024 + 1));
    expect(await end.closed()).toBe(1009);
  });
  it("in binary are refused", async () => {
    const { end } = await connect(hub, machine);
    end.socket.send(Buffer.from('{"type":"ping","nonce":"n"}'), { binary: true });
    expect((await end.next("error")).error.code).toBe("uplink.frame_invalid");
  });
});

describe("effects and results", () => {
  it("NOD-15 a result of an older epoch is refused and reaches nobody", async () => {
    const { end } = await connect(hub, machine);
    end.send({ type: "effect.result", effectId: "e" as EffectId, fence: 1, epoch: 99 });
    expect((await end.next("error")).error.code).toBe("runtimenode.stale_epoch");
    expect(hub.calls.results).toEqual([]);
  });
  it("NOD-15 a heartbeat that is refused for its epoch is answered so", async () => {
    const { MusterError } = await import("@muster/contracts");
    hub.act.heartbeat = () => Promise.reject(new MusterError("runtimenode.stale_epoch"));
    const { end } = await connect(hub, machine);
    end.send({ type: "heartbeat", epoch: 1, healthState: "online" });
    expect((await end.next("error")).error.code).toBe("runtimenode.stale_epoch");
  });
  it("a daemon that declares itself again and again is cut off, not buffered", async () => {
    const { end, ack } = await connect(hub, machine);
    const written = Promise.withResolvers<void>();
    hub.act.capabilities = () => written.promise;
    for (let count = 0; count < 20; count += 1) end.send({ type: "capabilities", epoch: ack.epoch, capabilities: {} });
    expect(await end.closed()).toBe(CLOSE_CODES.tooMany);
    written.resolve();
    // What was being written ends with the connection; the rest was never begun twice.
    await until("the connection has ended", () => hub.calls.disconnected.length === 1);
  });
  it("NOD-20 heartbeats of one node have a limit of their own", async () => {
    const { end, ack } = await connect(hub, machine);
    for (let count = 0; count < 50; count += 1)
      end.send({ type: "heartbeat", epoch: ack.epoch, healthState: "online" });
    end.send({ type: "ping", nonce: "after" });
    await end.next("pong");
    expect(hub.calls.heartbeats).toHaveLength(1);
    expect(end.closeCode).toBeUndefined();
  });
  it("a result with an error carries it", async () => {
    const { MusterError } = await import("@muster/contracts");
    const { end, ack } = await connect(hub, machine);
    const error = new MusterError("workspace_not_allowed").toBody();
    end.send({ type: "effect.result", effectId: "e" as EffectId, fence: 1, epoch: ack.epoch, error });
    await until("the result", () => hub.calls.results.length > 0);
    expect(hub.calls.results).toEqual([{ effectId: "e", fence: 1, error }]);
  });
});

describe("questions", () => {
  const question = { method: "workspace.check" as const, path: "/w" };
  const ask = (timeoutMs = 5_000, signal?: AbortSignal) =>
    hub.uplink.connections.request(SPACE, machine.nodeId, question, {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });

  it("are answered by result or by code", async () => {
    const { end } = await connect(hub, machine);
    const answer = ask();
    const { requestId, request } = await end.next("request");
    expect(request).toEqual(question);
    end.send({ type: "response", requestId, result: { path: "/real" } });
    expect(await answer).toEqual({ path: "/real" });
    const { MusterError } = await import("@muster/contracts");
    const refused = ask();
    end.send({
      type: "response",
      requestId: (await end.next("request", 2)).requestId,
      error: new MusterError("workspace_unavailable").toBody(),
    });
    await expect(refused).rejects.toMatchObject({ code: "workspace_unavailable" });
    const told = ask();
    const details = { reason: "EIO", advice: "Run what this machine would like you to run." };
    end.send({
      type: "response",
      requestId: (await end.next("request", 3)).requestId,
      error: new MusterError("workspace_unavailable", "x".repeat(5_000), details).toBody(),
    });
    await expect(told).rejects.toMatchObject({ message: "x".repeat(1_024), details: { reason: "EIO" } });
    await expect(told).rejects.not.toHaveProperty("details.advice");
  });
  it("end when the node is away, goes away, or takes too long, and when nobody asks any more", async () => {
    await expect(ask()).rejects.toMatchObject({ code: "node_offline" });
    const { end } = await connect(hub, machine);
    await expect(ask(20)).rejects.toMatchObject({ code: "node_offline" });
    const controller = new AbortController();
    const left = ask(5_000, controller.signal);
    await end.next("request", 2);
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    await end.next("cancel", 2);
    const lost = ask();
    await end.next("request", 3);
    end.socket.terminate();
    await expect(lost).rejects.toMatchObject({ code: "node_offline" });
  });
  it("have a limit per node", async () => {
    const few = await openHubEnd({ limits: { requestsMax: 1 } });
    const other = enrolled(few);
    await connect(few, other);
    const first = few.uplink.connections.request(SPACE, other.nodeId, question, { timeoutMs: 5_000 });
    await expect(
      few.uplink.connections.request(SPACE, other.nodeId, question, { timeoutMs: 5_000 }),
    ).rejects.toMatchObject({ code: "queue_full" });
    await few.close();
    await expect(first).rejects.toMatchObject({ code: "node_offline" });
  });
});
