// Retention of the effect outbox: what ended long ago goes, what a decision or an answer still rests on stays, and a
// machine that never comes back keeps nothing for ever.
import { EFFECTS_KEPT_DAYS, EFFECTS_WAIT_MAX_DAYS, type JournalId } from "@muster/contracts";
import { isoTime } from "@muster/core";
import {
  command,
  createProject,
  createThread,
  finishDiff,
  finishRevert,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DAY_MS, hooked, prune, SMALLEST } from "./test-retention.ts";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, STRANGER, settled, until, type World } from "./test-world.ts";

onBothDatabases("retention of effects", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld({ isFile: true });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
  });
  afterEach(async () => {
    expect(world.bugs).toEqual([]);
    await world.close();
  });

  const thread = { threadId: "thread" };
  let sequence = 0;
  beforeEach(() => {
    sequence = 0;
  });
  const ingest = async (...commands: Parameters<World["ingest"]>[1]) => {
    await world.ingest(sequence + 1, commands);
    sequence += commands.length;
  };
  /** The node takes over whatever is on its way. */
  const takeOver = async () => {
    await settled();
    for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(nodeIdentity(), run);
    await settled();
  };
  const turn = async (turnId: string, turnCount: number) => {
    await world.dispatch(startTurn(turnId));
    await takeOver();
    await ingest(finishDiff(turnId, turnCount), settle(turnId));
    await takeOver();
  };
  const kinds = async () =>
    (await world.rows("SELECT kind, status FROM orchestration_effects ORDER BY event_sequence")).map(
      (row) => `${row["kind"]} ${row["status"]}`,
    );
  const STARTED = "node.turn.start succeeded";

  it("takes rows of effects that ended long enough ago, of threads that are in use too, and counts them before (ORC-36)", async () => {
    await turn("old", 1);
    world.time.advance(EFFECTS_KEPT_DAYS * DAY_MS);
    await turn("new", 2);
    expect(await prune(world)).toMatchObject({ effects: 0, threads: 0 });
    world.time.advance(1);
    const counted = await prune(world, { dryRun: true });
    expect(await kinds()).toEqual([STARTED, STARTED]);
    expect(await prune(world)).toEqual(counted);
    expect(counted).toMatchObject({ effects: 1, threads: 0 });
    expect(counted.bytesFreed).toBeGreaterThan(0);
    expect(await world.rows("SELECT turn_id FROM orchestration_effects")).toEqual([{ turn_id: "new" }]);
    expect(await prune(world)).toMatchObject({ effects: 0, bytesFreed: 0 });
  });

  it("goes in small commits, and a run that is cut anywhere is gone on with (ORC-36)", async () => {
    for (const name of ["a", "b", "c"]) await turn(name, ["a", "b", "c"].indexOf(name) + 1);
    world.nodes.connected.clear();
    await world.dispatch(startTurn("never"));
    await world.dispatch(command("thread.turn.interrupt", thread));
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    const all = ["a", "b", "c"].map(() => STARTED);
    expect(await kinds()).toEqual([...all, "node.turn.start cancelled", "node.turn.interrupt cancelled"]);
    const sizes: number[] = [];
    const store = hooked(world.store, { before: async ({ statements }) => void sizes.push(statements.length) });
    const counted = await prune(world, { dryRun: true, limits: { ...SMALLEST, effectsMax: 2, batchesPerCallMax: 1 } });
    const done = await prune(world, { store, limits: { ...SMALLEST, effectsMax: 2, batchesPerCallMax: 1 } });
    expect([counted.effects, done.effects, sizes]).toEqual([5, 5, [2, 1, 2]]);
    expect(await kinds()).toEqual([]);
  });

  it("never takes the start of a turn that has not ended, so that it stays told, interruptible and known to its node (ORC-24, ORC-36)", async () => {
    await world.dispatch(startTurn("long"));
    await takeOver();
    world.time.advance(100 * DAY_MS);
    expect((await prune(world)).effects).toBe(0);
    // Known as started: its node has forgotten it, so it ends; without the row it would wait for ever.
    await world.orchestration.reconcileNode(nodeIdentity(), {
      runningTurns: [],
      journalId: world.journalId,
      journalSequence: 0,
    });
    expect(await world.rows("SELECT status, reason FROM projection_thread_turns")).toEqual([
      { status: "interrupted", reason: "node_restarted" },
    ]);
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    expect((await prune(world)).effects).toBe(1);
  });

  it("never takes a revert that its node did and has not told of (ORC-24, ORC-36)", async () => {
    await turn("turn", 1);
    await world.dispatch(command("thread.checkpoint.revert", { ...thread, turnCount: 1 }));
    await takeOver();
    world.time.advance(100 * DAY_MS);
    await prune(world);
    expect(await kinds()).toEqual(["node.checkpoint.revert succeeded"]);
    // It comes with another journal: what it did is lost, and the thread is free again.
    const hello = { runningTurns: [], journalId: "another" as JournalId, journalSequence: 0 };
    await world.orchestration.reconcileNode(nodeIdentity(), hello);
    await world.dispatch(startTurn("next"));
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    expect((await prune(world)).effects).toBe(1);
  });

  it("an answer to an effect that is gone changes nothing and asks for nothing (ORC-24)", async () => {
    await world.dispatch(startTurn("turn"));
    await settled();
    const [run] = world.nodes.runs;
    if (run === undefined) throw new Error("nothing was handed over");
    await world.orchestration.effectResult(nodeIdentity(), run);
    await ingest(settle("turn"));
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    expect((await prune(world)).effects).toBe(1);
    const error = { code: "provider_unknown", message: "no", retryable: false } as const;
    await world.orchestration.effectResult(nodeIdentity(), run);
    await world.orchestration.effectResult(nodeIdentity(), { ...run, error });
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await settled();
    expect([await kinds(), world.nodes.runs.length]).toEqual([[], 1]);
    expect(await world.rows("SELECT status FROM projection_thread_turns")).toEqual([{ status: "completed" }]);
  });

  it("a machine that never comes back keeps neither the end of its agent nor the receipts of the thread (ORC-36)", async () => {
    await turn("turn", 1);
    world.nodes.connected.clear();
    await world.dispatch(command("thread.archive", thread));
    world.time.advance(EFFECTS_WAIT_MAX_DAYS * DAY_MS);
    expect(await prune(world)).toMatchObject({ effects: 1, receipts: 0 });
    expect(await kinds()).toEqual(["node.session.stop pending"]);
    world.time.advance(DAY_MS + 1);
    const counted = await prune(world, { dryRun: true });
    const done = await prune(world);
    expect(done).toEqual(counted);
    expect(done).toMatchObject({ effects: 1, receipts: 3 });
    expect(await kinds()).toEqual([]);
    expect(await prune(world)).toMatchObject({ threads: 0, effects: 0 });
    // It does come back: nothing is left to ask of it, and nothing is wrong.
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
    await settled();
    expect(world.nodes.runs).toEqual([]);
  });

  it("a revert whose end came before its effect was answered keeps nothing of a removed thread, and a dry run knows (ORC-36)", async () => {
    await turn("turn", 1);
    world.nodes.connected.clear();
    await world.dispatch(command("thread.checkpoint.revert", { ...thread, turnCount: 1, mode: "files" }));
    await ingest(finishRevert(1, { mode: "files" }));
    await world.dispatch(command("thread.delete", thread));
    expect(await kinds()).toEqual([STARTED, "node.checkpoint.revert pending", "node.session.stop pending"]);
    world.time.advance((EFFECTS_WAIT_MAX_DAYS + 10) * DAY_MS);
    // Its machine was there for a moment, and did not answer.
    const now = isoTime(world.time.now());
    await world.run(
      "UPDATE orchestration_effects SET available_at = ?, updated_at = ? WHERE status = 'pending'",
      now,
      now,
    );
    const counted = await prune(world, { dryRun: true });
    expect(counted).toMatchObject({ effects: 3, receipts: 4 });
    expect(await prune(world)).toEqual(counted);
    expect(await kinds()).toEqual([]);
  });

  it("leaves what another run has just taken, or its node has just answered (ORC-36)", async () => {
    world.nodes.connected.clear();
    await world.dispatch(command("thread.session.stop", thread));
    world.time.advance((EFFECTS_WAIT_MAX_DAYS + 1) * DAY_MS);
    let isFirst = true;
    const store = hooked(world.store, {
      before: async () => {
        if (!isFirst) return;
        isFirst = false;
        world.nodes.connected.add("node");
        world.orchestration.nodeConnected(nodeIdentity().spaceId, nodeIdentity().nodeId);
        await until(() => world.nodes.runs.length === 1);
        await takeOver();
      },
    });
    expect(await prune(world, { store })).toMatchObject({ effects: 0 });
    expect(await kinds()).toEqual(["node.session.stop succeeded"]);
    const counts = await Promise.all([prune(world), prune(world)]);
    expect(counts.map(({ effects }) => effects)).toEqual([0, 0]);
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    const both = await Promise.all([prune(world), prune(world)]);
    expect(both.reduce((sum, { effects }) => sum + effects, 0)).toBe(1);
  });

  it("of the sessions that the caller owns, and of no others (ORC-36)", async () => {
    await turn("turn", 1);
    world.time.advance((EFFECTS_KEPT_DAYS + 1) * DAY_MS);
    expect(await world.orchestration.prune(STRANGER, { dryRun: false })).toMatchObject({ effects: 0, next: null });
    expect(await world.orchestration.prune(OWNER, { dryRun: false })).toMatchObject({ effects: 1, next: null });
  });
});
