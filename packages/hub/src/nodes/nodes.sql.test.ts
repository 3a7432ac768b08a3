import type { NodeId, NodeSummary, PrincipalId, SessionId, SpaceId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Opened, openTestIdentity, random } from "../identity/testing/opened.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { createNodes, type SweepingNodes } from "./index.ts";

const NODE = "node-1" as NodeId;
const KEY = Buffer.alloc(32, 7).toString("base64");
const CAPABILITIES = { hostname: "box", providers: [] };

let opened: Opened;
let nodes: SweepingNodes;
let spaceId: SpaceId;
let ownerId: PrincipalId;
let told: NodeSummary[];
let swept: number;

beforeEach(async () => {
  opened = await openTestIdentity();
  ({ spaceId, ownerId } = opened.identity);
  told = [];
  swept = 0;
  nodes = createNodes({
    store: opened.store,
    clock: opened.clock,
    ids: createIds(opened.clock, random),
    hubId: "hub-1",
    hubPrincipalId: ownerId,
    onPresence: (_space, changed) => told.push(...changed),
    onSwept: async () => {
      swept += 1;
    },
    onBug: (error) => {
      throw error;
    },
    sweepIntervalMs: null,
  });
  await nodes.enrol({ spaceId, nodeId: NODE, ownerId, publicKey: KEY });
});
afterEach(async () => {
  await nodes.close();
  await opened.close();
});

const connect = (more: { incarnation?: string; connectionId?: string; nodeId?: NodeId; clientVersion?: string } = {}) =>
  nodes.connected({
    spaceId,
    nodeId: NODE,
    incarnation: "process-1",
    connectionId: "c1",
    clientVersion: "0.1.0",
    capabilities: CAPABILITIES,
    ...more,
  });
const beat = (epoch: number, connectionId = "c1", healthState: "online" | "degraded" = "online") =>
  nodes.heartbeat({ spaceId, nodeId: NODE, epoch, connectionId, healthState });
const only = async (): Promise<NodeSummary> => {
  const [slot, ...more] = await nodes.list(spaceId, [await defaultSession()]);
  if (slot === undefined || more.length > 0) throw new Error("not exactly one slot");
  return slot;
};
const defaultSession = async (): Promise<SessionId> => {
  const [row] = await opened.query("SELECT default_session_id FROM spaces");
  return row?.["default_session_id"] as SessionId;
};
const presence = () => opened.query("SELECT * FROM runtime_node_presence ORDER BY node_id");
const tables = async () => ({
  presence: await presence(),
  slots: await opened.query("SELECT * FROM runtime_node_attachments"),
  nodes: await opened.query("SELECT * FROM nodes"),
});

onBothDatabases("enrolment", () => {
  it("finds a node again by its key, and refuses another key or owner under its id in one answer", async () => {
    await nodes.enrol({ spaceId, nodeId: NODE, ownerId, publicKey: KEY });
    expect(await nodes.publicKey(spaceId, NODE)).toBe(KEY);
    const other = { spaceId, nodeId: NODE, ownerId, publicKey: Buffer.alloc(32, 8).toString("base64") };
    await expect(nodes.enrol(other)).rejects.toMatchObject({ code: "runtimenode.permission_denied" });
    expect(await nodes.publicKey(spaceId, NODE)).toBe(KEY);
    expect(await nodes.publicKey(spaceId, "unknown" as NodeId)).toBeNull();
    expect(await nodes.publicKey("another" as SpaceId, NODE)).toBeNull();
  });
  it("refuses what is no key", async () => {
    const short = { spaceId, nodeId: "n" as NodeId, ownerId, publicKey: "AAAA" };
    await expect(nodes.enrol(short)).rejects.toMatchObject({ code: "validation_failed" });
  });
});

onBothDatabases("connecting", () => {
  it("NOD-14 takes a slot in the default session through registering to online, with its history and presence", async () => {
    expect(await connect()).toEqual({ epoch: 1, hasSlot: true });
    expect(await only()).toMatchObject({
      nodeId: NODE,
      state: "online",
      health: "online",
      epoch: 1,
      readOnly: false,
      clientVersion: "0.1.0",
      capabilities: CAPABILITIES,
      lastHeartbeatAt: "2026-01-01T00:00:00.000Z",
    });
    expect(
      await opened.query("SELECT action, epoch, node_id, participant_id FROM runtime_node_attachment_log"),
    ).toEqual([{ action: "attached", epoch: 1, node_id: NODE, participant_id: ownerId }]);
    expect(told.at(-1)).toMatchObject({ nodeId: NODE, state: "online", health: "online" });
  });

  it("NOD-9 presence is there from the first connect, so a node that never beats is demoted like any other", async () => {
    await connect();
    expect(await presence()).toMatchObject([
      { connection_id: "c1", health_state: "online", last_heartbeat_at: "2026-01-01T00:00:00.000Z" },
    ]);
    opened.clock.advance(31_000);
    expect(await nodes.sweep()).toBe(1);
    expect(await only()).toMatchObject({ state: "online", health: "degraded" });
  });

  it("NOD-15 the same process keeps epoch and slot, a new one gets the next epoch", async () => {
    await connect();
    const [before] = await opened.query("SELECT id, attached_at FROM runtime_node_attachments");
    opened.clock.advance(5_000);
    expect(await connect({ connectionId: "c2" })).toMatchObject({ epoch: 1 });
    expect(await opened.query("SELECT id, attached_at FROM runtime_node_attachments")).toEqual([before]);
    expect(await opened.query("SELECT 1 AS one FROM runtime_node_attachment_log")).toHaveLength(1);
    expect(await connect({ incarnation: "process-2", connectionId: "c3" })).toMatchObject({ epoch: 2 });
    expect(await only()).toMatchObject({ state: "online", epoch: 2, attachedAt: "2026-01-01T00:00:05.000Z" });
    expect(await opened.query("SELECT epoch FROM runtime_node_attachment_log ORDER BY epoch")).toEqual([
      { epoch: 1 },
      { epoch: 2 },
    ]);
  });

  it("NOD-15 many connects at once leave one slot and one presence, each with an epoch of its own process", async () => {
    const epochs = await Promise.all(
      ["a", "b", "c", "a"].map((incarnation, index) => connect({ incarnation, connectionId: `c${index}` })),
    );
    expect(new Set(epochs.slice(0, 3).map(({ epoch }) => epoch)).size).toBe(3);
    expect(await opened.query("SELECT 1 AS one FROM runtime_node_attachments")).toHaveLength(1);
    expect(await presence()).toHaveLength(1);
  });

  it("NOD-11 a version below the session's floor is admitted read-only", async () => {
    await opened.run("UPDATE sessions SET min_client_version = '0.2'");
    await connect();
    expect(await only()).toMatchObject({ state: "online", readOnly: true });
    await connect({ clientVersion: "0.10.1" });
    expect(await only()).toMatchObject({ readOnly: false });
  });
});

onBothDatabases("heartbeats", () => {
  it("NOD-17 restore online from degraded and offline, on the hub's clock", async () => {
    const { epoch } = await connect();
    for (const [silentMs, health] of [
      [31_000, "degraded"],
      [30_000, "offline"],
    ] as const) {
      opened.clock.advance(silentMs);
      await nodes.sweep();
      expect((await only()).health).toBe(health);
    }
    await beat(epoch);
    expect(await only()).toMatchObject({ health: "online", lastHeartbeatAt: "2026-01-01T00:01:01.000Z" });
    expect(told.map(({ health }) => health)).toEqual(["online", "degraded", "offline", "online"]);
  });

  it("a heartbeat that changes nothing tells nobody", async () => {
    const { epoch } = await connect();
    told = [];
    await beat(epoch);
    await beat(epoch);
    await beat(epoch, "c1", "degraded");
    expect(told.map(({ health }) => health)).toEqual(["degraded"]);
  });

  it("NOD-15 with an older epoch is refused and changes nothing, so a dead process revives nobody", async () => {
    await connect();
    await connect({ incarnation: "process-2", connectionId: "c2" });
    opened.clock.advance(61_000);
    await nodes.sweep();
    const before = await tables();
    told = [];
    await expect(beat(1, "c2")).rejects.toMatchObject({
      code: "runtimenode.stale_epoch",
      details: { epoch: 1, current: 2 },
    });
    await expect(beat(3, "c2")).rejects.toMatchObject({ code: "runtimenode.stale_epoch" });
    expect(await tables()).toEqual(before);
    expect(told).toEqual([]);
  });

  it("NOD-17 of a replaced connection change nothing", async () => {
    const { epoch } = await connect();
    await connect({ connectionId: "c2" });
    opened.clock.advance(10_000);
    const before = await tables();
    await beat(epoch, "c1");
    expect(await tables()).toEqual(before);
  });
});

onBothDatabases("disconnects", () => {
  const gone = (connectionId: string, expected = false) =>
    nodes.disconnected({ spaceId, nodeId: NODE, connectionId, expected });

  it("NOD-17 demote to degraded at once, and no further before 60 s", async () => {
    await connect();
    opened.clock.advance(1_000);
    await gone("c1");
    expect(await only()).toMatchObject({ state: "online", health: "degraded" });
    opened.clock.advance(58_000);
    expect(await nodes.sweep()).toBe(0);
    opened.clock.advance(2_000);
    expect(await nodes.sweep()).toBe(1);
    expect((await only()).health).toBe("offline");
  });

  it("NOD-17 never raise a node that has been given up", async () => {
    await connect();
    opened.clock.advance(60_001);
    await nodes.sweep();
    await nodes.sweep();
    expect((await only()).health).toBe("offline");
    await gone("c1");
    expect((await only()).health).toBe("offline");
  });

  it("NOD-17 that were expected, or come late for a node that has moved, demote nobody", async () => {
    await connect();
    await gone("c1", true);
    expect((await only()).health).toBe("online");
    await connect({ connectionId: "c2" });
    await gone("c1");
    expect((await only()).health).toBe("online");
    await gone("c2");
    expect((await only()).health).toBe("degraded");
  });
});

onBothDatabases("the sweep", () => {
  it("ORC-33 is followed by what must follow from it, whether it changed something or not", async () => {
    await nodes.sweep();
    await nodes.sweep();
    expect(swept).toBe(2);
  });

  it("NOD-17 writes only rows that change, reports each once, and leaves the slot as it is", async () => {
    for (let index = 0; index < 5; index += 1) {
      const nodeId = `n${index}` as NodeId;
      await nodes.enrol({ spaceId, nodeId, ownerId, publicKey: Buffer.alloc(32, index).toString("base64") });
      await connect({ nodeId, connectionId: `x${index}` });
      opened.clock.advance(10_000);
    }
    // Ages now: 50, 40, 30, 20 and 10 s.
    told = [];
    expect(await nodes.sweep()).toBe(2);
    expect(await nodes.sweep()).toBe(0);
    expect(told.map(({ nodeId, state, health }) => [nodeId, state, health]).sort()).toEqual([
      ["n0", "online", "degraded"],
      ["n1", "online", "degraded"],
    ]);
    opened.clock.advance(200_000);
    expect(await nodes.sweep()).toBe(5);
    expect((await presence()).map((row) => row["health_state"])).toEqual(Array(5).fill("offline"));
    expect(await nodes.sweep()).toBe(0);
  });
});

onBothDatabases("capabilities", () => {
  const declare = (epoch: number, capabilities: Record<string, unknown>) =>
    nodes.capabilities({ spaceId, nodeId: NODE, epoch, capabilities });

  it("NOD-6 replace what was declared before", async () => {
    const { epoch } = await connect();
    await declare(epoch, { hostname: "renamed" });
    expect((await only()).capabilities).toEqual({ hostname: "renamed" });
    expect(told.at(-1)?.capabilities).toEqual({ hostname: "renamed" });
  });
  it("NOD-14 a registering slot that declares them is online; without an active slot they are refused", async () => {
    const { epoch } = await connect();
    await opened.run("UPDATE runtime_node_attachments SET state = 'registering'");
    await declare(epoch, {});
    expect((await only()).state).toBe("online");
    await opened.run("UPDATE runtime_node_attachments SET state = 'offline'");
    await expect(declare(epoch, {})).rejects.toMatchObject({ code: "runtimenode.capabilityupdate_conflict" });
  });
  it("NOD-15 with an older epoch are refused and change nothing", async () => {
    await connect();
    await connect({ incarnation: "process-2" });
    const before = await tables();
    await expect(declare(1, { hostname: "ghost" })).rejects.toMatchObject({ code: "runtimenode.stale_epoch" });
    expect(await tables()).toEqual(before);
  });
  it("NOD-4 have a limit of 64 keys and 32 KiB", async () => {
    const { epoch } = await connect();
    const keys = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 1]));
    await expect(declare(epoch, keys)).rejects.toMatchObject({ code: "validation_failed" });
    await expect(declare(epoch, { hostname: "é".repeat(17_000) })).rejects.toMatchObject({ code: "validation_failed" });
  });
});

onBothDatabases("a space", () => {
  it("is seen from no other", async () => {
    await connect();
    expect(await nodes.list("another" as SpaceId, [await defaultSession()])).toEqual([]);
    expect(await nodes.list(spaceId, [])).toEqual([]);
    expect(await nodes.list(spaceId, ["another" as SessionId])).toEqual([]);
  });

  it("shows the nodes of several sessions, each once", async () => {
    await connect();
    const sessions = ["another" as SessionId, await defaultSession(), "one more" as SessionId];
    expect((await nodes.list(spaceId, sessions)).map(({ nodeId }) => nodeId)).toEqual([NODE]);
  });
});
