// Whatever the event core asks or changes, it finds by an index: no path walks through a table that grows for ever. The
// queries are those of a life of threads in which everything happens, caught on their way to the store.
import type { EventId, JournalId, MessageId, ThreadId } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  finishDiff,
  finishRevert,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fill, planOf, QueryRecorder, walksOf } from "./test-query-plans.ts";
import { DAY_MS, prune } from "./test-retention.ts";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, settled, type World } from "./test-world.ts";

/** Threads are few beside their rows, and a daily run looks at each of them once. */
const MAY_WALK = /FROM projection_threads t\s+LEFT JOIN thread_retention/;

onBothDatabases("every query", () => {
  let world: World;
  const recorder = new QueryRecorder();
  const threadId = "thread" as ThreadId;
  beforeEach(async () => {
    recorder.queries.clear();
    world = await openWorld({ isFile: true, wrapStore: recorder.wrap });
  });
  afterEach(() => world.close());

  const takeOver = async (): Promise<void> => {
    await settled();
    for (const run of world.nodes.runs.splice(0)) await world.orchestration.effectResult(nodeIdentity(), run);
    await settled();
  };
  const readFeed = async (after: string, id?: ThreadId): Promise<void> => {
    const { orchestration, store } = await world.another();
    const abort = new AbortController();
    for await (const { message } of orchestration.feed(OWNER, {
      after,
      signal: abort.signal,
      ...(id === undefined ? {} : { threadId: id }),
    })) {
      if (message.type === "synchronized" || message.type === "reset") break;
    }
    abort.abort();
    expect(store).toBeDefined();
  };

  async function work(): Promise<void> {
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await Promise.all([
      world.dispatch(startTurn("turn")),
      world.dispatch(startTurn("second", { whenBusy: "queue" })),
      world.dispatch(startTurn("third", { whenBusy: "queue" })),
    ]);
    await takeOver();
    await world.dispatch(command("thread.turn.cancel-queued", { threadId, turnId: "third" }));
    await world.ingest(1, [
      activity("plan.updated", { summary: "0 of 1", payload: { entries: [{ content: "a", status: "pending" }] } }),
      activity("tool.completed", { tone: "tool", payload: { output: "much" } }),
      askApproval("question"),
      delta(0, "It is "),
    ]);
    await world.dispatch(command("thread.approval.respond", { threadId, requestId: "question", decision: "accept" }));
    await takeOver();
    await world.ingest(5, [
      complete(6, "done."),
      finishDiff("turn", 0),
      finishDiff("turn", 1, { diff: "a diff" }),
      settle("turn"),
    ]);
    await world.ingest(9, [activity("note", { summary: "too late" }), settle("turn")]);
    await takeOver();
    await world.dispatch(command("thread.turn.interrupt", { threadId }));
    await takeOver();
    await world.ingest(11, [finishDiff("second", 2), settle("second", { status: "interrupted" })]);
    await world.dispatch(command("thread.checkpoint.revert", { threadId, turnCount: 1, mode: "both" }));
    await takeOver();
    await world.ingest(13, [finishRevert(1)]);
  }

  async function read(): Promise<void> {
    const { orchestration } = world;
    const window = { threadId, turnLimit: 1 };
    const { turns, messages, activities } = await orchestration.getThread(OWNER, { ...window, turnLimit: 50 });
    await orchestration.getThread(OWNER, { ...window, before: `${turns[0]?.requestedAt}~zzz` });
    await orchestration.getMessage(OWNER, { threadId, messageId: messages[0]?.messageId as MessageId });
    await orchestration.getActivity(OWNER, { threadId, activityId: activities[0]?.activityId as EventId });
    for (const archived of [true, false])
      for (const page of [{}, { before: "2026-02-01T00:00:00.000Z~thread" }])
        for (const project of [{}, { projectId: "project" as never }])
          await orchestration.getSnapshot(OWNER, { limit: 10, archived, ...page, ...project });
    await orchestration.getTurnDiff(OWNER, { threadId, fromTurnCount: 0, toTurnCount: 1 });
    await orchestration.getEventsPage(OWNER, { after: 0, limit: 10 });
    await orchestration.getEventsPage(OWNER, { after: 0, limit: 10, threadId });
    await readFeed("0");
    await readFeed("0", threadId);
  }

  async function nodes(): Promise<void> {
    await world.dispatch(createThread({ threadId: "other" }));
    await world.dispatch(startTurn("away", { threadId: "other" }));
    await takeOver();
    const hello = { runningTurns: [{ threadId, turnId: "turn" as never }], journalSequence: 0 };
    await world.orchestration.reconcileNode(nodeIdentity(), { ...hello, journalId: "new" as JournalId });
    world.orchestration.nodeConnected(OWNER.spaceId, nodeIdentity().nodeId);
    await settled();
    await world.run("UPDATE runtime_node_presence SET health_state = 'offline' WHERE node_id = 'node'");
    for (let minute = 0; minute <= 11; minute += 1) {
      world.time.advance(60_000);
      await world.orchestration.settleLost();
    }
    await settled();
  }

  async function retention(): Promise<void> {
    await world.dispatch(command("thread.archive", { threadId }));
    await world.dispatch(command("thread.delete", { threadId: "other" }));
    await takeOver();
    world.time.advance(400 * DAY_MS);
    await world.orchestration.prune(OWNER, { dryRun: true });
    await prune(world);
    await world.dispatch(command("thread.unarchive", { threadId }));
    await world.dispatch(command("thread.session.stop", { threadId }));
    await world.dispatch(command("project.delete", { projectId: "project", force: true }));
    await takeOver();
  }

  it("finds its rows by an index that tells more than the space (ORC-12, ORC-26)", async () => {
    await work();
    await read();
    await nodes();
    await retention();
    await world.run("UPDATE projection_state SET last_applied_sequence = 0");
    await world.restart();
    const queries = [...recorder.queries.values()];
    expect(world.bugs).toEqual([]);
    expect(queries.length).toBeGreaterThan(100);
    await fill(world.store);
    const walks: Record<string, string[]> = {};
    for (const query of queries) {
      const found = MAY_WALK.test(query.sql) ? [] : await walksOf(world.store, query);
      if (found.length > 0) walks[query.sql] = found;
    }
    expect(walks).toEqual({});
  });

  it("asks for a thread's reverts by the index that has nothing else, however long the thread is (ORC-12)", async () => {
    await work();
    await world.restart();
    await world.dispatch(command("thread.meta.update", { threadId, title: "Loaded anew" }));
    await fill(world.store);
    const reverts = [...recorder.queries.values()].filter(({ sql }) => sql.includes("'thread.reverted')"));
    expect(reverts.length).toBeGreaterThan(0);
    for (const query of reverts)
      expect(await planOf(world.store, query), query.sql).toContain("orchestration_events_revert_idx");
  });
});
