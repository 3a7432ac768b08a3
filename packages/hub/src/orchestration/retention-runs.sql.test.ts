// Runs of retention: what happens when one dies, meets another one or other work, or meets a person.
import type { SessionId, TurnId } from "@muster/contracts";
import { activity, command, createThread, settle, startTurn } from "@muster/core/testing";
import { StoreError } from "@muster/store";
import { beforeEach, expect, it } from "vitest";
import { listColumns } from "../schema/listing.ts";
import { readEvent } from "./event-reader.ts";
import { Retention } from "./retention.ts";
import { checkpointEvents, eventsBySequence } from "./retention-queries.ts";
import {
  bytesInTables,
  inDatabase,
  NOTHING_OF_THREADS,
  openPrunedWorld,
  read,
  SECRET,
  takeOver,
  thread,
  work,
} from "./test-pruned-thread.ts";
import {
  add,
  DAY_MS,
  expectRebuiltRowsToBeEqual,
  expectRowsToEqualLog,
  hooked,
  logOf,
  NOTHING,
  prune,
  SMALLEST,
} from "./test-retention.ts";
import { callerOf, OWNER, onBothDatabases, STRANGER, settled, until, type World } from "./test-world.ts";

onBothDatabases("a run of retention", () => {
  let world: World;
  beforeEach(async () => {
    world = await openPrunedWorld();
    return async () => {
      expect(world.bugs).toEqual([]);
      await world.close();
    };
  });

  it("may die at any commit: the next run goes on, and nothing is lost or counted twice (ORC-36)", async () => {
    await world.dispatch(createThread({ threadId: "archived" }));
    await work(world, "archived", "second");
    await world.dispatch(command("thread.archive", { threadId: "archived" }));
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    await takeOver(world);
    world.time.advance(40 * DAY_MS);
    const announced = await prune(world, { dryRun: true, limits: SMALLEST });
    let totals = NOTHING;
    let commits = 0;
    let isOver = false;
    // Each run gets one commit further than the one before, then the disk is full.
    while (!isOver) {
      let left = 1;
      const store = hooked(world.store, {
        before: async () => {
          if (left === 0) throw new StoreError("unavailable", "the disk is full");
          left -= 1;
          commits += 1;
        },
        after: async () => expectRowsToEqualLog(world),
      });
      const before = await bytesInTables(world);
      const run = await prune(world, { store, limits: SMALLEST }).catch(() => null);
      isOver = run !== null;
      totals = add(totals, run ?? { ...NOTHING, bytesFreed: before - (await bytesInTables(world)) });
    }
    expect(commits).toBeGreaterThan(announced.events);
    expect(totals.bytesFreed).toBe(announced.bytesFreed);
    expect(await inDatabase(world, SECRET)).toBe(false);
    expect(await prune(world)).toEqual(NOTHING);
    await expectRebuiltRowsToBeEqual(world);
  });

  it("is done once by two at the same time (ORC-36)", async () => {
    for (let number = 0; number < 4; number += 1) {
      await world.dispatch(createThread({ threadId: `thread-${number}` }));
      await work(world, `thread-${number}`, `turn-${number}`);
      await world.dispatch(
        command(number % 2 === 0 ? "thread.archive" : "thread.delete", { threadId: `thread-${number}` }),
      );
    }
    await takeOver(world);
    world.time.advance(40 * DAY_MS);
    const announced = await prune(world, { dryRun: true });
    const { store } = await world.another();
    const limits = { ...SMALLEST, eventsMax: 2 };
    const [one, other] = await Promise.all([prune(world, { limits }), prune(world, { limits, store })]);
    const both = add(one, other);
    // A thread that both worked on is told by both.
    expect({ ...both, threads: 0 }).toEqual({ ...announced, threads: 0 });
    expect(await prune(world)).toEqual(NOTHING);
    await expectRebuiltRowsToBeEqual(world);
  });

  it("takes nothing of a thread that is unarchived while it is at work (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    let isFirst = true;
    const store = hooked(world.store, {
      before: async () => {
        if (!isFirst) return;
        isFirst = false;
        await world.dispatch(command("thread.unarchive", { threadId: "thread" }));
        await world.dispatch(startTurn("next"));
      },
    });
    expect(await prune(world, { store })).toMatchObject(NOTHING_OF_THREADS);
    expect(isFirst).toBe(false);
    expect(await inDatabase(world, SECRET)).toBe(true);
    const { turns } = await world.orchestration.getThread(OWNER, read);
    expect(turns.map(({ status }) => status)).toEqual(["completed", "running"]);
  });

  it("keeps no plan that was the newest only when it looked: one may come late meanwhile (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    const late = activity("plan.updated", { turnId: "turn", summary: "late", payload: { entries: [] } });
    let isFirst = true;
    const store = hooked(world.store, {
      before: async () => {
        if (!isFirst) return;
        isFirst = false;
        await world.ingest(8, [late]);
      },
    });
    await prune(world, { store });
    const { activities } = await world.orchestration.getThread(OWNER, read);
    const plans = activities.filter(({ kind }) => kind === "plan.updated").map(({ payload }) => payload);
    expect(plans).toEqual([...Array(2).fill(expect.objectContaining({ pruned: true })), { entries: [] }]);
    await expectRowsToEqualLog(world);
  });

  it("a thread that was pruned goes on as any other when it is unarchived", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    await prune(world);
    await world.dispatch(command("thread.unarchive", { threadId: "thread" }));
    await world.dispatch(startTurn("next"));
    await world.ingest(8, [activity("note", { turnId: "next", payload: { output: "new" } }), settle("next")]);
    await expectRowsToEqualLog(world);
    const window = await world.orchestration.getThread(OWNER, read);
    expect(window.activities.at(-1)?.payload).toEqual({ output: "new" });
    expect(window.turns.map(({ turnId }) => turnId)).toEqual(["turn", "next"] as TurnId[]);
  });

  it("waits while a projector lies behind, whose page may hold payloads as they were", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    await world.run("UPDATE projection_state SET last_applied_sequence = 1 WHERE projector = 'threads'");
    expect(await prune(world)).toEqual(NOTHING);
    await world.restart();
    expect(await prune(world)).toMatchObject({ threads: 1 });
  });

  it("waits while a rebuild is under way, and not for one whose process died, whose tables go (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    const end = new Date(world.time.now() + 1).toISOString();
    await world.run(
      `INSERT INTO projection_rebuilds VALUES (1, 'another hub', '["threads"]', 'running', 0, 0, '{}', NULL, NULL, NULL, ?, ?, NULL, NULL)`,
      end,
      end,
    );
    await world.run("CREATE TABLE shadow_projection_threads AS SELECT * FROM projection_threads");
    expect(await prune(world)).toEqual(NOTHING);
    // A person who asks for it is told why nothing would be taken.
    await expect(world.orchestration.prune(OWNER, { dryRun: false })).rejects.toMatchObject({
      code: "rebuild_running",
    });
    expect(await world.orchestration.prune(OWNER, { dryRun: true })).toMatchObject({ threads: 1 });
    world.time.advance(1);
    expect(await prune(world, { dryRun: true })).toMatchObject({ threads: 1 });
    expect(await prune(world)).toMatchObject({ threads: 1 });
    const [rebuild] = await world.rows("SELECT status, error_code FROM projection_rebuilds");
    expect(rebuild).toEqual({ status: "failed", error_code: "unavailable" });
    expect(Object.keys(await listColumns(world.store))).not.toContain("shadow_projection_threads");
  });

  const owned = { spaceId: OWNER.spaceId, sessionIds: ["session" as SessionId] };
  it.each([
    ["everybody", "everything"],
    ["one owner", owned],
  ] as const)(
    "takes no more of %s in one call than it may, and goes on where it was (ORC-36)",
    async (_whose, scope) => {
      for (let number = 0; number < 5; number += 1)
        await world.dispatch(command("thread.meta.update", { threadId: "thread", title: `Title ${number}` }));
      await world.dispatch(command("thread.archive", { threadId: "thread" }));
      await takeOver(world);
      world.time.advance(40 * DAY_MS);
      const limits = { ...SMALLEST, batchesPerCallMax: 2 };
      const announced = await prune(world, { dryRun: true, limits, scope });
      const retention = new Retention(world.store, world.time, readEvent, limits);
      let totals = NOTHING;
      let after: string | null | undefined;
      while (after !== null) {
        const report = await retention.prune({
          ...{ scope, olderThanDays: 30, dryRun: false },
          ...(after === undefined ? {} : { after }),
        });
        expect(report.events + report.diffs + report.receipts).toBeLessThanOrEqual(limits.batchesPerCallMax);
        totals = add(totals, report);
        after = report.next;
      }
      expect(totals).toEqual(announced);
      expect(totals.receipts).toBe(8);
    },
  );

  it("reads as many events of a thread as go together, beyond what a statement may name", async () => {
    const log = await logOf(world);
    const parts = { store: world.store, readEvent, limits: SMALLEST };
    const found = await eventsBySequence(
      parts,
      Array.from({ length: 33_000 }, (_one, index) => index),
    );
    expect(found.map(({ event }) => event.sequence)).toEqual(log.map((row) => row.sequence));
  });

  it("tells the checkpoints of a turn count, and not those that are stubs already (ORC-36)", async () => {
    const log = await logOf(world);
    const sequences = log.filter((row) => row.event_type === "thread.turn-diff-completed").map((row) => row.sequence);
    const told = () => checkpointEvents(world.store, { spaceId: OWNER.spaceId, threadId: thread });
    expect(await told()).toEqual(new Map([["1", sequences]]));
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    await takeOver(world);
    world.time.advance(31 * DAY_MS);
    await prune(world);
    expect(await told()).toEqual(new Map());
  });

  it("over the port is for the sessions that the caller owns, a part per call (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    await takeOver(world);
    world.time.advance(40 * DAY_MS);
    const ask = (caller: typeof OWNER, dryRun = false) => world.orchestration.prune(caller, { dryRun });
    expect(await ask(STRANGER)).toMatchObject(NOTHING);
    expect(await ask(callerOf("viewer", { session: "viewer" }))).toMatchObject(NOTHING);
    expect(await ask(callerOf("owner", { session: "owner" }, "other-space"))).toMatchObject(NOTHING);
    const expected = { threads: 1, events: 3, diffs: 1, receipts: 3, olderThanDays: 30, next: null };
    expect(await ask(OWNER, true)).toMatchObject({ ...expected, dryRun: true });
    const report = await ask(OWNER);
    expect(report).toMatchObject({ ...expected, dryRun: false });
    expect(report.store.sizeBytes).toBeGreaterThan(0);
    await expect(world.orchestration.prune(OWNER, { dryRun: false, after: "nonsense" })).rejects.toMatchObject({
      code: "validation_failed",
    });
  });

  it("runs by itself soon after the start and every day, and a failure waits for the next day (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    await takeOver(world);
    const told: unknown[] = [];
    let isFull = true;
    const store = hooked(world.store, {
      before: async ({ statements }) => {
        if (isFull && statements.some(({ sql }) => sql.includes("thread_retention")))
          throw new StoreError("unavailable", "the disk is full");
      },
    });
    const orchestration = await world.openOn(store, {
      retention: {
        archivedKeptDays: 30,
        onDone: (result) => told.push(result),
        onFailed: (error) => told.push(error instanceof StoreError ? error.code : error),
      },
    });
    const nextRun = async (): Promise<void> => {
      const before = told.length;
      world.time.advance(1.5 * DAY_MS);
      await until(() => told.length > before);
      await settled();
    };
    await nextRun();
    world.time.advance(40 * DAY_MS);
    await until(() => told.length === 2);
    isFull = false;
    await settled();
    await nextRun();
    expect(told[0]).toEqual({ ...NOTHING, olderThanDays: 30 });
    expect(told[1]).toBe("unavailable");
    expect(told[2]).toMatchObject({ threads: 1, events: 3, diffs: 1 });
    expect(await inDatabase(world, SECRET)).toBe(false);
    await orchestration.close();
    const asked = told.length;
    world.time.advance(10 * DAY_MS);
    await settled();
    expect(told.length).toBe(asked);
  });
});
