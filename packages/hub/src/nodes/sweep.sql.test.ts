// The sweep under its lease, by hubs that share a database: who sweeps, what is released, and who hears of it.
import type { NodeId, NodeSummary, PrincipalId, SessionId, SpaceId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { until } from "@muster/core/testing";
import type { SqlValue, Statement, Store } from "@muster/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Opened, openTestIdentity, random } from "../identity/testing/opened.ts";
import { planOf } from "../schema/test-database.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { createNodes, SLOT_LEASE_MS, SWEEP_INTERVAL_MS, type SweepingNodes } from "./index.ts";
import { DEMOTIONS_MAX } from "./limits.ts";
import { demoteSilent, overdueSlots, releaseSlots, silentNodes } from "./sweep-statements.ts";

const NODE = "node-1" as NodeId;
const MINUTE_MS = 60_000;

interface TestHub {
  readonly nodes: SweepingNodes;
  /** What it told its own feeds, oldest first. */
  readonly told: NodeSummary[];
  readonly changedElsewhere: NodeId[];
}

let opened: Opened;
let spaceId: SpaceId;
let ownerId: PrincipalId;
let hubs: TestHub[];
let near: TestHub;
let far: TestHub;

const openHub = async (hubId: string): Promise<TestHub> => {
  const told: NodeSummary[] = [];
  const changedElsewhere: NodeId[] = [];
  const nodes = createNodes({
    store: opened.store,
    clock: opened.clock,
    ids: createIds(opened.clock, random),
    hubId,
    hubPrincipalId: opened.identity.cliPrincipalId,
    onPresence: (_space, changed) => told.push(...changed),
    onChangedElsewhere: (_space, nodeId) => changedElsewhere.push(nodeId),
    onBug: (error) => {
      throw error;
    },
    sweepIntervalMs: null,
  });
  await nodes.open();
  const hub = { nodes, told, changedElsewhere };
  hubs.push(hub);
  return hub;
};

beforeEach(async () => {
  opened = await openTestIdentity();
  ({ spaceId, ownerId } = opened.identity);
  hubs = [];
  near = await openHub("near");
  far = await openHub("far");
});
afterEach(async () => {
  for (const { nodes } of hubs) await nodes.close();
  await opened.close();
});

const enrol = (nodeId: NodeId, key: number) =>
  near.nodes.enrol({ spaceId, nodeId, ownerId, publicKey: Buffer.alloc(32, key).toString("base64") });
const connect = (nodeId: NodeId = NODE, hub = near, incarnation = "process-1") =>
  hub.nodes.connected({
    spaceId,
    nodeId,
    incarnation,
    connectionId: `c-${nodeId}-${incarnation}`,
    clientVersion: "0.1.0",
    capabilities: {},
  });
const connectAll = async (count: number): Promise<NodeId[]> => {
  const nodeIds = Array.from({ length: count }, (_, index) => `n${String(index).padStart(3, "0")}` as NodeId);
  for (const [index, nodeId] of nodeIds.entries()) {
    await enrol(nodeId, index);
    await connect(nodeId);
  }
  for (const hub of hubs) hub.told.length = 0;
  return nodeIds;
};
const beat = (epoch: number, nodeId: NodeId = NODE, hub = near) =>
  hub.nodes.heartbeat({ spaceId, nodeId, epoch, connectionId: `c-${nodeId}-process-1`, healthState: "online" });
/** As hubs that are there all the while, in turns. */
const sweepFor = async (milliseconds: number, by: readonly TestHub[] = [near]): Promise<number> => {
  let changes = 0;
  for (let passed = 0; passed < milliseconds; passed += SWEEP_INTERVAL_MS) {
    opened.clock.advance(SWEEP_INTERVAL_MS);
    for (const { nodes } of by) changes += await nodes.sweep();
  }
  return changes;
};
const store = (): Store => opened.store;
const slots = () => opened.query("SELECT node_id, state, detach_reason FROM runtime_node_attachments ORDER BY node_id");
const epochOf = async (nodeId: NodeId = NODE) =>
  (await opened.query("SELECT epoch FROM nodes WHERE node_id = ?", nodeId))[0]?.["epoch"];
const released = () =>
  opened.query(
    "SELECT node_id, epoch, reason FROM runtime_node_attachment_log WHERE action = 'released' ORDER BY node_id",
  );

onBothDatabases("two hubs that sweep", () => {
  it("NOD-17 demote each machine once, whichever of them does it", async () => {
    await connectAll(20);
    opened.clock.advance(31_000);
    const counts = await Promise.all([near.nodes.sweep(), far.nodes.sweep(), near.nodes.sweep(), far.nodes.sweep()]);
    expect(counts.reduce((sum, count) => sum + count)).toBe(20);
    const own = hubs.flatMap(({ told }) => told).filter(({ health }) => health === "degraded");
    // What the other hub hears of is told there, and only there.
    expect(own.length).toBeGreaterThanOrEqual(20);
  });

  it("NOD-17 take turns: one at a time, and the other when the first is gone for as long as its lease", async () => {
    await enrol(NODE, 1);
    await connect();
    const owner = async () => (await opened.query("SELECT owner, fence FROM leases"))[0];
    await near.nodes.sweep();
    expect(await owner()).toEqual({ owner: "near", fence: 1 });
    await sweepFor(60_000, [near, far]);
    expect(await owner()).toEqual({ owner: "near", fence: 1 });
    opened.clock.advance(15_000);
    await far.nodes.sweep();
    expect(await owner()).toEqual({ owner: "far", fence: 2 });
    // The first one slept, and finds its place taken: it changes nothing.
    await connect();
    opened.clock.advance(10_000);
    await far.nodes.sweep();
    opened.clock.advance(14_000);
    expect(await near.nodes.sweep()).toBe(0);
    expect(await owner()).toEqual({ owner: "far", fence: 2 });
    await far.nodes.close();
    expect(await owner()).toEqual({ owner: null, fence: 2 });
    opened.clock.advance(10_000);
    expect(await near.nodes.sweep()).toBe(1);
    expect(await owner()).toEqual({ owner: "near", fence: 3 });
  });
});

onBothDatabases("a slot whose machine is offline", () => {
  beforeEach(async () => {
    await enrol(NODE, 1);
    await connect();
  });

  it("NOD-18 is released when its lease is over and not before, with a larger epoch, its history and an audit", async () => {
    await sweepFor(SLOT_LEASE_MS);
    expect(await slots()).toEqual([{ node_id: NODE, state: "online", detach_reason: null }]);
    expect(await sweepFor(SWEEP_INTERVAL_MS)).toBe(1);
    expect(await slots()).toEqual([{ node_id: NODE, state: "offline", detach_reason: "lease_expired" }]);
    expect(await epochOf()).toBe(2);
    expect(await released()).toEqual([{ node_id: NODE, epoch: 2, reason: "lease_expired" }]);
    expect(await opened.query("SELECT action, actor_id, subject FROM audit_log WHERE subject = ?", NODE)).toEqual([
      { action: "node.released", actor_id: opened.identity.cliPrincipalId, subject: NODE },
    ]);
    expect(near.told.at(-1)).toMatchObject({ nodeId: NODE, state: "offline", health: "offline" });
    expect(await sweepFor(SLOT_LEASE_MS)).toBe(0);
    expect(await epochOf()).toBe(2);
  });

  it("NOD-18 a late heartbeat of the machine gets stale_epoch and revives nobody; it attaches again with its next hello", async () => {
    await sweepFor(SLOT_LEASE_MS + SWEEP_INTERVAL_MS);
    await expect(beat(1)).rejects.toMatchObject({ code: "runtimenode.stale_epoch" });
    expect((await opened.query("SELECT health_state FROM runtime_node_presence"))[0]).toEqual({
      health_state: "offline",
    });
    const { epoch } = await connect();
    expect(epoch).toBe(2);
    expect(await slots()).toEqual([{ node_id: NODE, state: "online", detach_reason: null }]);
    await beat(epoch);
  });

  it("NOD-18 wakes after an hour: released meanwhile, it comes back as the same process with the newer epoch", async () => {
    await sweepFor(60 * MINUTE_MS);
    expect(await released()).toHaveLength(1);
    await expect(beat(1)).rejects.toMatchObject({ code: "runtimenode.stale_epoch" });
    expect(await connect()).toEqual({ epoch: 2, hasSlot: true });
    await sweepFor(30_000);
    expect(await slots()).toEqual([{ node_id: NODE, state: "online", detach_reason: null }]);
  });

  it("NOD-18 is not released for what no hub was there to hear: it gets its time anew", async () => {
    await sweepFor(MINUTE_MS);
    // The hub's machine slept for an hour.
    opened.clock.advance(60 * MINUTE_MS);
    await near.nodes.sweep();
    await sweepFor(SLOT_LEASE_MS);
    expect(await released()).toEqual([]);
    // And stopped for another, to begin anew.
    await near.nodes.close();
    opened.clock.advance(60 * MINUTE_MS);
    const again = await openHub("again");
    await again.nodes.sweep();
    await sweepFor(SLOT_LEASE_MS, [again]);
    expect(await released()).toEqual([]);
    await sweepFor(SWEEP_INTERVAL_MS, [again]);
    expect(await released()).toHaveLength(1);
  });

  it("NOD-18 keeps its slot when it is heard between the look and the commit, and others are released all the same", async () => {
    const others = await connectAll(5);
    await sweepFor(SLOT_LEASE_MS - SWEEP_INTERVAL_MS);
    const { store } = opened;
    const read = store.read.bind(store);
    let isBack = false;
    store.read = async (asked) => {
      const rows = await read(asked);
      if (!isBack && asked.sql.includes("CROSS JOIN") && rows.length > 0) {
        isBack = true;
        await beat(1);
      }
      return rows;
    };
    await sweepFor(3 * SWEEP_INTERVAL_MS);
    expect(isBack).toBe(true);
    expect((await released()).map((row) => row["node_id"])).toEqual(others);
    expect(await epochOf()).toBe(1);
    expect((await slots()).filter((slot) => slot["state"] === "online")).toHaveLength(1);
  });

  it("NOD-18 is released however old its last word is when it is given up, and by a hub that takes the sweep over", async () => {
    const overdue = async (heardMs: number) => {
      await connect(NODE, near, "process-2");
      const heardAt = new Date(opened.clock.now() - heardMs).toISOString();
      await opened.run("UPDATE runtime_node_presence SET last_heartbeat_at = ?", heardAt);
    };
    await sweepFor(2 * SLOT_LEASE_MS, [near, far]);
    expect(await released()).toHaveLength(1);
    // As after a database that was away for long: what was looked through before is looked through again.
    await overdue(5 * SLOT_LEASE_MS);
    expect(await sweepFor(SWEEP_INTERVAL_MS, [near, far])).toBeGreaterThan(0);
    expect(await released()).toHaveLength(2);
    await overdue(5 * SLOT_LEASE_MS);
    await opened.run("UPDATE runtime_node_presence SET health_state = 'offline'");
    opened.clock.advance(15_000);
    expect(await sweepFor(SWEEP_INTERVAL_MS, [far])).toBeGreaterThan(0);
    expect(await released()).toHaveLength(3);
  });

  it("NOD-18 is released some minutes later where it took its slot without a sign of life", async () => {
    await sweepFor(SLOT_LEASE_MS + SWEEP_INTERVAL_MS);
    await opened.run("UPDATE runtime_node_attachments SET state = 'registering'");
    await sweepFor(5 * MINUTE_MS);
    expect(await released()).toHaveLength(2);
  });

  it("NOD-18 a hub that lost the sweep's lease in the middle releases nothing", async () => {
    await sweepFor(SLOT_LEASE_MS);
    const { store } = opened;
    const read = store.read.bind(store);
    store.read = async (asked) => {
      const rows = await read(asked);
      if (asked.sql.includes("CROSS JOIN")) await opened.run("UPDATE leases SET owner = 'far', fence = fence + 1");
      return rows;
    };
    expect(await sweepFor(SWEEP_INTERVAL_MS)).toBe(0);
    expect(await released()).toEqual([]);
    store.read = read;
  });

  it("NOD-18 frees a machine that crashed for another session", async () => {
    await sweepFor(SLOT_LEASE_MS + SWEEP_INTERVAL_MS);
    await opened.run(
      `INSERT INTO sessions (space_id, session_id, title, state, min_client_version, created_at, updated_at)
       VALUES ('${spaceId}', 'second', 't', 'active', NULL, '', '')`,
    );
    await opened.run(
      `INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, client_version, state, epoch, attached_at)
       VALUES ('${spaceId}', 'slot', 'second', '${ownerId}', '${NODE}', '0.1', 'online', 2, '')`,
    );
    expect(await slots()).toHaveLength(2);
  });
});

onBothDatabases("the sweep's statements", () => {
  it("NOD-17 NOD-18 find the silent and the overdue by indexes, whatever the size of the tables", async () => {
    const { store } = opened;
    const plan = async ({ sql, parameters }: Pick<Statement, "sql" | "parameters">): Promise<string> => {
      const question = { sql: `EXPLAIN ${sql}`, parameters: parameters as readonly SqlValue[] };
      if (store.dialect === "sqlite") return planOf(store, { sql, parameters: question.parameters });
      // Tables of a test have few rows, which PostgreSQL reads whole unless it may not.
      const answers = await store.readTransaction([
        { sql: "SET LOCAL enable_seqscan = off", parameters: [] },
        question,
      ]);
      return (answers.at(-1) ?? []).map((row) => row["QUERY PLAN"]).join("\n");
    };
    const silence = { degradedBefore: "b", offlineBefore: "a" };
    const [silent, demotion] = [
      await plan(silentNodes(store.dialect, silence)),
      await plan(demoteSilent(store.dialect, silence)),
    ];
    for (const text of [silent, demotion])
      expect(text.match(/health_state_last_heartbeat_at_idx/g), "one walk for each of the two states").toHaveLength(2);
    const overdue = await plan(overdueSlots(store.dialect, { since: "", before: "a" }));
    const ofSlots = { spaceId, slotIds: ["a", "b"], before: "a", at: "b", reason: "r" };
    const release = await plan(releaseSlots(store.dialect, ofSlots));
    // Beside what the two walks found.
    for (const text of [silent, demotion, release, overdue])
      expect(text.replaceAll(/SCAN (online|degraded)$/gm, "")).not.toMatch(/\bSCAN\b|Seq Scan/);
    expect(overdue).toContain("health_state_last_heartbeat_at_idx");
  });

  it("NOD-17 take the index also where the database thinks that every machine is silent, as it does with old statistics", async () => {
    const { store } = opened;
    if (store.dialect === "sqlite") return;
    await opened.run(`INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
      SELECT 'space', 'node-' || i, NULL, '2026-01-01T00:00:00.000Z', 'online' FROM generate_series(1, 20000) AS n (i)`);
    await opened.run("ANALYZE runtime_node_presence");
    const silence = { degradedBefore: "2026-01-01T00:10:00.000Z", offlineBefore: "2026-01-01T00:09:30.000Z" };
    const since = { since: "", before: silence.offlineBefore };
    for (const { sql, parameters } of [
      silentNodes(store.dialect, silence),
      demoteSilent(store.dialect, silence),
      overdueSlots(store.dialect, since),
    ]) {
      const rows = await store.read({ sql: `EXPLAIN ${sql}`, parameters: parameters as readonly SqlValue[] });
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toContain("health_state_last_heartbeat_at_idx");
      expect(plan).not.toContain("Seq Scan on runtime_node_presence");
    }
  });

  it("NOD-17 demote more than one statement takes, each once", async () => {
    await enrol(NODE, 1);
    await connect();
    const count = 2 * DEMOTIONS_MAX + 7;
    const rows = Array.from(
      { length: count },
      (_, index) => `('space', 'node-${index}', NULL, '2026-01-01T00:00:00.000Z', 'online')`,
    );
    await opened.run(
      `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state) VALUES ${rows.join(", ")}`,
    );
    opened.clock.advance(31_000);
    expect(await near.nodes.sweep()).toBe(count + 1);
    expect(await near.nodes.sweep()).toBe(0);
    if (store().listen !== undefined)
      await until("the other hub", () => far.told.some(({ health }) => health === "degraded"));
  });
});

describe("what one hub changes", () => {
  onBothDatabases("is told by every hub", () => {
    const isShared = () => (opened.store as Store).listen !== undefined;

    it("NOD-17 a machine at one is seen by those who follow another: connected, doubted, demoted, released", async () => {
      await enrol(NODE, 1);
      await connect();
      await near.nodes.disconnected({ spaceId, nodeId: NODE, connectionId: "c-node-1-process-1", expected: false });
      await sweepFor(SLOT_LEASE_MS + SWEEP_INTERVAL_MS);
      const seen = ({ told }: TestHub) => told.map(({ state, health }) => `${state} ${health}`);
      expect(seen(near)).toEqual(["online online", "online degraded", "online offline", "offline offline"]);
      if (!isShared()) return expect(far.told).toEqual([]);
      // Read when it is heard of, so what followed at once may be seen together.
      await until("the other hub to say the last", () => seen(far).at(-1) === "offline offline");
      expect(new Set(far.changedElsewhere)).toEqual(new Set([NODE]));
      expect(near.changedElsewhere).toEqual([]);
    });

    it("a heartbeat that changes nothing is announced to nobody", async () => {
      await enrol(NODE, 1);
      const { epoch } = await connect();
      if (isShared()) await until("the connect", () => far.told.length > 0);
      far.told.length = 0;
      await beat(epoch);
      await beat(epoch);
      const { nodes } = near;
      await nodes.heartbeat({
        spaceId,
        nodeId: NODE,
        epoch,
        connectionId: "c-node-1-process-1",
        healthState: "degraded",
      });
      if (isShared()) await until("the change", () => far.told.length > 0);
      expect(far.told.map(({ health }) => health)).toEqual(isShared() ? ["degraded"] : []);
    });

    it("a session is not told of by what another hub says of something else", async () => {
      await opened.store.commit({
        guards: [],
        statements: [],
        announcements: ["nonsense", '["thread","x","y","z"]', "7"],
      });
      await enrol(NODE, 1);
      await connect();
      if (isShared()) await until("the connect", () => far.told.length > 0);
      expect(new Set(far.changedElsewhere)).toEqual(new Set(isShared() ? [NODE] : []));
      expect(await near.nodes.list(spaceId, ["another" as SessionId])).toEqual([]);
    });
  });
});
