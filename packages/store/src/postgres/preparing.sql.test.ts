// Answers made in a thread of the store: over connections of its own, and nobody else's trouble when one fails.
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../port.ts";
import { type OpenedSchema, openFreshPostgres, runOn } from "../testing/index.ts";
import { openPostgresStore } from "./store.ts";

const PREPARER = new URL("../threads/test-preparer.ts", import.meta.url);

let opened: OpenedSchema;
let store: Required<Pick<Store, "prepare">> & Store;
let workers: Worker[] = [];
const remember = (worker: Worker): void => void workers.push(worker);

beforeEach(async () => {
  opened = await openFreshPostgres();
  workers = [];
  process.on("worker", remember);
  await runOn(opened.options, `CREATE SCHEMA ${opened.options.schema}`);
  await runOn(opened.options, `CREATE TABLE ${opened.options.schema}.notes (id integer PRIMARY KEY, text text)`);
  const prepared = await openPostgresStore(opened.options, PREPARER);
  if (prepared.prepare === undefined) throw new Error("it prepares nothing");
  store = prepared as Required<Pick<Store, "prepare">> & Store;
});
afterEach(async () => {
  process.off("worker", remember);
  await store.close();
  await opened.dispose();
});

const insert = { sql: "INSERT INTO notes VALUES (1, 'a note')", parameters: [] };
const parsed = async (bytes: Promise<Uint8Array | null>): Promise<unknown> =>
  JSON.parse(new TextDecoder().decode((await bytes) ?? undefined));

test("are made by the module, from what is committed, or are none; a store that is closed makes none", async () => {
  await store.commit({ guards: [], statements: [insert] });
  expect(await parsed(store.prepare({ sql: "SELECT * FROM notes" }))).toEqual([{ id: 1, text: "a note" }]);
  expect(await store.prepare({ sql: null })).toBeNull();
  await store.close();
  await expect(store.prepare({ sql: null })).rejects.toMatchObject({ code: "unavailable" });
});

test("may read and never write", async () => {
  await expect(store.prepare({ sql: insert.sql })).rejects.toMatchObject({ name: "StoreError" });
  expect(await store.read({ sql: "SELECT * FROM notes", parameters: [] })).toEqual([]);
});

test("fail whoever asked when the module fails, and nobody beside", async () => {
  const failed = expect(store.prepare({ sql: "a mistake" })).rejects.toMatchObject({
    code: "invalid_statement",
    message: expect.stringContaining("a mistake of the module"),
  });
  const wrong = expect(store.prepare({ sql: "SELECT nothing" })).rejects.toMatchObject({ code: "invalid_statement" });
  expect(await parsed(store.prepare({ sql: "SELECT count(*) AS notes FROM notes" }))).toEqual([{ notes: 0 }]);
  await Promise.all([failed, wrong]);
});

test("are unavailable when the thread dies, and are made again; a commit goes on meanwhile", async () => {
  const dying = expect(store.prepare({ sql: "SELECT pg_sleep(60)" })).rejects.toMatchObject({ code: "unavailable" });
  await workers[0]?.terminate();
  expect(await store.commit({ guards: [], statements: [insert] })).toMatchObject({ status: "committed" });
  await dying;
  expect(await parsed(store.prepare({ sql: "SELECT count(*) AS notes FROM notes" }))).toEqual([{ notes: 1 }]);
});

test("are unavailable while their connection is ended, and are made again over another", async () => {
  expect(await store.prepare({ sql: null })).toBeNull();
  const waiting = expect(store.prepare({ sql: "SELECT pg_sleep(60)" })).rejects.toMatchObject({ code: "unavailable" });
  let ended: readonly unknown[] = [];
  while (ended.length === 0)
    ended = await runOn(
      opened.options,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'",
    );
  await waiting;
  expect(await parsed(store.prepare({ sql: "SELECT 1 AS one" }))).toEqual([{ one: 1 }]);
});

test("are none of a store that was opened without a module", () => {
  expect(opened.store.prepare).toBeUndefined();
});
