// Heartbeats in groups: few commits, and each machine's answer its own.
import type { NodeId, NodeSummary, PrincipalId, SpaceId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { type Batch, StoreError } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Opened, openTestIdentity, random } from "../identity/testing/opened.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { createNodes, type SweepingNodes } from "./index.ts";

const MACHINES = 40;

let opened: Opened;
let nodes: SweepingNodes;
let spaceId: SpaceId;
let ownerId: PrincipalId;
let told: NodeSummary[];
let commits: Batch[];
beforeEach(async () => {
  opened = await openTestIdentity();
  ({ spaceId, ownerId } = opened.identity);
  told = [];
  nodes = createNodes({
    store: opened.store,
    clock: opened.clock,
    ids: createIds(opened.clock, random),
    hubId: "hub-1",
    hubPrincipalId: ownerId,
    onPresence: (_space, changed) => told.push(...changed),
    onBug: (error) => {
      throw error;
    },
    sweepIntervalMs: null,
  });
  for (let index = 0; index < MACHINES; index += 1) {
    const publicKey = Buffer.alloc(32, index).toString("base64");
    await nodes.enrol({ spaceId, nodeId: idOf(index), ownerId, publicKey });
    await connect(index);
  }
  told = [];
  commits = [];
  const { store } = opened;
  const commit = store.commit.bind(store);
  store.commit = (batch) => {
    commits.push(batch);
    return commit(batch);
  };
});
afterEach(async () => {
  await nodes.close();
  await opened.close();
});

const idOf = (index: number) => `node-${index}` as NodeId;
const connect = (index: number, incarnation = "process-1") =>
  nodes.connected({
    spaceId,
    nodeId: idOf(index),
    incarnation,
    connectionId: `c-${index}-${incarnation}`,
    clientVersion: "0.1.0",
    capabilities: {},
  });
const beat = (index: number, more: { epoch?: number; connectionId?: string; healthState?: "degraded" } = {}) =>
  nodes.heartbeat({
    spaceId,
    nodeId: idOf(index),
    epoch: 1,
    connectionId: `c-${index}-process-1`,
    healthState: "online",
    ...more,
  });
const times = async () =>
  (await opened.query("SELECT last_heartbeat_at FROM runtime_node_presence")).map((row) => row["last_heartbeat_at"]);

onBothDatabases("heartbeats that come together", () => {
  it("NOD-17 go into one commit after the first, and all are written when they are answered", async () => {
    opened.clock.advance(5_000);
    await Promise.all(Array.from({ length: MACHINES }, (_, index) => beat(index)));
    expect(commits.map(({ statements }) => statements.length)).toEqual([1, MACHINES - 1]);
    expect(new Set(await times())).toEqual(new Set(["2026-01-01T00:00:05.000Z"]));
    expect(told).toEqual([]);
  });

  it("NOD-15 are each refused for themselves: a stale one, an unknown one, one of a connection that was replaced", async () => {
    await connect(2, "process-2");
    await connect(3, "process-1");
    told = [];
    opened.clock.advance(61_000);
    await nodes.sweep();
    const outcomes = await Promise.allSettled([
      beat(0),
      beat(1, { healthState: "degraded" }),
      beat(2),
      beat(3, { connectionId: "c-of-another-time" }),
      beat(MACHINES),
      beat(4),
    ]);
    expect(
      outcomes.map((one) => (one.status === "rejected" ? (one.reason as { code?: string }).code : "written")),
    ).toEqual(["written", "written", "runtimenode.stale_epoch", "written", "runtimenode.permission_denied", "written"]);
    const alive = await opened.query(
      "SELECT node_id, health_state FROM runtime_node_presence WHERE health_state <> 'offline' ORDER BY node_id",
    );
    expect(alive).toEqual([
      { node_id: "node-0", health_state: "online" },
      { node_id: "node-1", health_state: "degraded" },
      { node_id: "node-4", health_state: "online" },
    ]);
  });

  it("NOD-15 are refused where the epoch moved on between the look and the commit", async () => {
    const { store } = opened;
    const read = store.read.bind(store);
    let hasMoved = false;
    store.read = async (asked) => {
      const rows = await read(asked);
      if (!hasMoved && asked.sql.includes("LEFT JOIN runtime_node_presence")) {
        hasMoved = true;
        await opened.run("UPDATE nodes SET epoch = 2 WHERE node_id = 'node-0'");
      }
      return rows;
    };
    await expect(beat(0)).rejects.toMatchObject({ code: "runtimenode.stale_epoch" });
    expect(hasMoved).toBe(true);
  });

  it("are refused together while the database is away, and written again when it is back", async () => {
    const { store } = opened;
    const commit = store.commit;
    store.commit = () => Promise.reject(new StoreError("unavailable", "away"));
    const outcomes = await Promise.allSettled([beat(0), beat(1), beat(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    store.commit = commit;
    await beat(0);
    await nodes.close();
  });
});
