// Retention on a real database: what goes, what stays readable, and what it must not take.
import type { EventId } from "@muster/contracts";
import { RECEIPTS_KEPT_MIN_DAYS } from "@muster/contracts";
import { isoTime } from "@muster/core";
import { activity, command, createThread, finishDiff, startTurn } from "@muster/core/testing";
import { beforeEach, expect, it } from "vitest";
import {
  inDatabase,
  NOTHING_OF_THREADS,
  node,
  openPrunedWorld,
  read,
  receipts,
  SECRET,
  takeOver,
  thread,
} from "./test-pruned-thread.ts";
import {
  DAY_MS,
  expectRebuiltRowsToBeEqual,
  expectRowsToEqualLog,
  logOf,
  NOTHING,
  prune,
  rowsOf,
} from "./test-retention.ts";
import { OWNER, onBothDatabases, type World } from "./test-world.ts";

onBothDatabases("retention", () => {
  let world: World;
  beforeEach(async () => {
    world = await openPrunedWorld();
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
