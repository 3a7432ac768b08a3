// What a feed tells beside the log, how it ends, and that a snapshot and the feed from it are the log.
import type { LiveCall, LiveDelta, NodeSummary, ThreadId } from "@muster/contracts";
import { MemoryTables, PROJECTION_KEYS, type ProjectionTable, projectAll } from "@muster/core";
import { createProject, createThread, delta, startTurn } from "@muster/core/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HubRow } from "../schema/index.ts";
import { fromSql } from "./columns.ts";
import { knownEvent } from "./event-log.ts";
import { LIVE_MESSAGES_MAX } from "./feed.ts";
import { type Reader, readersOf, upTo } from "./test-feed.ts";
import { play, someHistory } from "./test-histories.ts";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, STRANGER, settled, until, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const { read } = readersOf(() => world);

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

  it.each([
    ["revoked in the thread's session", "UPDATE runtime_node_attachments SET state = 'revoked' WHERE node_id = 'node'"],
    ["detached from it", "UPDATE runtime_node_attachments SET state = 'offline' WHERE node_id = 'node'"],
    ["suspended by its owner's end", "UPDATE session_memberships SET state = 'revoked' WHERE participant_id = 'owner'"],
    ["suspended by its owner's role", "UPDATE session_memberships SET role = 'viewer' WHERE participant_id = 'owner'"],
    ["suspended by the session's end", "UPDATE sessions SET state = 'archived'"],
  ])("NOD-16 of a node whose connection is still open end within a second when it is %s", async (_why, change) => {
    const reader = read();
    await until(() => reader.types().includes("synchronized"));
    world.orchestration.publishDelta(nodeIdentity(), live(0, "before"));
    await until(() => reader.items.length === 2);
    await world.run(change);
    world.time.advance(1_000);
    world.orchestration.publishDelta(nodeIdentity(), live(6, "after"));
    world.orchestration.publishCall(nodeIdentity(), {
      threadId: "thread" as ThreadId,
      turnId: "turn" as LiveCall["turnId"],
      tool: {
        itemId: "i" as LiveCall["tool"]["itemId"],
        title: "after",
        kind: "read",
        status: "running",
        locations: [],
      },
    });
    await settled();
    world.orchestration.publishPresence(nodeIdentity().spaceId, [
      { nodeId: "node", sessionId: "session" } as NodeSummary,
    ]);
    await until(() => reader.types().includes("presence"));
    expect(reader.types().slice(1)).toEqual(["delta", "presence"]);
    await reader.stop();
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
