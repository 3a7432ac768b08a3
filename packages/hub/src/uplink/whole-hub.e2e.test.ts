// The whole hub with a scripted daemon: epochs, presence and gates as they are seen over HTTP.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JournalId, NodeSummary, type SpaceId } from "@muster/contracts";
import { best, until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { type Hub, startHub } from "../server.ts";
import { DaemonEnd, keyOf, type Machine, newMachine } from "./testing/daemon-end.ts";

let home: string;
let hub: Hub;
let machine: Machine;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-hub-"));
  hub = await startHub({
    home,
    host: "127.0.0.1",
    port: 0,
    version: "0.1.0",
    consoleDirectory: null,
    logLevel: "silent",
  });
  machine = newMachine();
  await hub.enrolLocalNode({ nodeId: machine.nodeId, publicKey: keyOf(machine) });
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true, force: true });
});

const node = async (): Promise<NodeSummary | undefined> => {
  const authorization = `Bearer ${readFileSync(hub.tokenFile, "utf8").trim()}`;
  const answer = await fetch(`${hub.url}/api/v1/nodes`, { headers: { authorization } });
  return z.object({ nodes: z.array(NodeSummary) }).parse(await answer.json()).nodes[0];
};
const connect = async (incarnation: string) => {
  const end = new DaemonEnd(hub.url);
  end.send(
    await end.hello(machine, { spaceId: hub.spaceId as SpaceId, incarnation, capabilities: { hostname: "box" } }),
  );
  return { end, ack: await end.next("hello_ack") };
};

it("NOD-14 NOD-17 a node is online when its uplink is up, degraded within a second of losing it, online when it is back", async () => {
  expect(await node()).toBeUndefined();
  const first = await connect("incarnation-000001");
  expect(await node()).toMatchObject({
    nodeId: machine.nodeId,
    state: "online",
    health: "online",
    epoch: 1,
    capabilities: { hostname: "box" },
  });
  const demotedAndBack = async (end: DaemonEnd): Promise<{ tookMs: number; next: DaemonEnd }> => {
    const lostMs = performance.now();
    end.socket.terminate();
    await until("the demotion", async () => (await node())?.health === "degraded");
    const tookMs = performance.now() - lostMs;
    const { end: next } = await connect("incarnation-000001");
    expect(await node()).toMatchObject({ state: "online", health: "online", epoch: 1 });
    return { tookMs, next };
  };
  let { end } = first;
  const demotedAfterMs = await best(1_000, async () => {
    const { tookMs, next } = await demotedAndBack(end);
    end = next;
    return tookMs;
  });
  expect(demotedAfterMs).toBeLessThan(1_000);
});

it("NOD-15 a new process gets the next epoch, and the old one's heartbeat and result change nothing", async () => {
  const first = await connect("incarnation-000001");
  const second = await connect("incarnation-000002");
  expect([first.ack.epoch, second.ack.epoch]).toEqual([1, 2]);
  expect(await first.end.closed()).toBe(4003);
  second.end.send({ type: "heartbeat", epoch: 1, healthState: "degraded" });
  expect((await second.end.next("error")).error.code).toBe("runtimenode.stale_epoch");
  expect(await node()).toMatchObject({ epoch: 2, health: "online" });
});

const post = async (path: string, body: unknown): Promise<unknown> => {
  const authorization = `Bearer ${readFileSync(hub.tokenFile, "utf8").trim()}`;
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(`${hub.url}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
};

it("NOD-16 a revoked node's socket is closed within a second, and its next hello is refused", async () => {
  const { end } = await connect("incarnation-000001");
  const sessionId = (await node())?.sessionId;
  const revokedMs = performance.now();
  expect(await post("/runtime-nodes/revoke", { nodeId: machine.nodeId, sessionId })).toBeNull();
  expect(await end.closed()).toBe(4001);
  expect(performance.now() - revokedMs).toBeLessThan(1_000);
  expect(await node()).toMatchObject({ state: "revoked", epoch: 1, detachReason: "revoked" });
  const again = new DaemonEnd(hub.url);
  const who = { spaceId: hub.spaceId as SpaceId, incarnation: "incarnation-000002" };
  again.send(await again.hello(machine, who));
  expect(await again.closed()).toBe(4001);
  expect(again.of("error").map(({ error }) => error.code)).toEqual(["runtimenode.attach_revoked"]);
});

it("NOD-14 a node that is detached while connected works again when it is attached, at once", async () => {
  const { end } = await connect("incarnation-000001");
  const sessionId = (await node())?.sessionId;
  const { nodeId } = machine;
  expect(await post("/runtime-nodes/detach", { nodeId, epoch: 1 })).toBeNull();
  // It is to say hello anew; this one does not.
  expect((await end.next("error")).error.code).toBe("runtimenode.stale_epoch");
  expect(await node()).toMatchObject({ state: "offline", health: "online" });
  const input = { sessionId, nodeId, clientVersion: "0.1.0", capabilities: {}, healthState: "online" };
  expect(await post("/runtime-nodes/attach", input)).toMatchObject({ state: "registering", epoch: 1, readOnly: false });
  expect(await node()).toMatchObject({ state: "online", health: "online", detachedAt: null });
  expect(end.closeCode).toBeUndefined();
});

it("ORC-22 the cursor of a journal is told with every hello, and entries are taken once", async () => {
  const { end } = await connect("incarnation-000001");
  const batch = {
    type: "ingest.batch" as const,
    journalId: "journal" as JournalId,
    firstSequence: 1,
    entries: [1, 2].map((sequence) => ({
      sequence,
      // Of no thread of this node: refused and passed, which moves the cursor like any other.
      command: {
        type: "thread.approval.expire" as const,
        threadId: "t" as never,
        requestId: "r" as never,
        reason: "x",
      },
      correlationId: null,
      createdAt: "2026-01-01T00:00:00.000Z",
    })),
  };
  end.send(batch);
  expect(await end.next("ingest.ack")).toMatchObject({ lastSequence: 2 });
  end.send(batch);
  expect(await end.next("ingest.ack", 2)).toMatchObject({ lastSequence: 2 });
  end.send({
    ...batch,
    firstSequence: 9,
    entries: batch.entries.map((entry, index) => ({ ...entry, sequence: 9 + index })),
  });
  expect(await end.next("ingest.ack", 3)).toMatchObject({ lastSequence: 2, error: { code: "ingest_gap" } });
  expect((await connect("incarnation-000001")).ack.ingestCursor).toBe(2);
});

it.each([
  ["a browser's Origin", { origin: "http://evil.example" }],
  ["the hub's own page", { origin: "self" }],
  ["a rebound name", { host: "evil.example" }],
])("DMN-5 %s does not get an uplink", async (_what, headers) => {
  const given = "origin" in headers && headers.origin === "self" ? { origin: hub.url } : headers;
  const end = new DaemonEnd(hub.url, { headers: given });
  await until("the refusal", () => end.refused !== undefined);
  expect(end.refused).toBe(403);
});
