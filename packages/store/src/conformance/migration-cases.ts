// Migrations: applied once, in order, whole or not at all; what does not fit stops with a message that says what to do.
import { describe, expect, test } from "vitest";
import { readGeneration } from "../migrations/bookkeeping.ts";
import type { Migration, MigrationSet } from "../migrations/set.ts";
import { type Fixture, STAMP } from "./subject.ts";

const migration = (number: number, name: string, ...statements: readonly string[]): Migration => ({
  number,
  name,
  sqlite: statements,
  postgres: statements,
});
const setOf = (...migrations: readonly Migration[]): MigrationSet => ({ name: "sample", migrations });

const one = migration(1, "one", "CREATE TABLE first_table (id TEXT NOT NULL, PRIMARY KEY (id))");
const two = migration(
  2,
  "two",
  "ALTER TABLE first_table ADD COLUMN label TEXT",
  "INSERT INTO first_table (id, label) VALUES ('a', 'b')",
);
const READ_LABELS = { sql: "SELECT id, label FROM first_table", parameters: [] };

const REFUSED: readonly (readonly [string, MigrationSet, MigrationSet, RegExp])[] = [
  [
    "two migrations with one number",
    setOf(),
    setOf(one, migration(1, "rival")),
    /number 1: one and rival.*next free number/,
  ],
  [
    "an applied migration that was edited",
    setOf(one),
    setOf(migration(1, "one", "CREATE TABLE other (id TEXT)")),
    /migration 1 \(one\) of sample was edited.*new migration/,
  ],
  [
    "a database newer than the program",
    setOf(one, two),
    setOf(one),
    /newer than this program.*migration 2 \(two\).*newer version/,
  ],
  ["a migration numbered below an applied one", setOf(two), setOf(one, two), /migration 1 \(one\).*above 2/],
  [
    "an applied migration the program has dropped",
    setOf(one, two),
    setOf(two),
    /migration 1 \(one\).*does not contain/,
  ],
];

export const migrationCases = (current: () => Fixture): void => {
  describe("a migration", () => {
    test("is applied once, in order, and told", async () => {
      const { store } = current();
      expect(await store.migrate(setOf(one), STAMP)).toEqual({ applied: [1], generation: STAMP.generation });
      expect((await store.migrate(setOf(one, two), STAMP)).applied).toEqual([2]);
      expect((await store.migrate(setOf(one, two), STAMP)).applied).toEqual([]);
      expect(await store.read(READ_LABELS)).toEqual([{ id: "a", label: "b" }]);
    });

    test("of one set knows nothing of another's numbers", async () => {
      const { store } = current();
      await store.migrate(setOf(one), STAMP);
      const other = { name: "other", migrations: [migration(1, "one", "CREATE TABLE other_table (id TEXT)")] };
      expect((await store.migrate(other, STAMP)).applied).toEqual([1]);
    });

    test("leaves the generation as the first one set it", async () => {
      const { store } = current();
      const report = await store.migrate(setOf(one), { ...STAMP, generation: "another" });
      expect(report.generation).toBe(STAMP.generation);
      expect(await readGeneration(store)).toBe(STAMP.generation);
    });

    test("that fails leaves nothing, of itself or of those before it in the call, and is named", async () => {
      const { store } = current();
      const broken = migration(2, "broken", "CREATE TABLE second_table (id TEXT)", "CREATE NONSENSE");
      await expect(store.migrate(setOf(one, broken), STAMP)).rejects.toMatchObject({
        code: "invalid_statement",
        message: expect.stringContaining("migration 2 (broken) of sample"),
      });
      expect((await store.migrate(setOf(one, two), STAMP)).applied).toEqual([1, 2]);
    });

    test.each(REFUSED)("stops: %s", async (_, before, after, message) => {
      const { store } = current();
      // Number two alone stands on a table that another set brings along.
      if (before.migrations[0] === two) await store.migrate({ ...setOf(one), name: "base" }, STAMP);
      await store.migrate(before, STAMP);
      await expect(store.migrate(after, STAMP)).rejects.toMatchObject({
        name: "StoreError",
        code: "schema_mismatch",
        message: expect.stringMatching(message),
      });
      expect((await store.migrate(before, STAMP)).applied).toEqual([]);
    });
  });
};
