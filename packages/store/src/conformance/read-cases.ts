// Reads: values come back as they went in, a transaction of reads sees one snapshot, and a closed store says so.
import { describe, expect, test } from "vitest";
import { type Row, StoreError } from "../port.ts";
import { insertRows } from "../statements.ts";
import { committed, numbered } from "./commit-cases.ts";
import { compile, compileStatement } from "./queries.ts";
import type { Fixture } from "./subject.ts";

/** Longest text of the tests: more than a page, a packet or a pipe's buffer holds. */
const LARGE_CHARACTERS = 2_000_000;

const valueCases = (current: () => Fixture): void => {
  describe("a value", () => {
    test.each([
      ["an empty text", ""],
      ["text of many scripts", "grüße, 世界, 🚀, e\u0301, \u202eright to left"],
      ["quotes and what looks like a parameter", `'; DROP TABLE entries; -- "?" $1`],
      ["a large text", "long ".repeat(LARGE_CHARACTERS / 5)],
    ])("comes back the same: %s", async (_, note) => {
      const { store, insert, entry } = current();
      committed(await store.commit({ guards: [], statements: insert({ sequence: 1, name: "a", note }) }));
      expect((await entry("a"))?.["note"]).toBe(note);
    });

    test.each([
      ["zero", 0, 0],
      ["a negative number", -5, -5],
      ["the largest safe integer", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      ["a bigint that fits a number, as a number", 12n, 12],
      ["a bigint that fits no number", 9_007_199_254_740_993n, 9_007_199_254_740_993n],
      ["the largest 64-bit integer", 9_223_372_036_854_775_807n, 9_223_372_036_854_775_807n],
      ["nothing", null, null],
    ])("comes back exactly: %s", async (_, given, expected) => {
      const { store, insert, entry } = current();
      committed(await store.commit({ guards: [], statements: insert({ sequence: 1, name: "a", amount: given }) }));
      expect((await entry("a"))?.["amount"]).toBe(expected);
    });

    test("comes back exactly from a statement that returns rows", async () => {
      const { store, insert, queries } = current();
      const returning = compileStatement(
        queries.updateTable("entries").set({ amount: 9_007_199_254_740_993n }).returning(["sequence", "amount"]),
        { returning: true },
      );
      const result = committed(
        await store.commit({ guards: [], statements: [...insert({ sequence: 1, name: "a" }), returning] }),
      );
      expect(result.rows[1]).toEqual([{ sequence: 1, amount: 9_007_199_254_740_993n }]);
    });

    test("that an expression gives is a number too: counts, sums, conditions", async () => {
      const { store, insert } = current();
      const entries = insert({ sequence: 1, name: "a", amount: 3 }, { sequence: 2, name: "b", amount: 4 });
      committed(await store.commit({ guards: [], statements: entries }));
      const sql =
        "SELECT count(*) AS many, sum(amount) AS total, max(amount) > 3 AS yes, max(amount) > 9 AS no FROM entries";
      expect(await store.read({ sql, parameters: [] })).toEqual([{ many: 2, total: 7, yes: 1, no: 0 }]);
    });

    test("of bytes comes back as the same bytes", async () => {
      const { store, insert, entry } = current();
      const data = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
      committed(
        await store.commit({
          guards: [],
          statements: insert({ sequence: 1, name: "a", data }, { sequence: 2, name: "b", data: new Uint8Array() }),
        }),
      );
      const read = (await entry("a"))?.["data"];
      expect(read).toBeInstanceOf(Uint8Array);
      expect(Buffer.from(read as Uint8Array).equals(data)).toBe(true);
      expect((await entry("b"))?.["data"]).toEqual(new Uint8Array());
    });
  });
};

const insertCases = (current: () => Fixture): void => {
  describe("many rows at once", () => {
    test.each([0, 1, 63, 64, 65, 200])("arrive whole and in order: %i", async (count) => {
      const { store, insert, sequences } = current();
      const statements = insert(
        ...Array.from({ length: count }, (_, index) => ({ sequence: index + 1, name: `name-${index}` })),
      );
      committed(await store.commit({ guards: [], statements }));
      expect(await sequences()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    });

    test("whose key exists are left alone on request", async () => {
      const { store } = current();
      const rows = [
        ["entries", 7],
        ["other", 8],
      ];
      const statements = insertRows(store.dialect, "counters", ["name", "total"], rows, { conflict: "ignore" });
      expect(committed(await store.commit({ guards: [], statements })).changes).toEqual([1]);
    });

    test("whose key exists take over the named columns on request", async () => {
      const { store, queries } = current();
      const rows = [
        ["entries", 7],
        ["other", 8],
      ];
      const conflict = { on: ["name"], update: ["total"] };
      committed(
        await store.commit({
          guards: [],
          statements: insertRows(store.dialect, "counters", ["name", "total"], rows, { conflict }),
        }),
      );
      const totals = await store.read(compile(queries.selectFrom("counters").selectAll().orderBy("name")));
      expect(totals).toEqual([
        { name: "entries", total: 7 },
        { name: "other", total: 8 },
      ]);
    });
  });
};

const snapshotCases = (current: () => Fixture): void => {
  describe("a read", () => {
    test("transaction sees one snapshot while commits arrive", async () => {
      const fixture = current();
      const { store, queries } = fixture;
      const bump = compileStatement(queries.updateTable("counters").set((row) => ({ total: row("total", "+", 1) })));
      const count = compile(queries.selectFrom("entries").select((row) => row.fn.countAll().as("entries")));
      const total = compile(queries.selectFrom("counters").select("total"));
      const work: Promise<unknown>[] = [];
      const snapshots: Promise<readonly (readonly Row[])[]>[] = [];
      for (let round = 0; round < 40; round += 1) {
        const batch = numbered(fixture, `name-${round}`);
        work.push(store.commit({ ...batch, statements: [...batch.statements, bump] }));
        snapshots.push(store.readTransaction([count, total]));
      }
      await Promise.all(work);
      for (const [entries, counters] of await Promise.all(snapshots)) {
        expect(counters).toHaveLength(1);
        expect((entries ?? []).map((row) => row["entries"])).toEqual((counters ?? []).map((row) => row["total"]));
      }
    });

    test("sees every commit that was answered before it", async () => {
      const fixture = current();
      committed(await fixture.store.commit(numbered(fixture, "a")));
      expect(await fixture.names()).toEqual(["a"]);
    });

    test("transaction without queries gives no answers", async () => {
      expect(await current().store.readTransaction([])).toEqual([]);
    });

    test("of a wrong text is a bug's error, and the next read works", async () => {
      const { store, names } = current();
      const wrong = { sql: "SELECT nothing FROM nowhere", parameters: [] };
      await expect(store.read(wrong)).rejects.toMatchObject({ name: "StoreError", code: "invalid_statement" });
      await expect(store.readTransaction([wrong])).rejects.toBeInstanceOf(StoreError);
      expect(await names()).toEqual([]);
    });

    test("that would write is refused and writes nothing", async () => {
      const { store, names } = current();
      const writing = { sql: "INSERT INTO entries (sequence, name, kind) VALUES (1, 'a', 'plain')", parameters: [] };
      await expect(store.read(writing)).rejects.toMatchObject({ code: "invalid_statement" });
      await expect(store.readTransaction([writing])).rejects.toMatchObject({ code: "invalid_statement" });
      expect(await names()).toEqual([]);
    });
  });

  describe("a closed store", () => {
    test("answers every call with unavailable, and closes twice", async () => {
      const fixture = current();
      const batch = numbered(fixture, "a");
      await fixture.store.close();
      await fixture.store.close();
      const unavailable = { name: "StoreError", code: "unavailable" };
      await expect(fixture.names()).rejects.toMatchObject(unavailable);
      await expect(fixture.store.readTransaction([])).rejects.toMatchObject(unavailable);
      await expect(fixture.store.commit(batch)).rejects.toMatchObject(unavailable);
      await expect(
        fixture.store.migrate({ name: "none", migrations: [] }, { appliedAt: "", generation: "" }),
      ).rejects.toMatchObject(unavailable);
    });
  });
};

export const readCases = (current: () => Fixture): void => {
  valueCases(current);
  insertCases(current);
  snapshotCases(current);
};
