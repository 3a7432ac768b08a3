// Retention on a real database: what goes, what stays readable, what it must not take, and what happens when it dies,
// meets another run, or meets a person.
import type { EventId, SessionId, ThreadId, TurnId } from "@muster/contracts";
import { RECEIPTS_KEPT_MIN_DAYS } from "@muster/contracts";
import { isoTime } from "@muster/core";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  finishDiff,
  settle,
  startTurn,
} from "@muster/core/testing";
import { StoreError } from "@muster/store";
import { beforeEach, expect, it } from "vitest";
import { listColumns } from "../schema/listing.ts";
import { readEvent } from "./event-reader.ts";
import { Retention } from "./retention.ts";
import { checkpointEvents, eventsBySequence } from "./retention-queries.ts";
import {
  add,
  DAY_MS,
  expectRebuiltRowsToBeEqual,
  expectRowsToEqualLog,
  hooked,
  logOf,
  NOTHING,
  prune,
  rowsOf,
  SMALLEST,
} from "./test-retention.ts";
import { callerOf, OWNER, onBothDatabases, openWorld, STRANGER, settled, until, type World } from "./test-world.ts";

const thread = "thread" as ThreadId;
/** Rows of effects go by their own age, and have tests of their own. */
const NOTHING_OF_THREADS = { threads: 0, events: 0, diffs: 0, receipts: 0 };
const SECRET = "a secret that nobody needs any more ".repeat(10).trim();
const read = { threadId: thread, turnLimit: 10 };

/** A turn with everything that a turn can leave behind. */
async function work(world: World, threadId = "thread", turnId = "turn"): Promise<void> {
  const at = { threadId, turnId };
  const first = (await world.orchestration.ingestCursor(node, world.journalId)) + 1;
  await world.dispatch(startTurn(turnId, { threadId, text: "Please do it." }));
  await settled();
  for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(node, run);
  await world.ingest(first, [
    activity("plan.updated", {
      ...at,
      summary: "0 of 1",
      payload: { entries: [{ content: "old", status: "pending" }] },
    }),
    activity("tool.completed", { ...at, tone: "tool", summary: "Read a file", payload: { output: SECRET } }),
    askApproval(`question-${turnId}`, {
      ...at,
      payload: {
        requestId: `question-${turnId}`,
        kind: "command",
        title: "May I?",
        options: [{ decision: "accept", label: "Yes" }],
        tool: { itemId: "item", title: SECRET, kind: "execute", status: "pending" },
      },
    }),
    activity("plan.updated", {
      ...at,
      summary: "1 of 1",
      payload: { entries: [{ content: "new", status: "completed" }] },
    }),
    complete(0, "It is done.", { ...at, messageId: `answer-${turnId}` }),
    finishDiff(turnId, 1, {
      threadId,
      diff: SECRET,
      files: [{ path: "a.ts", status: "modified", additions: 1, deletions: 0 }],
    }),
    settle(turnId, { threadId, detail: "a detail" }),
  ]);
  await settled();
}
const node = { spaceId: OWNER.spaceId, nodeId: "node" as never, epoch: 1, connectionId: "connection" };

/** Lets the node take over whatever is on its way. */
async function takeOver(world: World): Promise<void> {
  await settled();
  for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(node, run);
  await settled();
}

const inDatabase = async (world: World, text: string): Promise<boolean> => {
  const tables = await Promise.all([logOf(world), rowsOf(world), world.rows("SELECT * FROM checkpoint_diff_blobs")]);
  return JSON.stringify(tables).includes(text);
};
const receipts = async (world: World): Promise<number> =>
  (await world.rows("SELECT command_id FROM orchestration_command_receipts WHERE aggregate_kind = 'thread'")).length;

onBothDatabases("retention", () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld({ isFile: true });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await work(world);
    return async () => {
      expect(world.bugs).toEqual([]);
      await world.close();
    };
  });

  it("takes details and diffs of a thread archived long enough, and leaves it readable (ORC-36)", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    const before = await world.orchestration.getThread(OWNER, read);
    world.time.advance(30 * DAY_MS);
    expect(await prune(world)).toMatchObject(NOTHING_OF_THREADS);
    world.time.advance(1);
    const done = await prune(world);
    expect(done).toMatchObject({ threads: 1, events: 3, diffs: 1, receipts: 0 });
    expect(done.bytesFreed).toBeGreaterThan(SECRET.length);
    expect(await inDatabase(world, SECRET)).toBe(false);
    const after = await world.orchestration.getThread(OWNER, read);
    const [plan, tool, question, newPlan] = after.activities;
    const pruned = { pruned: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) };
    expect(plan).toEqual({ ...before.activities[0], payload: pruned });
    expect(tool).toEqual({ ...before.activities[1], payload: pruned });
    expect(question?.payload).toEqual({
      ...pruned,
      requestId: "question-turn",
      kind: "command",
      title: "May I?",
      options: [{ decision: "accept", label: "Yes" }],
    });
    expect(newPlan).toEqual(before.activities[3]);
    expect(after.plan).toEqual([{ content: "new", status: "completed" }]);
    for (const part of ["thread", "turns", "messages", "checkpoints"] as const)
      expect(after[part]).toEqual(before[part]);
    expect(after.approvals).toMatchObject([{ status: "expired", payload: { title: "May I?" } }]);
    const whole = { threadId: thread, activityId: tool?.activityId as EventId };
    expect((await world.orchestration.getActivity(OWNER, whole)).payload).toEqual(pruned);
    // The diff can still be had from the machine that has the checkpoints.
    world.nodes.answer = async () => ({ files: [], diff: "again", truncated: false });
    const range = { threadId: thread, fromTurnCount: 0, toTurnCount: 1 };
    await world.ingest(8, [finishDiff("turn", 0)]);
    expect((await world.orchestration.getTurnDiff(OWNER, range)).diff).toBe("again");
    await expectRowsToEqualLog(world);
    await expectRebuiltRowsToBeEqual(world);
  });

  it("takes nothing of a thread that is neither archived nor deleted, however old (ORC-36)", async () => {
    world.time.advance(1_000 * DAY_MS);
    const log = await logOf(world);
    expect(await prune(world, { olderThanDays: 1 })).toMatchObject(NOTHING_OF_THREADS);
    expect(await logOf(world)).toEqual(log);
    expect(await receipts(world)).toBe(2);
  });

  it("takes of an archived thread only what is itself old enough: what came late has its own time", async () => {
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    await world.ingest(8, [activity("note", { turnId: "turn", payload: { output: "a late word" } })]);
    await prune(world);
    expect(await inDatabase(world, SECRET)).toBe(false);
    expect(await inDatabase(world, "a late word")).toBe(true);
    world.time.advance(40 * DAY_MS);
    expect(await prune(world)).toMatchObject({ threads: 1, events: 1 });
    expect(await inDatabase(world, "a late word")).toBe(false);
  });

  it("leaves stubs of a thread deleted 30 days ago, with their versions, and no row but its place (ORC-36)", async () => {
    await world.dispatch(command("thread.meta.update", { threadId: "thread", title: "A secret title" }));
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    await takeOver(world);
    const before = await logOf(world);
    world.time.advance(30 * DAY_MS);
    expect(await prune(world)).toMatchObject(NOTHING_OF_THREADS);
    world.time.advance(2 * DAY_MS);
    await prune(world);
    const after = await logOf(world);
    const withoutPayload = ({ payload_json: _payload, ...row }: (typeof before)[number]) => row;
    expect(after.map(withoutPayload)).toEqual(before.map(withoutPayload));
    for (const text of [
      SECRET,
      "Please do it.",
      "It is done.",
      "A thread",
      "secret title",
      "a.ts",
      "a detail",
      "May I?",
    ])
      expect([text, await inDatabase(world, text)]).toEqual([text, false]);
    const rows = await rowsOf(world);
    expect(rows["projection_threads"]).toHaveLength(1);
    for (const table of ["thread_messages", "thread_activities", "thread_sessions", "checkpoints", "pending_approvals"])
      expect([table, rows[`projection_${table}`]]).toEqual([table, []]);
    expect(await receipts(world)).toBe(0);
    await expectRowsToEqualLog(world);
    await expectRebuiltRowsToBeEqual(world);
    expect(await prune(world)).toEqual(NOTHING);
  });

  it("keeps every id of a removed thread refused for ever (ORC-18, ORC-36)", async () => {
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    await takeOver(world);
    world.time.advance(40 * DAY_MS);
    await prune(world);
    await world.restart();
    expect(await world.refusal(createThread())).toBe("thread_exists");
    await world.dispatch(createThread({ threadId: "second" }));
    expect(await world.refusal(startTurn("turn", { threadId: "second" }))).toBe("turn_exists");
    const message = { messageId: "turn-message", role: "user", text: "again" };
    expect(await world.refusal(startTurn("other", { threadId: "second", message }))).toBe("turn_exists");
    expect(await world.refusal(startTurn("more"))).toBe("thread_not_found");
  });

  it("gives stubs to feeds and pages as events that every reader folds (ORC-27, ORC-36)", async () => {
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    const inMemory = await collect(world, "0");
    world.time.advance(40 * DAY_MS);
    await prune(world);
    const page = await world.orchestration.getEventsPage(OWNER, { after: 0, limit: 500, threadId: thread });
    expect(page.events.map(({ eventType }) => eventType)).toEqual(await world.eventTypes());
    const fed = await collect(world, "0");
    expect(fed.map(({ sequence }) => sequence)).toEqual(inMemory.map(({ sequence }) => sequence));
    // Of what was read before the pruning nothing is served from memory.
    expect(JSON.stringify(inMemory)).toContain(SECRET);
    expect(JSON.stringify([page, fed])).not.toContain(SECRET);
  });

  it("keeps receipts longer than anybody repeats a command, whatever age is asked for (ORC-36)", async () => {
    const archive = command("thread.archive", { threadId: "thread" });
    const { sequence } = await world.dispatch(archive);
    await takeOver(world);
    world.time.advance(RECEIPTS_KEPT_MIN_DAYS * DAY_MS);
    expect(await prune(world, { olderThanDays: 1 })).toMatchObject({ events: 3, receipts: 0 });
    expect(await world.dispatch(archive)).toMatchObject({ receipt: "duplicate", sequence });
    world.time.advance(1);
    expect(await prune(world, { olderThanDays: 60 })).toMatchObject({ receipts: 0 });
    expect(await prune(world, { olderThanDays: 1 })).toMatchObject({ threads: 1, receipts: 3 });
    expect(await world.refusal(archive)).toBe("thread_archived");
  });

  it("keeps receipts while anything that followed from them still waits for its machine (ORC-36)", async () => {
    world.nodes.connected.clear();
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    world.time.advance(20 * DAY_MS);
    await world.dispatch(command("thread.session.stop", { threadId: "thread" }));
    world.time.advance(12 * DAY_MS);
    expect(await prune(world)).toMatchObject({ threads: 1, receipts: 0 });
    world.nodes.connected.add("node");
    world.orchestration.nodeConnected(OWNER.spaceId, node.nodeId);
    await takeOver(world);
    expect(await prune(world)).toMatchObject({ receipts: 3 });
  });

  it("cancels what still waited for a machine when its thread is removed, but for the end of the agent", async () => {
    await world.ingest(8, [finishDiff("turn", 0)]);
    world.nodes.connected.clear();
    await world.dispatch(command("thread.checkpoint.revert", { threadId: "thread", turnCount: 0 }));
    await world.dispatch(command("thread.delete", { threadId: "thread" }));
    world.time.advance(40 * DAY_MS);
    const now = isoTime(world.time.now());
    await world.run(
      "UPDATE orchestration_effects SET status = 'pending', created_at = ?, available_at = ?, updated_at = ? WHERE kind <> 'node.turn.start'",
      ...[now, now, now],
    );
    await prune(world);
    const effects = await world.rows(
      "SELECT kind, status FROM orchestration_effects WHERE kind <> 'node.turn.start' ORDER BY kind",
    );
    expect(effects).toEqual([
      { kind: "node.checkpoint.revert", status: "cancelled" },
      { kind: "node.session.stop", status: "pending" },
    ]);
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

/** What a feed from there gives until it is synchronized. */
async function collect(world: World, after: string) {
  const events = [];
  const abort = new AbortController();
  for await (const { message } of world.orchestration.feed(OWNER, { after, signal: abort.signal })) {
    if (message.type === "event") events.push(message.event);
    if (message.type === "synchronized") break;
  }
  abort.abort();
  return events;
}

/** Bytes of everything that retention counts. */
async function bytesInTables(world: World): Promise<number> {
  const sums = {
    orchestration_events: "octet_length(payload_json)",
    projection_thread_activities: "octet_length(payload_json) + octet_length(summary)",
    projection_pending_approvals: "octet_length(payload_json)",
    projection_thread_messages: "octet_length(text) + octet_length(attachments_json)",
    projection_checkpoints: "octet_length(files_json)",
    projection_thread_sessions: "octet_length(coalesce(last_error, ''))",
    projection_threads:
      "octet_length(title) + octet_length(coalesce(model, '')) + octet_length(coalesce(branch, '')) + octet_length(coalesce(worktree_path, ''))",
    checkpoint_diff_blobs: "octet_length(diff)",
    orchestration_effects:
      "octet_length(effect_id) + octet_length(event_id) + octet_length(thread_id) + octet_length(node_id) + octet_length(kind) + octet_length(payload_json)",
    orchestration_command_receipts:
      "octet_length(command_id) + octet_length(command_type) + octet_length(request_fingerprint) + octet_length(accepted_at) + octet_length(coalesce(error_json, ''))",
  };
  let bytes = 0;
  for (const [table, sum] of Object.entries(sums)) {
    const [row] = await world.rows(`SELECT coalesce(sum(${sum}), 0) AS bytes FROM ${table}`);
    bytes += Number(row?.["bytes"]);
  }
  return bytes;
}
