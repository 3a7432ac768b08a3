// The live feed: no gap, no repeat, whoever writes meanwhile; a reset where a reader cannot be brought up, and nobody
// ever waits for a slow one.
import {
  FEED_GAP_MAX_EVENTS,
  FeedMessage,
  type LiveCall,
  type LiveDelta,
  type NodeSummary,
  type ThreadId,
} from "@muster/contracts";
import { MemoryTables, PROJECTION_KEYS, type ProjectionTable, projectAll } from "@muster/core";
import { activity, command, createProject, createThread, delta, startTurn } from "@muster/core/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Caller, FeedItem } from "../ports.ts";
import type { HubRow } from "../schema/index.ts";
import { fromSql } from "./columns.ts";
import { knownEvent } from "./event-log.ts";
import { LIVE_MESSAGES_MAX } from "./feed.ts";
import { play, someHistory } from "./test-histories.ts";
import {
  GENERATION,
  nodeIdentity,
  OWNER,
  onBothDatabases,
  openWorld,
  refusalOf,
  STRANGER,
  settled,
  until,
  VIEWER,
  type World,
} from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

interface Reader {
  readonly items: FeedItem[];
  readonly messages: () => FeedMessage[];
  /** Sequences of the events so far. */
  readonly sequences: () => number[];
  readonly types: () => string[];
  readonly isDone: () => boolean;
  readonly stop: () => Promise<void>;
}

interface Request {
  readonly after?: string;
  readonly lastEventId?: string;
  readonly threadId?: ThreadId;
}

/** Reads as fast as it is given. */
const read = (request: Request = {}, caller: Caller = OWNER, orchestration = world.orchestration): Reader => {
  const abort = new AbortController();
  const feed = orchestration.feed(caller, { ...request, signal: abort.signal });
  const items: FeedItem[] = [];
  let isDone = false;
  const running = (async () => {
    for await (const item of feed) items.push(item);
  })().finally(() => {
    isDone = true;
  });
  const messages = () => items.map((item) => item.message);
  return {
    items,
    messages,
    sequences: () => messages().flatMap((message) => (message.type === "event" ? [message.event.sequence] : [])),
    types: () => messages().map((message) => message.type),
    isDone: () => isDone,
    stop: async () => {
      abort.abort();
      await running;
    },
  };
};
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_one, index) => from + index);
const rename = (title: string) => command("thread.meta.update", { threadId: "thread", title });
const many = async (count: number, prefix = "many"): Promise<void> => {
  for (let index = 0; index < count; index += 200) {
    const chunk = Math.min(200, count - index);
    await Promise.all(upTo(chunk).map((one) => world.dispatch(createThread({ threadId: `${prefix}-${index + one}` }))));
  }
};

onBothDatabases("a feed", () => {
  it("replays from a sequence exclusive, says that it is caught up, and goes on live (ORC-27)", async () => {
    const reader = read({ after: "1" });
    await until(() => reader.types().includes("synchronized"));
    await world.dispatch(rename("a"));
    await world.dispatch(rename("b"));
    await until(() => reader.items.length === 4);
    expect(reader.types()).toEqual(["event", "synchronized", "event", "event"]);
    expect(reader.sequences()).toEqual([2, 3, 4]);
    expect(reader.messages()[1]).toEqual({ type: "synchronized", generation: GENERATION, sequence: 2 });
    for (const message of reader.messages()) expect(FeedMessage.parse(message)).toEqual(message);
    await reader.stop();
  });

  it("gives an id to members of the log alone (ORC-27)", async () => {
    const reader = read({ after: "0" });
    await until(() => reader.items.length === 3);
    expect(reader.items.map((item) => item.id)).toEqual([`${GENERATION}:1`, `${GENERATION}:2`, undefined]);
    await reader.stop();
  });

  it("goes on from the id of the last event, which wins over the address (ORC-27)", async () => {
    const reader = read({ after: "0", lastEventId: `${GENERATION}:1` });
    await until(() => reader.items.length === 2);
    expect(reader.sequences()).toEqual([2]);
    await reader.stop();
  });

  it("without a position begins at the head", async () => {
    const reader = read();
    await until(() => reader.items.length === 1);
    await world.dispatch(rename("a"));
    await until(() => reader.items.length === 2);
    expect(reader.sequences()).toEqual([3]);
    await reader.stop();
  });

  it("from the sequence of an answer that just came is right at the head, never beyond it (ORC-27)", async () => {
    for (let index = 0; index < 20; index += 1) {
      const { sequence } = await world.dispatch(rename(`title ${index}`));
      const abort = new AbortController();
      const feed = world.orchestration.feed(OWNER, { after: String(sequence), signal: abort.signal });
      expect((await feed.next()).value?.message).toMatchObject({ type: "synchronized", sequence });
      abort.abort();
      await feed.return(undefined);
    }
  });

  it("refuses a position that is none", async () => {
    const signal = new AbortController().signal;
    for (const after of ["x", "-1", "1.5", "1:2:3", `${GENERATION}:`])
      expect(await refusalOf(world.orchestration.feed(OWNER, { after, signal }).next())).toBe("validation_failed");
  });

  it("has no gap and no repeat for readers that join anywhere while writers run (ORC-27)", async () => {
    const readers = [read({ after: "0" })];
    const writers = Promise.all(
      ["a", "b", "c"].map(async (name) => {
        for (let index = 0; index < 60; index += 1) {
          await Promise.all([
            world.dispatch(createThread({ threadId: `${name}-${index}` })),
            world.dispatch(rename(`${name} ${index}`)),
          ]);
          if (index % 15 === 0) readers.push(read({ after: String(index) }));
        }
      }),
    );
    await writers;
    await until(() => readers.every((reader) => reader.sequences().at(-1) === 2 + 360));
    for (const reader of readers) {
      expect(reader.sequences()).toEqual(upTo(362, reader.sequences()[0]));
      await reader.stop();
    }
  });

  it("shows what was committed while the log was being read, without another commit (ORC-27)", async () => {
    const reader = read({ after: "2" });
    await until(() => reader.types().includes("synchronized"));
    const gate = Promise.withResolvers<void>();
    const readStore = world.store.read.bind(world.store);
    let held = 0;
    world.store.read = async (query) => {
      const rows = await readStore(query);
      if (query.sql.includes("orchestration_events") && query.sql.includes("sequence >")) {
        held += 1;
        await gate.promise;
      }
      return rows;
    };
    await world.dispatch(rename("a"));
    await until(() => held === 1);
    await world.dispatch(rename("b"));
    await world.dispatch(rename("c"));
    gate.resolve();
    await until(() => reader.sequences().length === 3);
    await reader.stop();
  });

  it("brings all that another hub wrote meanwhile, however many pages it is (ORC-27)", async () => {
    const shared = await openWorld({ isFile: true });
    await shared.dispatch(createProject());
    const { orchestration: other } = await shared.another();
    const reader = read({}, OWNER, shared.orchestration);
    await until(() => reader.types().includes("synchronized"));
    for (const part of ["a", "b", "c"])
      await Promise.all(upTo(200).map((one) => other.dispatch(OWNER, createThread({ threadId: `${part}-${one}` }))));
    await shared.dispatch(createThread({ threadId: "last" }));
    await until(() => reader.sequences().length === 601);
    expect(reader.sequences()).toEqual(upTo(602, 2));
    await reader.stop();
    await shared.close();
  });

  it("of a thread has its events alone, and not those of a project with the same id (ORC-27)", async () => {
    await world.dispatch(createProject({ projectId: "thread" }));
    await world.dispatch(createThread({ threadId: "other" }));
    await world.dispatch(rename("a"));
    const reader = read({ after: "0", threadId: "thread" as ThreadId });
    await until(() => reader.types().includes("synchronized"));
    await world.dispatch(command("project.meta.update", { projectId: "thread", title: "x" }));
    await world.dispatch(command("thread.archive", { threadId: "other" }));
    await world.dispatch(rename("b"));
    await until(() => reader.sequences().length === 3);
    const types = reader.messages().flatMap((message) => (message.type === "event" ? [message.event.eventType] : []));
    expect(types).toEqual(["thread.created", "thread.meta-updated", "thread.meta-updated"]);
    await reader.stop();
  });

  it("shows a member his sessions alone, and a stranger no thread that is not his (ORC-26)", async () => {
    await world.dispatch(
      createProject({ projectId: "theirs", sessionId: "other-session", nodeId: "strange-node" }),
      STRANGER,
    );
    const [mine, theirs] = [read({ after: "0" }, VIEWER), read({ after: "0" }, STRANGER)];
    await until(() => mine.types().includes("synchronized") && theirs.types().includes("synchronized"));
    expect([mine.sequences(), theirs.sequences()]).toEqual([[1, 2], [3]]);
    await world.dispatch(rename("a"));
    await until(() => mine.sequences().length === 3);
    expect(theirs.sequences()).toEqual([3]);
    const signal = new AbortController().signal;
    for (const threadId of ["thread", "nowhere"] as ThreadId[])
      expect(await refusalOf(world.orchestration.feed(STRANGER, { threadId, signal }).next())).toBe("thread_not_found");
    await Promise.all([mine.stop(), theirs.stop()]);
  });
});

onBothDatabases("a reset", () => {
  const onlyReset = async (request: Request): Promise<unknown> => {
    const reader = read(request);
    await until(reader.isDone);
    expect(reader.items).toHaveLength(1);
    expect(reader.items[0]?.id).toBeUndefined();
    return reader.messages()[0];
  };

  it("comes for a gap of more than a thousand events, and not for a thousand (ORC-27)", async () => {
    await many(FEED_GAP_MAX_EVENTS);
    const head = 2 + FEED_GAP_MAX_EVENTS;
    expect(await onlyReset({ after: "1" })).toEqual({
      type: "reset",
      reason: "gap",
      generation: GENERATION,
      headSequence: head,
    });
    const reader = read({ after: "2" });
    await until(() => reader.types().includes("synchronized"));
    expect(reader.sequences()).toEqual(upTo(head, 3));
    await reader.stop();
  });

  it("comes for a gap of more than 8 MiB, from memory as from the log (ORC-27)", async () => {
    await world.dispatch(startTurn("turn"));
    const payload = { output: "x".repeat(900_000) };
    await world.ingest(
      1,
      Array.from({ length: 10 }, () => activity("tool.completed", { payload })),
    );
    expect(await onlyReset({ after: "4" })).toMatchObject({ reason: "gap" });
    const cold = await world.openOn(world.store);
    const reader = read({ after: "4" }, OWNER, cold);
    await until(reader.isDone);
    expect(reader.messages()).toMatchObject([{ type: "reset", reason: "gap" }]);
  });

  it("counts a thread's own events only, so that a quiet thread is caught up from far behind (ORC-27)", async () => {
    await many(FEED_GAP_MAX_EVENTS + 10);
    const reader = read({ after: "0", threadId: "thread" as ThreadId });
    await until(() => reader.types().includes("synchronized"));
    expect(reader.sequences()).toEqual([2]);
    await reader.stop();
  });

  it("counts a thread's own bytes only, also where all of them are in memory (ORC-27)", async () => {
    await world.dispatch(createThread({ threadId: "other" }));
    await world.dispatch(startTurn("turn", { threadId: "other" }));
    const payload = { output: "x".repeat(900_000) };
    const tools = upTo(10).map(() => activity("tool.completed", { threadId: "other", turnId: "turn", payload }));
    await world.ingest(1, tools);
    const reader = read({ after: "1", threadId: "thread" as ThreadId });
    await until(() => reader.types().includes("synchronized"));
    expect(reader.sequences()).toEqual([2]);
    await reader.stop();
  });

  it("comes for a position beyond the head and for another generation (ORC-27)", async () => {
    expect(await onlyReset({ after: "3" })).toMatchObject({ reason: "beyond-head", headSequence: 2 });
    expect(await onlyReset({ after: "old-generation:1" })).toMatchObject({ reason: "generation" });
    expect(await onlyReset({ lastEventId: "old-generation:1" })).toMatchObject({ reason: "generation" });
  });

  it("cuts off a reader too slow for the log's tail, which slowed nobody (ORC-27)", async () => {
    const abort = new AbortController();
    const [slow, stuck] = [0, 1].map(() => world.orchestration.feed(OWNER, { after: "2", signal: abort.signal }));
    for (const feed of [slow, stuck]) expect((await feed?.next())?.value?.message.type).toBe("synchronized");
    const fast = read({ after: "2" });
    await many(1_000);
    // One that stops in the middle keeps for itself what it was handed: a few events, not all that it had to catch up.
    expect((await stuck?.next())?.value?.message).toMatchObject({ event: { sequence: 3 } });
    await many(4_000, "more");
    await until(() => fast.sequences().length === 5_000);
    expect(fast.sequences()).toEqual(upTo(5_002, 3));
    const restOf = async (feed: typeof slow): Promise<FeedMessage[]> => {
      const rest: FeedMessage[] = [];
      for await (const { message } of feed ?? []) rest.push(message);
      return rest;
    };
    const reset = { type: "reset", reason: "slow-reader", headSequence: 5_002 };
    expect(await restOf(slow)).toMatchObject([reset]);
    const rest = await restOf(stuck);
    expect(rest.pop()).toMatchObject(reset);
    expect(rest.length).toBeLessThan(300);
    expect(rest.map((message) => message.type === "event" && message.event.sequence)).toEqual(upTo(rest.length + 3, 4));
    await fast.stop();
  });

  it("ends every feed when the hub closes, also one in the middle of its replay (ORC-27)", async () => {
    await many(300);
    const abort = new AbortController();
    const replaying = world.orchestration.feed(OWNER, { after: "0", signal: abort.signal });
    await replaying.next();
    const live = read();
    await until(() => live.types().includes("synchronized"));
    await world.orchestration.close();
    await until(live.isDone);
    expect(live.messages().at(-1)).toMatchObject({ type: "reset", reason: "stopping" });
    expect((await replaying.next()).value?.message).toMatchObject({ type: "reset", reason: "stopping" });
    expect((await replaying.next()).done).toBe(true);
    const signal = new AbortController().signal;
    expect(await refusalOf(world.orchestration.feed(OWNER, { signal }).next())).toBe("unavailable");
  });
});

onBothDatabases("live messages", () => {
  const live = (offset: number, text: string, threadId = "thread"): LiveDelta =>
    ({ threadId, turnId: "turn", messageId: "answer", offset, text }) as LiveDelta;

  it("come without an id, in order, between the events and unpersisted (ORC-23, ORC-27)", async () => {
    await world.dispatch(startTurn("turn"));
    const reader = read();
    await until(() => reader.types().includes("synchronized"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "he"));
    world.orchestration.publishDelta(nodeIdentity(), live(2, "llo"));
    await until(() => reader.items.length === 3);
    expect(reader.items.slice(1)).toEqual([
      { message: { type: "delta", delta: live(0, "he") } },
      { message: { type: "delta", delta: live(2, "llo") } },
    ]);
    expect(await world.eventTypes()).not.toContain("thread.message.assistant.delta");
    await reader.stop();
  });

  it("merged by offset with what is persisted, joining anywhere, end with exactly the final text (ORC-23)", async () => {
    await world.dispatch(startTurn("turn"));
    const final = "One 😀 two 漢字 three, and the end.";
    const merge = (reader: Reader): string => {
      let text = "";
      for (const message of reader.messages()) {
        const piece =
          message.type === "delta"
            ? message.delta
            : message.type === "event" && message.event.eventType === "thread.message-sent"
              ? (message.event.payload as { role: string; offset: number; text: string })
              : null;
        if (piece === null || ("role" in piece && piece.role !== "assistant") || piece.offset > text.length) continue;
        text = text.slice(0, piece.offset) + piece.text + text.slice(piece.offset + piece.text.length);
      }
      return text;
    };
    const readers: Reader[] = [];
    let persisted = 0;
    let journal = 0;
    for (let offset = 0; offset < final.length; offset += 3) {
      const text = final.slice(offset, offset + 3);
      world.orchestration.publishDelta(nodeIdentity(), live(offset, text));
      if (offset % 9 === 6 || offset + 3 >= final.length) {
        journal += 1;
        const piece = final.slice(persisted, offset + 3);
        if (!piece.isWellFormed()) continue;
        await world.ingest(journal, [delta(persisted, piece)]);
        persisted = offset + 3;
      }
      const { snapshotSequence } = await world.orchestration.getSnapshot(OWNER, { limit: 1 });
      if (offset % 6 === 0) readers.push(read({ after: "4", threadId: "thread" as ThreadId }));
      expect(snapshotSequence).toBeGreaterThan(0);
      await settled();
    }
    await until(() => readers.every((reader) => merge(reader) === final));
    for (const reader of readers) await reader.stop();
  });

  it("of a node are heard on its own threads only, and by those who may see them (ORC-16)", async () => {
    const [owner, stranger] = [read(), read({}, STRANGER)];
    await until(() => owner.types().includes("synchronized") && stranger.types().includes("synchronized"));
    world.orchestration.publishDelta(nodeIdentity("other-node"), live(0, "forged"));
    world.orchestration.publishDelta(nodeIdentity("node", "other-space"), live(0, "forged"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "x", "nowhere"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "true"));
    await until(() => owner.items.length === 2);
    await settled();
    expect(owner.messages().slice(1)).toEqual([{ type: "delta", delta: live(0, "true") }]);
    expect(stranger.items).toHaveLength(1);
    await Promise.all([owner.stop(), stranger.stop()]);
  });

  it("of calls that have begun come like text, from the thread's own node only (ORC-16, ORC-27)", async () => {
    const call = (title: string): LiveCall => ({
      threadId: "thread" as ThreadId,
      turnId: "turn" as LiveCall["turnId"],
      tool: { itemId: "item" as LiveCall["tool"]["itemId"], title, kind: "read", status: "running", locations: [] },
    });
    const [owner, stranger] = [read(), read({}, STRANGER)];
    await until(() => owner.types().includes("synchronized") && stranger.types().includes("synchronized"));
    world.orchestration.publishCall(nodeIdentity("other-node"), call("forged"));
    world.orchestration.publishCall(nodeIdentity(), call("true"));
    await until(() => owner.items.length === 2);
    await settled();
    expect(owner.items.slice(1)).toEqual([{ message: { type: "call", call: call("true") } }]);
    expect(stranger.items).toHaveLength(1);
    await Promise.all([owner.stop(), stranger.stop()]);
  });

  it("of another thread do not come to a thread's feed", async () => {
    await world.dispatch(createThread({ threadId: "second" }));
    const reader = read({ threadId: "thread" as ThreadId });
    await until(() => reader.types().includes("synchronized"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "x", "second"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "y"));
    await until(() => reader.items.length === 2);
    expect(reader.messages()[1]).toMatchObject({ delta: { text: "y" } });
    await reader.stop();
  });

  it("tell of nodes to members of their session alone (ORC-27)", async () => {
    const node = { nodeId: "node", sessionId: "session" } as NodeSummary;
    const [owner, stranger] = [read(), read({}, STRANGER)];
    await until(() => owner.items.length === 1 && stranger.items.length === 1);
    world.orchestration.publishPresence(nodeIdentity().spaceId, [node]);
    await until(() => owner.items.length === 2);
    await settled();
    expect(owner.items[1]).toEqual({ message: { type: "presence", node } });
    expect(stranger.items).toHaveLength(1);
    await Promise.all([owner.stop(), stranger.stop()]);
  });

  it("are bounded for a reader that takes none: the newest are kept (ORC-27)", async () => {
    const abort = new AbortController();
    const feed = world.orchestration.feed(OWNER, { signal: abort.signal });
    await feed.next();
    for (let index = 0; index < LIVE_MESSAGES_MAX + 500; index += 1)
      world.orchestration.publishDelta(nodeIdentity(), live(index, "x"));
    const offsets: number[] = [];
    while (offsets.length < LIVE_MESSAGES_MAX) {
      const { value } = await feed.next();
      if (value?.message.type === "delta") offsets.push(value.message.delta.offset);
    }
    expect(offsets).toEqual(upTo(LIVE_MESSAGES_MAX + 499, 500));
    abort.abort();
    expect((await feed.next()).done).toBe(true);
  });
});

onBothDatabases("a request that is given up", () => {
  it("while it waits ends its feed at once, and leaves no alarm behind", async () => {
    const reader = read();
    await until(() => reader.types().includes("synchronized"));
    await reader.stop();
    await settled();
    expect(world.time.alarms).toEqual([]);
  });

  it("before it began reads nothing", async () => {
    const abort = new AbortController();
    abort.abort();
    const feed = world.orchestration.feed(OWNER, { after: "0", signal: abort.signal });
    expect((await feed.next()).done).toBe(true);
  });

  it("and forgotten by its caller without an end holds nothing", async () => {
    const abort = new AbortController();
    const feed = world.orchestration.feed(OWNER, { after: "0", signal: abort.signal });
    await feed.next();
    abort.abort();
    await settled();
    expect(world.time.alarms).toEqual([]);
  });
});

onBothDatabases("a snapshot and the feed from it", () => {
  it("together are the log, for every history and every moment to look (ORC-26, ORC-27)", async () => {
    const TABLES = Object.keys(PROJECTION_KEYS) as ProjectionTable[];
    const rowsOf = async (from: World) => {
      const result = new Map<string, unknown[]>();
      for (const table of TABLES)
        result.set(
          table,
          (await from.rows<HubRow<ProjectionTable>>(`SELECT * FROM ${table}`)).map((row) => fromSql(table, row)),
        );
      return result;
    };
    const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(sortKeys(row))).sort();
    await fc.assert(
      fc.asyncProperty(someHistory(40), fc.nat(40), async (steps, moment) => {
        const other = await openWorld();
        try {
          await other.dispatch(createProject());
          await other.dispatch(createThread({ threadId: "thread-0" }));
          await play(other, steps.slice(0, moment));
          const { snapshotSequence } = await other.orchestration.getSnapshot(OWNER, { limit: 200 });
          const tables = new MemoryTables();
          for (const [table, rows] of await rowsOf(other)) tables.load(table as ProjectionTable, rows as never);
          const reader = read({ after: String(snapshotSequence) }, OWNER, other.orchestration);
          await play(other, steps.slice(moment));
          const { headSequence } = other.orchestration.head();
          await until(() => reader.types().includes("synchronized"));
          await until(() => headSequence === snapshotSequence || reader.sequences().at(-1) === headSequence);
          expect(reader.sequences()).toEqual(upTo(headSequence, snapshotSequence + 1));
          for (const message of reader.messages()) {
            const event = message.type === "event" ? knownEvent(message.event) : null;
            if (event !== null) tables.apply(projectAll(event));
          }
          for (const [table, rows] of await rowsOf(other))
            expect(sorted(tables.rows(table as ProjectionTable)), table).toEqual(sorted(rows));
          await reader.stop();
        } finally {
          await other.close();
        }
      }),
      { numRuns: 20 },
    );
  });
});

const sortKeys = (row: unknown): unknown =>
  Object.fromEntries(Object.entries(row as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1)));
