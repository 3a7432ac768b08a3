// What threads add to the port's promises: they die, they end with the store, and they let others pass.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism, getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Query, Store } from "../../port.ts";
import { GIVING_WAY_NICENESS } from "../../threads/priority.ts";
import { CALLER_AND_WRITER, READER_THREADS } from "../limits.ts";
import { openSqliteStore } from "../store.ts";
import { Turns } from "./turns.ts";

let directory: string;
let path: string;
let workers: Worker[] = [];
const remember = (worker: Worker): void => void workers.push(worker);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "muster-store-"));
  path = join(directory, "store.db");
  workers = [];
  process.on("worker", remember);
});
afterEach(async () => {
  process.off("worker", remember);
  await rm(directory, { recursive: true });
});

const SET = {
  name: "sample",
  migrations: [{ number: 1, name: "notes", sqlite: ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT"] }],
};
const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" };

const openThreads = async (): Promise<Store> => {
  const store = await openSqliteStore({ path, useThreads: true });
  await store.migrate(SET, STAMP);
  return store;
};
const nothing = { guards: [], statements: [] };
const insertOf = (id: number) => ({ sql: "INSERT INTO notes VALUES (?, 'a note')", parameters: [id] });
const count: Query = { sql: "SELECT count(*) AS notes FROM notes", parameters: [] };
/** Keeps a thread busy for some tenths of a second. */
const LONG =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) SELECT max(i) AS i FROM n";
const long: Query = { sql: LONG, parameters: [] };

test("a commit that was under way when its thread died has an unknown outcome, is not there by half, and the next one works", async () => {
  const store = await openThreads();
  const dying = store.commit({
    guards: [],
    statements: [insertOf(1), { sql: LONG, parameters: [], returning: true }, insertOf(2)],
  });
  const refused = expect(dying).rejects.toMatchObject({ name: "StoreError", code: "outcome_unknown" });
  const behind = expect(store.commit(nothing)).rejects.toMatchObject({ code: "outcome_unknown" });
  await workers[0]?.terminate();
  await Promise.all([refused, behind]);
  expect(await store.commit({ guards: [], statements: [insertOf(3)] })).toMatchObject({ status: "committed" });
  expect(await store.read({ sql: "SELECT id FROM notes", parameters: [] })).toEqual([{ id: 3 }]);
  await store.close();
});

test("reads that were under way when their thread died are unavailable, and the next ones work", async () => {
  const store = await openThreads();
  const dying = Promise.allSettled([store.read(long), store.readTransaction([long])]);
  await Promise.all(workers.slice(1).map((worker) => worker.terminate()));
  for (const one of await dying) expect(one).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  expect(await store.read(count)).toEqual([{ notes: 0 }]);
  await store.close();
});

test("closing lets running calls end, refuses later ones, and leaves no thread, no lock and no log behind", async () => {
  const store = await openThreads();
  const exits = workers.map((worker) => once(worker, "exit"));
  const commits = [1, 2, 3].map((id) => store.commit({ guards: [], statements: [insertOf(id)] }));
  const read = store.read(long);
  const closed = store.close();
  await expect(store.commit(nothing)).rejects.toMatchObject({ code: "unavailable" });
  await expect(store.read({ ...count, isKeyed: true })).rejects.toMatchObject({ code: "unavailable" });
  expect(await Promise.all(commits)).toMatchObject([1, 2, 3].map(() => ({ status: "committed" })));
  expect(await read).toEqual([{ i: 1_500_000 }]);
  await closed;
  expect(await Promise.all(exits)).toEqual(exits.map(() => [0]));
  await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: "ENOENT" });
  const again = await openSqliteStore({ path, readOnly: true });
  expect(await again.read(count)).toEqual([{ notes: 3 }]);
  await again.close();
});

test("a read by key does not wait for a long one, nor does a commit, and both see what was committed", async () => {
  const store = await openThreads();
  const order: string[] = [];
  const told = (name: string) => () => void order.push(name);
  const longs = Promise.all(Array.from({ length: 4 }, () => store.read(long))).then(told("long"));
  await store.commit({ guards: [], statements: [insertOf(1)] }).then(told("commit"));
  expect(await store.read({ ...count, isKeyed: true })).toEqual([{ notes: 1 }]);
  order.push("keyed");
  await longs;
  expect(order).toEqual(["commit", "keyed", "long"]);
  await store.close();
});

test("a file that is no database is corrupt, and no thread stays", async () => {
  await writeFile(path, "these are notes, and long enough to be a header\n".repeat(100));
  const opening = openSqliteStore({ path, useThreads: true });
  const exits = workers.map((worker) => once(worker, "exit"));
  await expect(opening).rejects.toMatchObject({ code: "corrupt", message: expect.stringContaining(path) });
  await Promise.all(exits);
});

test("a process ends though its store is open, and not before what it waits for", async () => {
  const script = `import { openSqliteStore } from ${JSON.stringify(new URL("../store.ts", import.meta.url).href)};
    const store = await openSqliteStore({ path: process.argv[1], useThreads: true });
    store.commit({ guards: [], statements: [] }).then((result) => console.log(result.status));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(said).toBe("committed\n");
});

describe("a store with a preparer", () => {
  const openPrepared = async (): Promise<Required<Pick<Store, "prepare">> & Store> => {
    const preparer = new URL("../../threads/test-preparer.ts", import.meta.url);
    const store = await openSqliteStore({ path, useThreads: true, preparer });
    await store.migrate(SET, STAMP);
    if (store.prepare === undefined) throw new Error("it prepares nothing");
    return store as Required<Pick<Store, "prepare">> & Store;
  };
  const parsed = async (bytes: Promise<Uint8Array | null>): Promise<unknown> =>
    JSON.parse(new TextDecoder().decode((await bytes) ?? undefined));

  test("answers by its module, from what is committed, or with nothing", async () => {
    const store = await openPrepared();
    await store.commit({ guards: [], statements: [insertOf(1)] });
    expect(await parsed(store.prepare({ sql: "SELECT * FROM notes" }))).toEqual([{ id: 1, text: "a note" }]);
    expect(await store.prepare({ sql: null })).toBeNull();
    await store.close();
    await expect(store.prepare({ sql: null })).rejects.toMatchObject({ code: "unavailable" });
  });

  test("fails whoever asked when the module fails, and nobody beside", async () => {
    const store = await openPrepared();
    const failed = expect(store.prepare({ sql: "a mistake" })).rejects.toMatchObject({
      code: "invalid_statement",
      message: expect.stringContaining("a mistake of the module"),
    });
    const wrong = expect(store.prepare({ sql: "SELECT nothing" })).rejects.toMatchObject({ code: "invalid_statement" });
    expect(await parsed(store.prepare({ sql: "SELECT count(*) AS notes FROM notes" }))).toEqual([{ notes: 0 }]);
    await Promise.all([failed, wrong]);
    await store.close();
  });

  test("is unavailable when its thread dies, and answers again", async () => {
    const store = await openPrepared();
    const dying = expect(store.prepare({ sql: LONG })).rejects.toMatchObject({ code: "unavailable" });
    await Promise.all(workers.slice(1).map((worker) => worker.terminate()));
    await dying;
    expect(await parsed(store.prepare({ sql: "SELECT count(*) AS notes FROM notes" }))).toEqual([{ notes: 0 }]);
    await store.close();
  });

  test.skipIf(process.platform !== "linux")(
    "gives way with the threads that prepare, so that the event loop and the writer need not wait behind them",
    async () => {
      const before = new Set(await readdir("/proc/self/task"));
      const store = await openPrepared();
      await store.prepare({ sql: null });
      const threads = (await readdir("/proc/self/task")).filter((thread) => !before.has(thread));
      const stats = await Promise.all(threads.map((thread) => readFile(`/proc/self/task/${thread}/stat`, "utf8")));
      // The 19th field, counted behind the name, which may hold spaces: proc_pid_stat(5).
      const nice = stats.map((stat) => Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]));
      const ownPriority = getPriority();
      expect(nice.filter((one) => one === ownPriority + GIVING_WAY_NICENESS)).toHaveLength(
        Math.min(READER_THREADS, Math.max(1, availableParallelism() - CALLER_AND_WRITER)),
      );
      expect(nice.filter((one) => one === ownPriority).length).toBeGreaterThan(0);
      await store.close();
    },
  );

  test("is one that prepares nothing without it", async () => {
    const store = await openThreads();
    expect(store.prepare).toBeUndefined();
    await store.close();
  });
});

describe("a scratch", () => {
  const preparer = new URL("../../threads/test-preparer.ts", import.meta.url);
  const openBeside = async () => {
    const store = await openSqliteStore({ path, useThreads: true, preparer });
    await store.migrate(SET, STAMP);
    await store.commit({ guards: [], statements: [insertOf(1)] });
    if (store.openScratch === undefined) throw new Error("it has no scratch");
    return { store, scratch: await store.openScratch() };
  };
  const statement = (sql: string) => ({ sql, parameters: [] });
  const filling = {
    statements: [
      statement("CREATE TABLE beside AS SELECT * FROM notes WHERE 1 = 0"),
      statement("INSERT INTO beside SELECT id + 10, 'from beside' FROM notes"),
    ],
    query: statement("SELECT (SELECT count(*) FROM beside) AS beside, (SELECT count(*) FROM notes) AS notes"),
  };
  const taken = [statement("INSERT INTO notes SELECT * FROM beside")];

  test("holds tables that nobody else sees and no file shows, and its rows go into the store in one commit", async () => {
    const { store, scratch } = await openBeside();
    expect(await scratch.work(filling)).toEqual([{ beside: 1, notes: 1 }]);
    await expect(store.read(statement("SELECT * FROM beside"))).rejects.toMatchObject({ code: "invalid_statement" });
    expect((await readdir(directory)).filter((name) => name.includes("scratch"))).toEqual([]);
    const guards = [{ query: count, expected: [{ notes: 2 }] }];
    expect(await scratch.commit({ guards, statements: taken })).toMatchObject({ status: "conflict" });
    expect(await scratch.commit({ guards: [], statements: taken })).toMatchObject({ changes: [1] });
    expect(await store.read(statement("SELECT id FROM notes ORDER BY id"))).toEqual([{ id: 1 }, { id: 11 }]);
    await scratch.close();
    await scratch.close();
    await store.close();
    await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("fills its tables while others write, and they wait for its commit instead of its lock", async () => {
    const { store, scratch } = await openBeside();
    const working = scratch.work({ ...filling, query: long });
    expect(await store.commit({ guards: [], statements: [insertOf(2)] })).toMatchObject({ status: "committed" });
    await working;
    const long2 = { ...long, returning: true };
    const committing = scratch.commit({ guards: [], statements: [...taken, long2, long2] });
    const order: string[] = [];
    const told = (name: string) => () => void order.push(name);
    const behind = store.commit({ guards: [], statements: [insertOf(3)] }).then(told("behind"));
    await Promise.all([committing.then(told("scratch")), behind]);
    expect(order).toEqual(["scratch", "behind"]);
    await scratch.close();
    await store.close();
  });

  test("is gone with its thread, and says so from then on; the store stays, and gives another", async () => {
    const { store, scratch } = await openBeside();
    await scratch.work(filling);
    const dying = expect(scratch.work({ statements: [], query: long })).rejects.toMatchObject({ code: "unavailable" });
    await workers.at(-1)?.terminate();
    await dying;
    await expect(scratch.work(filling)).rejects.toMatchObject({ code: "unavailable" });
    await expect(scratch.commit({ guards: [], statements: taken })).rejects.toMatchObject({ code: "unavailable" });
    expect(await store.commit({ guards: [], statements: [insertOf(2)] })).toMatchObject({ status: "committed" });
    const another = await store.openScratch?.();
    expect(await another?.work(filling)).toEqual([{ beside: 2, notes: 2 }]);
    await store.close();
    await expect(another?.work(filling)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that fails in the middle of its commit has changed nothing", async () => {
    const { store, scratch } = await openBeside();
    await scratch.work(filling);
    const dying = scratch.commit({ guards: [], statements: [...taken, { ...long, returning: true }] });
    const refused = expect(dying).rejects.toMatchObject({ code: "outcome_unknown" });
    await workers.at(-1)?.terminate();
    await refused;
    expect(await store.commit({ guards: [], statements: [insertOf(2)] })).toMatchObject({ status: "committed" });
    expect(await store.read(statement("SELECT id FROM notes ORDER BY id"))).toEqual([{ id: 1 }, { id: 2 }]);
    await store.close();
  });
});

test("a value that no message carries is the caller's mistake", async () => {
  const store = await openThreads();
  const value = (() => undefined) as unknown as string;
  const statements = [{ sql: "INSERT INTO notes VALUES (1, ?)", parameters: [value] }];
  await expect(store.commit({ guards: [], statements })).rejects.toMatchObject({ code: "invalid_statement" });
  await store.close();
});

test("large answers are handed over one per turn of the event loop, in their order", async () => {
  const turns = new Turns();
  let turn = 0;
  const count = (): void => {
    turn += 1;
    if (turn < 20) setImmediate(count);
  };
  setImmediate(count);
  const seen = await Promise.all(["a", "b", "c"].map(async (name) => [name, await turns.next(), turn] as const));
  expect(seen.map(([name]) => name)).toEqual(["a", "b", "c"]);
  expect(new Set(seen.map(([, , at]) => at)).size).toBe(3);
});
