import { command, createProject, createThread, delta, settle, startTurn } from "@muster/core/testing";
import type { Row } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SLOT_LEASE_MS } from "../nodes/index.ts";
import { nodeIdentity, onBothDatabases, openWorld, until, type World } from "./test-world.ts";

const SECOND_MS = 1_000;

onBothDatabases("a running turn whose node is away", (database) => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld({ database, isFile: true });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(startTurn("turn"));
    await until(() => world.nodes.runs.length > 0);
    for (const run of world.nodes.runs) await world.orchestration.effectResult(nodeIdentity(), run);
  });
  afterEach(async () => {
    expect(world.bugs).toEqual([]);
    await world.close();
  });

  const presence = (health: string) =>
    world.run(
      `UPDATE runtime_node_presence SET health_state = '${health}', last_heartbeat_at = '${new Date(world.time.now()).toISOString()}' WHERE node_id = 'node'`,
    );
  const slot = (state: string) =>
    world.run(`UPDATE runtime_node_attachments SET state = '${state}' WHERE node_id = 'node'`);
  const turns = async () =>
    (await world.rows("SELECT turn_id, status, reason FROM projection_thread_turns ORDER BY turn_id")).map((row) => [
      row["turn_id"],
      row["status"],
      row["reason"],
    ]);
  const running = [["turn", "running", null]];
  /** Lets time pass as for a hub that is there and looks; nobody is lost meanwhile. */
  const look = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 60 * SECOND_MS) {
      world.time.advance(60 * SECOND_MS);
      expect(await world.orchestration.settleLost()).toBe(0);
    }
  };
  const lost = [["turn", "interrupted", "node_lost"]];

  it("ORC-33 settles node_lost when it has been offline for longer than its slot's lease, and not before", async () => {
    await presence("offline");
    await look(SLOT_LEASE_MS);
    expect(await turns()).toEqual(running);
    world.time.advance(1);
    expect(await world.orchestration.settleLost()).toBe(1);
    expect(await turns()).toEqual(lost);
    expect(await world.orchestration.settleLost()).toBe(0);
    expect((await world.eventTypes()).filter((type) => type === "thread.turn-settled")).toHaveLength(1);
  });

  it.each([
    ["the hub was stopped", () => world.orchestration.close().then(() => world.restart())],
    ["the hub's machine slept", async () => undefined],
  ])("ORC-33 is not lost by what was not heard while %s: its node gets its time anew", async (_what, wake) => {
    await presence("online");
    world.time.advance(100 * SLOT_LEASE_MS);
    await wake();
    // As the first sweep finds it, before the node is back.
    await world.run("UPDATE runtime_node_presence SET health_state = 'offline' WHERE node_id = 'node'");
    expect(await world.orchestration.settleLost()).toBe(0);
    await look(SLOT_LEASE_MS);
    expect(await turns()).toEqual(running);
    world.time.advance(1);
    expect(await world.orchestration.settleLost()).toBe(1);
    expect(await turns()).toEqual(lost);
  });

  it("ORC-33 goes on while its node is alive, however silent the turn and however old", async () => {
    for (const health of ["online", "degraded"]) {
      await presence(health);
      await look(10 * SLOT_LEASE_MS);
    }
    expect(await turns()).toEqual(running);
  });

  it.each(["revoked", "offline"])("ORC-33 settles node_lost at once when its slot is %s", async (state) => {
    await slot(state);
    expect(await world.orchestration.settleLost()).toBe(1);
    expect(await turns()).toEqual(lost);
  });

  it("ORC-33 on a slot that ended with its session ends with all that waited behind it, one by each look", async () => {
    world.time.advance(1);
    await world.dispatch(startTurn("turn-2", { whenBusy: "queue" }));
    world.time.advance(1);
    await world.dispatch(startTurn("turn-3", { whenBusy: "queue" }));
    await world.run("UPDATE sessions SET state = 'closed'");
    await slot("offline");
    for (const count of [1, 1, 1, 0]) expect(await world.orchestration.settleLost()).toBe(count);
    expect(await turns()).toEqual(["turn", "turn-2", "turn-3"].map((turnId) => [turnId, "interrupted", "node_lost"]));
    expect(
      await world.rows("SELECT turn_id FROM orchestration_effects WHERE status IN ('pending', 'running')"),
    ).toEqual([]);
    expect(world.nodes.kinds.filter((kind) => kind === "node.turn.start")).toHaveLength(1);
  });

  it("ORC-33 is left alone when the node comes back between the look and the commit", async () => {
    await presence("offline");
    await look(SLOT_LEASE_MS);
    world.time.advance(1);
    const { store } = world;
    const read = store.read.bind(store);
    let isBack = false;
    store.read = async (asked) => {
      const rows = await read(asked);
      if (!isBack && (rows[0] as Row | undefined)?.["reason"] === "node_lost") {
        isBack = true;
        await presence("online");
      }
      return rows;
    };
    expect(await world.orchestration.settleLost()).toBe(0);
    expect(isBack).toBe(true);
    expect(await turns()).toEqual(running);
  });

  it("ORC-33 what the node tells later is kept and changes nothing about the end", async () => {
    await slot("offline");
    await world.orchestration.settleLost();
    await world.ingest(1, [delta(0, "late words"), settle("turn")]);
    expect(await turns()).toEqual(lost);
    expect(
      await world.rows("SELECT text, is_streaming FROM projection_thread_messages WHERE role = 'assistant'"),
    ).toEqual([{ text: "late words", is_streaming: 0 }]);
    expect(await world.rows("SELECT sequence, code FROM ingest_rejected")).toEqual([
      { sequence: 2, code: "turn_settled" },
    ]);
    const hello = { runningTurns: [{ threadId: "thread", turnId: "turn" }], journalId: "journal", journalSequence: 2 };
    expect(await world.orchestration.reconcileNode(nodeIdentity(), hello as never)).toEqual(hello.runningTurns);
  });

  it("ORC-33 one that was started while the node was offline waits for it as long, and its effect is cancelled then", async () => {
    await world.ingest(1, [settle("turn")]);
    await presence("offline");
    world.nodes.connected.delete("node");
    await look(5 * SLOT_LEASE_MS);
    await world.dispatch(startTurn("next"));
    await look(SLOT_LEASE_MS);
    world.time.advance(1);
    expect(await world.orchestration.settleLost()).toBe(1);
    expect(await turns()).toContainEqual(["next", "interrupted", "node_lost"]);
    expect(await world.rows("SELECT status FROM orchestration_effects WHERE turn_id = 'next'")).toEqual([
      { status: "cancelled" },
    ]);
  });

  it("ORC-32 whose interrupt waits for it settles as soon as it is offline", async () => {
    await presence("degraded");
    world.nodes.connected.delete("node");
    await world.dispatch(command("thread.turn.interrupt", { threadId: "thread" }));
    world.time.advance(30 * SECOND_MS);
    expect(await world.orchestration.settleLost()).toBe(0);
    await world.run("UPDATE runtime_node_presence SET health_state = 'offline' WHERE node_id = 'node'");
    expect(await world.orchestration.settleLost()).toBe(1);
    expect(await turns()).toEqual([["turn", "interrupted", "node_offline"]]);
    expect(await world.rows("SELECT status FROM orchestration_effects WHERE kind = 'node.turn.interrupt'")).toEqual([
      { status: "cancelled" },
    ]);
  });

  it("ORC-33 two replicas that look at once settle it once", async () => {
    await slot("revoked");
    const other = await world.another();
    const counts = await Promise.all([world.orchestration.settleLost(), other.orchestration.settleLost()]);
    expect(counts[0] + counts[1]).toBe(1);
    expect((await world.eventTypes()).filter((type) => type === "thread.turn-settled")).toHaveLength(1);
  });
});
