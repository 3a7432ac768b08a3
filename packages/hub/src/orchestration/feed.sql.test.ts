// The live feed: no gap, no repeat, whoever writes meanwhile; a reset where a reader cannot be brought up, and nobody
// ever waits for a slow one.
import { FEED_GAP_MAX_EVENTS, FeedMessage, type ThreadId } from "@muster/contracts";
import { activity, command, createProject, createThread, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Request, readersOf, rename, upTo } from "./test-feed.ts";
import {
  GENERATION,
  OWNER,
  onBothDatabases,
  openWorld,
  refusalOf,
  STRANGER,
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

const { read, many } = readersOf(() => world);

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
    // Portions far smaller than the tail: however slow the machine is, who reads on keeps up.
    for (const length of [1_000, 2_000, 3_000, 4_000, 5_000]) {
      if (length > 1_000) await many(1_000, `up-to-${length}`);
      await until(() => fast.sequences().length === length);
    }
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
