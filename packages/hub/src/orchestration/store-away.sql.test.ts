// Effects and feeds while the store is away for a moment: nothing that was accepted may wait for the next event, and
// nothing may be given up for a fault that is not its own.
import { createProject, createThread, startTurn } from "@muster/core/testing";
import { type Batch, type Query, type Store, StoreError } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EFFECT_LEASE_MS } from "./effect-worker.ts";
import { OWNER, onBothDatabases, openWorld, refusalOf, until, type World } from "./test-world.ts";

let world: World;
let refuses: {
  commit?: (batch: Batch) => boolean;
  read?: (queries: readonly Query[]) => boolean;
  single?: (query: Query) => boolean;
};
/** Picks a commit whose answer is lost on its way. */
let loses: (batch: Batch) => boolean;
const unavailable = () => Promise.reject(new StoreError("unavailable", "the disk is full"));

const wrapStore = (store: Store): Store => ({
  dialect: store.dialect,
  read: (query) => (refuses.single?.(query) ? unavailable() : store.read(query)),
  readTransaction: (queries) => (refuses.read?.(queries) ? unavailable() : store.readTransaction(queries)),
  commit: async (batch) => {
    if (refuses.commit?.(batch)) return unavailable();
    const result = await store.commit(batch);
    if (loses(batch)) throw new StoreError("outcome_unknown", "the connection broke");
    return result;
  },
  migrate: (set, stamp) => store.migrate(set, stamp),
  close: () => store.close(),
});

beforeEach(async () => {
  refuses = {};
  loses = () => false;
  world = await openWorld({ wrapStore });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const turnStatus = async () => (await world.rows("SELECT status FROM projection_thread_turns"))[0]?.["status"];

onBothDatabases("a store that is away for a moment", () => {
  it("a start that could not be claimed is handed over when the store is back, though nothing else happens (ORC-24)", async () => {
    refuses.commit = ({ statements }) => statements.some(({ sql }) => /lease_owner = [?$]/.test(sql));
    await world.dispatch(startTurn("turn"));
    await until(() => world.bugs.length > 0);
    expect(world.nodes.runs).toEqual([]);
    refuses = {};
    world.time.advance(1_000);
    await until(() => world.nodes.runs.length === 1);
  });

  it("a start whose facts could not be read is not given up: its lease runs out and it goes again (ORC-24)", async () => {
    refuses.read = (queries) => queries.some(({ sql }) => sql.includes("runtime_mode, t.worktree_path"));
    await world.dispatch(startTurn("turn"));
    await until(() => world.bugs.length > 0);
    expect(await turnStatus()).toBe("running");
    refuses = {};
    world.time.advance(EFFECT_LEASE_MS + 1);
    await until(() => world.nodes.runs.length === 1);
  });

  it("an event that could not be read for the feeds reaches them when the store is back, though nothing else happens (ORC-27)", async () => {
    const abort = new AbortController();
    const feed = world.orchestration.feed(OWNER, { signal: abort.signal });
    expect((await feed.next()).value?.message.type).toBe("synchronized");
    const next = feed.next();
    refuses.single = ({ sql }) => sql.includes("orchestration_events") && sql.includes("LIMIT");
    await world.dispatch(createThread({ threadId: "second" }));
    await until(() => world.bugs.length > 0);
    refuses = {};
    world.time.advance(1_000);
    expect((await next).value?.message).toMatchObject({ type: "event", event: { eventType: "thread.created" } });
    abort.abort();
  });

  it("what was committed though its answer was lost reaches readers and its node, though nothing else happens (ORC-24, ORC-27)", async () => {
    const abort = new AbortController();
    const feed = world.orchestration.feed(OWNER, { signal: abort.signal });
    expect((await feed.next()).value?.message.type).toBe("synchronized");
    const start = startTurn("turn");
    loses = ({ statements }) => statements.some(({ sql }) => sql.includes("orchestration_effects"));
    expect(await refusalOf(world.dispatch(start))).toBe("outcome_unknown");
    loses = () => false;
    expect(await world.dispatch(start)).toMatchObject({ receipt: "duplicate" });
    expect((await feed.next()).value?.message).toMatchObject({ event: { eventType: "thread.message-sent" } });
    await until(() => world.nodes.runs.length === 1);
    abort.abort();
  });
});
