// Rebuilding projections while the hub serves: under load, killed half way, twice at once, and as a reader sees it.
import type { Worker } from "node:worker_threads";
import type { ProjectorName, Rebuild } from "@muster/contracts";
import { PROJECTION_TABLES, PROJECTOR_NAMES, PROJECTOR_TABLES } from "@muster/core";
import { command, createProject, createThread, startTurn } from "@muster/core/testing";
import type { Batch, CommitResult, Store } from "@muster/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Orchestration } from "../ports.ts";
import { listColumns } from "../schema/listing.ts";
import { DATABASES, type Database } from "../schema/test-databases.ts";
import { FREE_SWAPS_MAX } from "./rebuild.ts";
import { HOLD_MS, REBUILD_LEASE_MS } from "./rebuild-row.ts";
import { OWNER, openWorld, refusalOf, settled, until, type World } from "./test-world.ts";

type Committing = (batch: Batch) => Promise<CommitResult>;

/** Waits at a commit that a test picks, so that something else can happen there. */
class Gate {
  /** What stands between every commit and its store. */
  around: (batch: Batch, commit: Committing) => Promise<CommitResult> = (batch, commit) => commit(batch);
  /** Picks the commit that waits. */
  picks: (batch: Batch) => boolean = () => false;
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  get reached(): Promise<void> {
    return this.#reached.promise;
  }
  open(): void {
    this.#opened.resolve();
  }
  wrap(store: Store): Store {
    store.commit = this.#gated(store.commit.bind(store));
    const openScratch = store.openScratch?.bind(store);
    if (openScratch !== undefined)
      store.openScratch = async () => {
        const scratch = await openScratch();
        return { ...scratch, commit: this.#gated(scratch.commit.bind(scratch)) };
      };
    return store;
  }
  #gated(commit: Committing): Committing {
    return async (batch) => {
      if (this.picks(batch)) {
        this.picks = () => false;
        this.#reached.resolve();
        await this.#opened.promise;
      }
      return this.around(batch, commit);
    };
  }
}
const has = (batch: Batch, text: string): boolean => batch.statements.some(({ sql }) => sql.includes(text));
const isSwap = (batch: Batch): boolean => has(batch, 'FROM "shadow_') && has(batch, "UPDATE projection_state");
/** A page that is written, or, where that happens beside the store, what is told of several. */
const isPage = (batch: Batch): boolean =>
  !isSwap(batch) && (has(batch, 'INSERT INTO "shadow_') || has(batch, "SET applied_sequence"));

/** Of a page here, so that a short log has several. */
const PAGE_EVENTS = 40;

let world: World;
let gate: Gate;
beforeEach(() => {
  gate = new Gate();
});
afterEach(() => world.close());

/** Both databases, and SQLite as a hub opens it, whose rebuilds stand beside the store. */
const PLACES: readonly (readonly [name: string, database: Database, hasThreads: boolean])[] = [
  ...DATABASES.map(([name, database]) => [name, database, false] as const),
  ["SQLite in threads", "sqlite", true],
];
let place: { readonly database: Database; readonly hasThreads: boolean };

const open = async (threads = 3): Promise<void> => {
  world = await openWorld({
    ...place,
    isFile: true,
    wrapStore: (store) => gate.wrap(store),
    core: { pageEventsMax: PAGE_EVENTS },
  });
  await world.dispatch(createProject());
  for (let index = 0; index < threads; index += 250) {
    const some = Array.from({ length: Math.min(250, threads - index) }, (_one, place) => index + place);
    await Promise.all(some.map((thread) => world.dispatch(createThread({ threadId: `thread-${thread}` }))));
  }
};
const finished = async (orchestration: Orchestration = world.orchestration): Promise<Rebuild> => {
  let rebuild: Rebuild | null = null;
  await until(async () => {
    ({ rebuild } = await orchestration.projections());
    return rebuild?.state === "failed" || (rebuild?.state === "finished" && rebuild.rows !== null);
  });
  if (rebuild === null) throw new Error("there is no rebuild");
  return rebuild;
};
const rowsOfAll = async () => {
  const tables: Record<string, unknown> = {};
  for (const table of PROJECTION_TABLES)
    tables[table] = (await world.rows(`SELECT * FROM ${table}`)).map((row) => JSON.stringify(row)).sort();
  return tables;
};
const shadows = async () => Object.keys(await listColumns(world.store)).filter((table) => table.startsWith("shadow_"));
const rename = (title: string) => command("thread.meta.update", { threadId: "thread-0", title });

describe.each(PLACES)("%s: a rebuild", (_name, database, hasThreads) => {
  beforeEach(() => {
    place = { database, hasThreads };
  });

  it("makes rows anew that were wrong, and leaves right ones alone (ORC-25)", async () => {
    await open();
    await world.dispatch(startTurn("turn", { threadId: "thread-0" }));
    await settled();
    const right = await rowsOfAll();
    await world.run("UPDATE projection_threads SET title = 'wrong' WHERE thread_id = 'thread-1'");
    await world.run("DELETE FROM projection_thread_turns");
    await world.run(
      `INSERT INTO projection_thread_messages SELECT space_id, 'nobody-sent', thread_id, turn_id, role, text, attachments_json,
       is_streaming, created_at, updated_at FROM projection_thread_messages`,
    );
    await world.orchestration.rebuildProjections();
    const rebuild = await finished();
    expect(rebuild).toMatchObject({
      state: "finished",
      error: null,
      skipped: { count: 0 },
      projectors: PROJECTOR_NAMES,
    });
    expect(rebuild.rows).toEqual({ removed: 2, written: 2 });
    expect(await rowsOfAll()).toEqual(right);
    expect(await shadows()).toEqual([]);
    await world.orchestration.rebuildProjections();
    expect((await finished()).rows).toEqual({ removed: 0, written: 0 });
    expect(world.bugs).toEqual([]);
  });

  it.each([...PROJECTOR_NAMES])("of %s alone touches no other rows (ORC-25)", async (projector: ProjectorName) => {
    await open();
    await world.dispatch(startTurn("turn", { threadId: "thread-0" }));
    await settled();
    const right = await rowsOfAll();
    for (const table of ["projection_threads", "projection_thread_sessions"]) await world.run(`DELETE FROM ${table}`);
    await world.orchestration.rebuildProjections(projector);
    expect(await finished()).toMatchObject({ state: "finished", projectors: [projector] });
    const after = await rowsOfAll();
    for (const table of PROJECTION_TABLES) {
      const isGone = ["projection_threads", "projection_thread_sessions"].includes(table);
      expect(after[table], table).toEqual(isGone && table !== PROJECTOR_TABLES[projector] ? [] : right[table]);
    }
  });

  it("goes on while commands are dispatched, and ends with the rows of them all (ORC-25)", async () => {
    await open(PAGE_EVENTS + 10);
    let dispatched = 0;
    let isOver = false;
    const writer = async (name: number): Promise<void> => {
      for (let turn = 0; !isOver; turn += 1) {
        await world.dispatch(createThread({ threadId: `during-${name}-${turn}` }));
        dispatched += 1;
      }
    };
    const writers = [writer(0), writer(1), writer(2)];
    await world.orchestration.rebuildProjections();
    const rebuild = await finished();
    isOver = true;
    await Promise.all(writers);
    expect(rebuild).toMatchObject({ state: "finished", rows: { removed: 0, written: 0 } });
    expect(dispatched).toBeGreaterThan(3);
    const [count] = await world.rows("SELECT count(*) AS n FROM projection_threads");
    expect(count).toEqual({ n: PAGE_EVENTS + 10 + dispatched });
    expect(await shadows()).toEqual([]);
    const live = await rowsOfAll();
    await world.orchestration.rebuildProjections();
    expect((await finished()).rows).toEqual({ removed: 0, written: 0 });
    expect(await rowsOfAll()).toEqual(live);
    expect(world.bugs).toEqual([]);
  });

  it("never lets snapshotSequence fall, and shows old rows or new ones, as a reader sees it that polls (ORC-25)", async () => {
    await open(300);
    await world.run("UPDATE projection_threads SET title = 'wrong'");
    let isOver = false;
    const seen: { sequence: number; titles: string[] }[] = [];
    const poll = async (): Promise<void> => {
      while (!isOver) {
        const { snapshotSequence, threads } = await world.orchestration.getSnapshot(OWNER, { limit: 200 });
        await new Promise((resolve) => setImmediate(resolve));
        seen.push({ sequence: snapshotSequence, titles: [...new Set(threads.map(({ title }) => title))] });
      }
    };
    const polling = poll();
    await world.orchestration.rebuildProjections();
    await finished();
    await world.dispatch(createThread({ threadId: "last" }));
    isOver = true;
    await polling;
    for (const { titles } of seen) expect([["wrong"], ["A thread"]]).toContainEqual(titles);
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map(({ sequence }) => sequence).sort((a, b) => a - b));
    expect(Math.min(...seen.map(({ sequence }) => sequence))).toBe(301);
  });

  it("holds appends for the swap when they keep overtaking it, and no command is refused (ORC-25)", async () => {
    await open();
    const { orchestration: other, store } = await world.another();
    let appended = 0;
    let held = 0;
    // As often as it tries, another hub is quicker.
    gate.around = async (batch, commit) => {
      if (isSwap(batch)) {
        const dispatched = other.dispatch(OWNER, createThread({ threadId: `overtakes-${appended}` }));
        const before = appended;
        const overtaken = dispatched.then(() => {
          appended += 1;
        });
        await until(async () => {
          const [row] = await store.read({ sql: "SELECT held_until FROM projection_rebuilds", parameters: [] });
          if (row?.["held_until"] !== null) held += 1;
          return appended > before || row?.["held_until"] !== null;
        });
        const result = await commit(batch);
        // What was held goes on when it looks again.
        await until(async () => {
          world.time.advance(10);
          return appended > before;
        });
        await overtaken;
        return result;
      }
      return commit(batch);
    };
    await world.orchestration.rebuildProjections();
    expect(await finished()).toMatchObject({ state: "finished", error: null });
    await until(() => appended === FREE_SWAPS_MAX + 1);
    expect(held).toBeGreaterThan(0);
    expect(await world.rows("SELECT count(*) AS n FROM projection_threads")).toEqual([{ n: 3 + appended }]);
    expect(world.bugs).toEqual([]);
  });

  it("lets appends go on when a process dies while it holds them (ORC-25)", async () => {
    await open();
    const { orchestration: other } = await world.another();
    const end = new Date(world.time.now() + HOLD_MS).toISOString();
    await world.run(
      `INSERT INTO projection_rebuilds VALUES (1, 'dead', '["threads"]', 'running', 0, 0, '{}', NULL, NULL, NULL, ?, ?, ?, NULL)`,
      end,
      end,
      end,
    );
    const waiting = other.dispatch(OWNER, rename("at last"));
    let isAnswered = false;
    const answered = waiting.then(() => {
      isAnswered = true;
    });
    await until(() => world.time.alarms.length > 0);
    expect(isAnswered).toBe(false);
    world.time.advance(HOLD_MS);
    await answered;
  });

  it("makes the hub forget what it had read from wrong rows, on every hub of the store (ORC-25)", async () => {
    await open();
    const { orchestration: other } = await world.another();
    await world.run("UPDATE projection_threads SET archived_at = created_at WHERE thread_id = 'thread-0'");
    // Whoever asks now keeps the wrong state in its cache.
    expect(await refusalOf(other.dispatch(OWNER, rename("refused")))).toBe("thread_archived");
    expect(await refusalOf(other.dispatch(OWNER, startTurn("refused", { threadId: "thread-0" })))).toBe(
      "thread_archived",
    );
    await world.orchestration.rebuildProjections("threads");
    expect(await finished(other)).toMatchObject({ state: "finished", rows: { removed: 1, written: 1 } });
    await other.dispatch(OWNER, rename("accepted"));
    await world.dispatch(rename("accepted here"));
    await settled();
    await other.dispatch(OWNER, startTurn("turn", { threadId: "thread-0" }));
  });

  it("is one at a time for the whole store: a second one is refused, here and on another hub (ORC-25)", async () => {
    await open();
    const { orchestration: other } = await world.another();
    gate.picks = isSwap;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    for (const orchestration of [world.orchestration, other])
      expect(await refusalOf(orchestration.rebuildProjections("threads"))).toBe("rebuild_running");
    gate.open();
    await finished();
    await other.rebuildProjections("threads");
    expect(await finished(other)).toMatchObject({ state: "finished", rebuildNumber: 2 });
  });

  it("begun twice at the same moment runs once (ORC-25)", async () => {
    await open();
    const { orchestration: other } = await world.another();
    const outcomes = await Promise.allSettled([world.orchestration.rebuildProjections(), other.rebuildProjections()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await finished();
  });

  it("that was killed leaves only shadow tables, which the next start drops, and live rows as they were (ORC-25)", async () => {
    await open(PAGE_EVENTS + 10);
    const before = await rowsOfAll();
    gate.picks = isSwap;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    expect(await shadows()).toHaveLength(hasThreads ? 0 : PROJECTION_TABLES.length);
    // The lease of the dead is over when the next process starts.
    world.time.advance(REBUILD_LEASE_MS);
    await world.restart();
    expect(await shadows()).toEqual([]);
    expect(await rowsOfAll()).toEqual(before);
    const { rebuild } = await world.orchestration.projections();
    expect(rebuild).toMatchObject({ state: "failed", error: "unavailable", rows: null });
    gate.open();
    await settled();
    await world.orchestration.rebuildProjections();
    expect(await finished()).toMatchObject({ state: "finished", rebuildNumber: 2 });
  });

  it("that was taken over changes nothing any more (ORC-25)", async () => {
    await open(PAGE_EVENTS * 6);
    const { orchestration: other } = await world.another();
    gate.picks = isPage;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    world.time.advance(REBUILD_LEASE_MS);
    await other.rebuildProjections();
    expect(await finished(other)).toMatchObject({ state: "finished", rebuildNumber: 2 });
    const after = await rowsOfAll();
    gate.open();
    await settled();
    expect(await rowsOfAll()).toEqual(after);
    expect(await finished(other)).toMatchObject({ state: "finished", rebuildNumber: 2 });
    expect(await shadows()).toEqual([]);
  });

  it("that was taken over writes nothing into the tables of the one that took it over (ORC-25)", async () => {
    await open(PAGE_EVENTS * 6);
    await world.dispatch(rename("new"));
    const before = await rowsOfAll();
    const { orchestration: other, store } = await world.another();
    gate.picks = isPage;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    world.time.advance(REBUILD_LEASE_MS);
    const second = new Gate();
    second.wrap(store);
    second.picks = isSwap;
    await other.rebuildProjections();
    await second.reached;
    gate.open();
    // Resolves when the first one has given up.
    await world.orchestration.close();
    second.open();
    const rebuild = { state: "finished", rebuildNumber: 2, rows: { removed: 0, written: 0 } };
    expect(await finished(other)).toMatchObject(rebuild);
    expect(await rowsOfAll()).toEqual(before);
    expect(world.bugs).toEqual([]);
  });

  it("ends with the hub that does it, without a trace in the rows (ORC-25)", async () => {
    await open(PAGE_EVENTS * 6);
    const before = await rowsOfAll();
    gate.picks = isPage;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    const closing = world.orchestration.close();
    gate.open();
    await closing;
    expect(await shadows()).toEqual([]);
    expect(await rowsOfAll()).toEqual(before);
    const [row] = await world.rows("SELECT status, error_code FROM projection_rebuilds");
    expect(row).toEqual({ status: "failed", error_code: "unavailable" });
  });

  it("skips what this program cannot read and says how many (ORC-6)", async () => {
    await open();
    for (const [index, type] of ["thread.dreamt", "thread.dreamt", "thread.archived"].entries())
      await world.run(
        `INSERT INTO orchestration_events SELECT (SELECT max(sequence) + 1 FROM orchestration_events), 'strange-${index}', space_id,
         aggregate_kind, stream_id, ${2 + index}, ?, '2.0', occurred_at, NULL, NULL, NULL, actor_kind, actor_id, 'no json', '{}'
         FROM orchestration_events WHERE stream_id = 'thread-0' AND stream_version = 1`,
        type,
      );
    await world.orchestration.rebuildProjections();
    const kinds = [
      { eventType: "thread.dreamt", schemaVersion: "2.0", count: 2 },
      { eventType: "thread.archived", schemaVersion: "2.0", count: 1 },
    ];
    expect(await finished()).toMatchObject({ state: "finished", skipped: { count: 3, kinds } });
    await until(() => world.bugs.length > 0);
    expect(world.bugs.map(String)).toEqual([expect.stringContaining("A rebuild skipped 3 events")]);
    await world.restart();
    expect((await world.orchestration.projections()).skipped.count).toBe(0);
  });
});

describe("a rebuild beside the store", () => {
  beforeEach(() => {
    place = { database: "sqlite", hasThreads: true };
  });

  it("reads no event and writes no shadow in the hub's own thread, which goes on serving (ORC-25)", async () => {
    const read: string[] = [];
    const written: string[] = [];
    await open(PAGE_EVENTS * 3);
    const { store } = world;
    for (const name of ["read", "readTransaction"] as const) {
      const reading = store[name].bind(store) as (queries: unknown) => Promise<never>;
      store[name] = (queries: unknown) => {
        read.push(JSON.stringify(queries));
        return reading(queries);
      };
    }
    gate.around = (batch, commit) => {
      written.push(...batch.statements.map(({ sql }) => sql));
      return commit(batch);
    };
    await world.orchestration.rebuildProjections();
    expect(await finished()).toMatchObject({ state: "finished", rows: { removed: 0, written: 0 } });
    expect(read.filter((queries) => queries.includes("payload_json"))).toEqual([]);
    expect(written.filter((sql) => /(INSERT INTO|CREATE TABLE) "shadow_/.test(sql))).toEqual([]);
  });

  it("looks before the swap for what differs, and at the swap at nothing else but what changed since (ORC-25)", async () => {
    await open(5);
    await world.run("UPDATE projection_threads SET title = 'wrong' WHERE thread_id IN ('thread-0', 'thread-1')");
    await world.run("DELETE FROM projection_thread_sessions WHERE thread_id = 'thread-4'");
    gate.picks = isSwap;
    await world.orchestration.rebuildProjections();
    await gate.reached;
    // After the look: one of the wrong rows is renamed, a right one is, and another comes.
    await world.dispatch(command("thread.meta.update", { threadId: "thread-1", title: "renamed" }));
    await world.dispatch(command("thread.meta.update", { threadId: "thread-2", title: "renamed" }));
    await world.dispatch(createThread({ threadId: "during" }));
    // Changed past the log when all was compared: no longer looked at.
    await world.run("UPDATE projection_threads SET title = 'wrong later' WHERE thread_id = 'thread-3'");
    gate.open();
    expect(await finished()).toMatchObject({ state: "finished", rows: { removed: 1, written: 2 } });
    const titles = await world.rows("SELECT thread_id, title FROM projection_threads ORDER BY thread_id");
    expect(Object.fromEntries(titles.map((row) => [row["thread_id"], row["title"]]))).toEqual({
      "thread-0": "A thread",
      "thread-1": "renamed",
      "thread-2": "renamed",
      "thread-3": "wrong later",
      "thread-4": "A thread",
      during: "A thread",
    });
    expect(await world.rows("SELECT count(*) AS n FROM projection_thread_sessions")).toEqual([{ n: 6 }]);
    await world.orchestration.rebuildProjections();
    expect((await finished()).rows).toEqual({ removed: 1, written: 1 });
  });

  it("whose thread dies has failed and changed nothing, and the next one finishes (ORC-25)", async () => {
    const workers: Worker[] = [];
    const remember = (worker: Worker): void => void workers.push(worker);
    await open(PAGE_EVENTS * 8);
    await world.run("UPDATE projection_threads SET title = 'wrong'");
    const before = await rowsOfAll();
    gate.picks = isPage;
    process.on("worker", remember);
    await world.orchestration.rebuildProjections();
    await gate.reached;
    process.off("worker", remember);
    expect(workers).toHaveLength(1);
    await workers[0]?.terminate();
    gate.open();
    expect(await finished()).toMatchObject({ state: "failed", error: "unavailable", rows: null });
    expect(await rowsOfAll()).toEqual(before);
    await world.dispatch(createThread({ threadId: "served" }));
    await world.orchestration.rebuildProjections();
    expect(await finished()).toMatchObject({ state: "finished", rows: { removed: PAGE_EVENTS * 8 } });
    expect(world.bugs).toHaveLength(1);
  });
});
