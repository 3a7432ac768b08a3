// What is particular to a SQLite file: its mode, its durability settings, and what opening says about a bad one.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../port.ts";
import { openSqliteStore } from "./index.ts";
import { WAL_CHECKPOINT_PAGES } from "./limits.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "muster-store-"));
});
afterEach(() => rm(directory, { recursive: true }));

const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" };
const SET = {
  name: "sample",
  migrations: [
    { number: 1, name: "notes", sqlite: ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"] },
  ],
};

/** A file with enough pages that damage in the middle hits a table. */
const filledFile = async (): Promise<string> => {
  const path = join(directory, "store.db");
  const store = await openSqliteStore({ path });
  await store.migrate(SET, STAMP);
  const statements = Array.from({ length: 200 }, (_, id) => ({
    sql: "INSERT INTO notes VALUES (?, ?)",
    parameters: [id, "text ".repeat(200)],
  }));
  await store.commit({ guards: [], statements });
  await store.close();
  return path;
};

const pragma = async (store: Store, name: string): Promise<unknown> => {
  const result = await store.commit({
    guards: [],
    statements: [{ sql: `PRAGMA ${name}`, parameters: [], returning: true }],
  });
  return result.status === "committed" ? Object.values(result.rows[0]?.[0] ?? {})[0] : undefined;
};

test("a new file is its owner's alone, and so are its logs while it is open", async () => {
  const path = join(directory, "store.db");
  const store = await openSqliteStore({ path });
  await store.migrate(SET, STAMP);
  for (const suffix of ["", "-wal", "-shm"]) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
  await store.close();
});

test("closing copies the log into the file and removes it", async () => {
  const path = await filledFile();
  await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: "ENOENT" });
});

test("every commit is synced, and the log is copied at the argued number of pages", async () => {
  const store = await openSqliteStore({ path: join(directory, "store.db") });
  expect(await pragma(store, "journal_mode")).toBe("wal");
  expect(await pragma(store, "synchronous")).toBe(2);
  expect(await pragma(store, "foreign_keys")).toBe(1);
  expect(await pragma(store, "wal_autocheckpoint")).toBe(WAL_CHECKPOINT_PAGES);
  await store.close();
});

test("a file that is no database is corrupt, with its path, and is left as it was", async () => {
  const path = join(directory, "notes.txt");
  await writeFile(path, "these are notes, and long enough to be a header\n".repeat(100));
  const before = await readFile(path);
  await expect(openSqliteStore({ path })).rejects.toMatchObject({
    name: "StoreError",
    code: "corrupt",
    message: expect.stringContaining(path),
  });
  await expect(openSqliteStore({ path, readOnly: true })).rejects.toMatchObject({ code: "corrupt" });
  expect(await readFile(path)).toEqual(before);
});

test("a damaged file is corrupt when the check is asked for", async () => {
  const path = await filledFile();
  const bytes = await readFile(path);
  bytes.fill(0xff, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 8_192);
  await writeFile(path, bytes);
  await expect(openSqliteStore({ path, integrityCheck: true })).rejects.toMatchObject({
    code: "corrupt",
    message: expect.stringContaining(path),
  });
});

test("a sound file passes the check", async () => {
  const store = await openSqliteStore({ path: await filledFile(), integrityCheck: true });
  expect(await store.read({ sql: "SELECT count(*) AS notes FROM notes", parameters: [] })).toEqual([{ notes: 200 }]);
  await store.close();
});

test("a directory that is missing, or a path that is a directory, is unavailable", async () => {
  const unavailable = { name: "StoreError", code: "unavailable" };
  await expect(openSqliteStore({ path: join(directory, "missing", "store.db") })).rejects.toMatchObject(unavailable);
  await expect(openSqliteStore({ path: directory })).rejects.toMatchObject(unavailable);
  await expect(openSqliteStore({ path: join(directory, "missing.db"), readOnly: true })).rejects.toMatchObject(
    unavailable,
  );
});

test("a directory where nothing may be written is unavailable", async () => {
  // Not even the superuser creates files there.
  await expect(openSqliteStore({ path: "/proc/store.db" })).rejects.toMatchObject({ code: "unavailable" });
});

test("a store opened read-only reads, and refuses to write", async () => {
  const store = await openSqliteStore({ path: await filledFile(), readOnly: true });
  expect(await store.read({ sql: "SELECT count(*) AS notes FROM notes", parameters: [] })).toEqual([{ notes: 200 }]);
  await expect(store.commit({ guards: [], statements: [] })).rejects.toMatchObject({ code: "unavailable" });
  await expect(store.migrate(SET, STAMP)).rejects.toMatchObject({ code: "unavailable" });
  await store.close();
});

test("a full disk is unavailable, nothing is written, and the store goes on", async () => {
  const store = await openSqliteStore({ path: await filledFile() });
  await pragma(store, "max_page_count = 60");
  const large = { sql: "INSERT INTO notes VALUES (1000, ?)", parameters: ["x".repeat(4_000_000)] };
  await expect(store.commit({ guards: [], statements: [large] })).rejects.toMatchObject({ code: "unavailable" });
  const small = { sql: "UPDATE notes SET text = 'short' WHERE id = 1", parameters: [] };
  expect(await store.commit({ guards: [], statements: [small] })).toMatchObject({ status: "committed", changes: [1] });
  await store.close();
});

test("a key and a missing value are named as PostgreSQL names them", async () => {
  const store = await openSqliteStore({ path: await filledFile() });
  const insert = (...parameters: readonly (number | null)[]) =>
    store.commit({ guards: [], statements: [{ sql: "INSERT INTO notes VALUES (?, ?)", parameters }] });
  await expect(insert(1, null)).rejects.toMatchObject({
    code: "constraint_violated",
    constraint: "notes_text_not_null",
  });
  const again = store.commit({
    guards: [],
    statements: [{ sql: "INSERT INTO notes VALUES (1, 'a')", parameters: [] }],
  });
  await expect(again).rejects.toMatchObject({ code: "constraint_violated", constraint: "notes_pkey" });
  await store.close();
});

test("more distinct texts than are kept prepared still run", async () => {
  const store = await openSqliteStore({ path: ":memory:" });
  for (let round = 0; round < 2; round += 1) {
    for (let text = 0; text < 600; text += 1) {
      expect(await store.read({ sql: `SELECT ${text} AS number`, parameters: [] })).toEqual([{ number: text }]);
    }
  }
  await store.close();
});
