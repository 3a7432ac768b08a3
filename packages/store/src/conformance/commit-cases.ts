// A commit is whole or not at all, its guards decide, and its numbers have no gaps.
import { describe, expect, test } from "vitest";
import { allocated } from "../allocation.ts";
import type { Batch, CommitResult } from "../port.ts";
import { compile, compileStatement } from "./queries.ts";
import type { Fixture } from "./subject.ts";

const NUMBERED = { table: "entries", column: "sequence" } as const;

export const committed = (result: CommitResult): Extract<CommitResult, { status: "committed" }> => {
  if (result.status !== "committed") throw new Error(`expected a commit, got ${JSON.stringify(result)}`);
  return result;
};

/** A batch that inserts one entry per name with allocated numbers. */
export const numbered = (fixture: Fixture, ...names: readonly string[]): Batch => ({
  guards: [],
  allocation: { ...NUMBERED, count: names.length },
  statements: fixture.insert(...names.map((name, index) => ({ sequence: allocated(index), name }))),
});

export const commitCases = (current: () => Fixture): void => {
  describe("a commit", () => {
    test("tells per statement how many rows it changed", async () => {
      const { store, insert, queries } = current();
      const result = committed(
        await store.commit({
          guards: [],
          statements: [
            ...insert({ sequence: 1, name: "a" }, { sequence: 2, name: "b" }),
            compileStatement(queries.updateTable("entries").set({ amount: 5 })),
            compileStatement(queries.deleteFrom("entries").where("name", "=", "nobody")),
          ],
        }),
      );
      expect(result.changes).toEqual([2, 2, 0]);
      expect(result.rows).toEqual([[], [], []]);
      expect(result.firstAllocated).toBe(0);
    });

    test("with nothing to do is committed", async () => {
      expect(committed(await current().store.commit({ guards: [], statements: [] })).rows).toEqual([]);
    });

    test("gives the rows of a statement that returns some, in its place", async () => {
      const { store, insert, queries } = current();
      const returning = compileStatement(
        queries.updateTable("entries").set({ amount: 9 }).returning(["name", "amount"]),
        { returning: true },
      );
      const result = committed(
        await store.commit({ guards: [], statements: [...insert({ sequence: 1, name: "a" }), returning] }),
      );
      expect(result.rows).toEqual([[], [{ name: "a", amount: 9 }]]);
      expect(result.changes).toEqual([1, 1]);
    });

    test("leaves nothing behind when a later statement is wrong", async () => {
      const { store, insert, names } = current();
      const wrong = store.commit({
        guards: [],
        statements: [
          ...insert({ sequence: 1, name: "a" }),
          { sql: "INSERT INTO nowhere (a) VALUES (1)", parameters: [] },
        ],
      });
      await expect(wrong).rejects.toMatchObject({ name: "StoreError", code: "invalid_statement" });
      expect(await names()).toEqual([]);
    });

    test("works after one that failed", async () => {
      const { store, insert, names } = current();
      await store.commit({ guards: [], statements: [{ sql: "no statement", parameters: [] }] }).catch(() => undefined);
      committed(await store.commit({ guards: [], statements: insert({ sequence: 1, name: "a" }) }));
      expect(await names()).toEqual(["a"]);
    });

    test("is refused with the statement's index when it changes another number of rows than expected", async () => {
      const { store, insert, queries, names } = current();
      const update = queries.updateTable("entries").set({ amount: 1 }).where("name", "=", "nobody");
      const result = await store.commit({
        guards: [],
        statements: [...insert({ sequence: 1, name: "a" }), compileStatement(update, { expectChanges: 1 })],
      });
      expect(result).toEqual({ status: "conflict", failedGuards: [], failedStatement: 1 });
      expect(await names()).toEqual([]);
    });

    test("holds when a statement changes as many rows as expected", async () => {
      const { store, insert } = current();
      const [statement] = insert({ sequence: 1, name: "a" });
      if (statement === undefined) throw new Error("no statement");
      committed(await store.commit({ guards: [], statements: [{ ...statement, expectChanges: 1 }] }));
    });
  });

  describe("a guard", () => {
    const guardFor = (fixture: Fixture, name: string, amount: number) => ({
      query: compile(fixture.queries.selectFrom("entries").select(["name", "amount"]).where("name", "=", name)),
      expected: [{ name, amount }],
    });

    test("that holds lets the batch through", async () => {
      const fixture = current();
      await fixture.store.commit({ guards: [], statements: fixture.insert({ sequence: 1, name: "a", amount: 1 }) });
      committed(
        await fixture.store.commit({
          guards: [guardFor(fixture, "a", 1)],
          statements: fixture.insert({ sequence: 2, name: "b" }),
        }),
      );
      expect(await fixture.names()).toEqual(["a", "b"]);
    });

    test("that fails writes nothing, and each failed one is named", async () => {
      const fixture = current();
      await fixture.store.commit({ guards: [], statements: fixture.insert({ sequence: 1, name: "a", amount: 1 }) });
      const guards = [guardFor(fixture, "a", 2), guardFor(fixture, "a", 1), guardFor(fixture, "nobody", 1)];
      const result = await fixture.store.commit({ guards, statements: fixture.insert({ sequence: 2, name: "b" }) });
      expect(result).toEqual({ status: "conflict", failedGuards: [0, 2], failedStatement: null });
      expect(await fixture.names()).toEqual(["a"]);
    });

    test("may expect that there is no row", async () => {
      const fixture = current();
      const absent = { query: guardFor(fixture, "a", 1).query, expected: [] };
      const batch = { guards: [absent], statements: fixture.insert({ sequence: 1, name: "a" }) };
      committed(await fixture.store.commit(batch));
      expect(await fixture.store.commit(batch)).toMatchObject({ status: "conflict", failedGuards: [0] });
    });

    test("sees an integer as the same whether given as number or as bigint, and bytes by their content", async () => {
      const fixture = current();
      await fixture.store.commit({
        guards: [],
        statements: fixture.insert({ sequence: 1, name: "a", amount: 7, data: new Uint8Array([1, 2]) }),
      });
      const query = compile(fixture.queries.selectFrom("entries").select(["amount", "data"]));
      const holds = { query, expected: [{ amount: 7n, data: new Uint8Array([1, 2]) }] };
      committed(await fixture.store.commit({ guards: [holds], statements: [] }));
      const fails = { query, expected: [{ amount: 7, data: new Uint8Array([1, 3]) }] };
      expect(await fixture.store.commit({ guards: [fails], statements: [] })).toMatchObject({ status: "conflict" });
    });

    test("is checked against what an earlier commit of the same moment has written", async () => {
      const fixture = current();
      const absent = { query: guardFor(fixture, "a", 1).query, expected: [] };
      const attempts = [1, 2, 3].map((sequence) =>
        fixture.store.commit({ guards: [absent], statements: fixture.insert({ sequence, name: "a" }) }),
      );
      const statuses = (await Promise.all(attempts)).map((result) => result.status);
      expect(statuses.filter((status) => status === "committed")).toHaveLength(1);
    });
  });

  describe("an allocation", () => {
    test("counts on from the highest number, without a gap", async () => {
      const fixture = current();
      expect(committed(await fixture.store.commit(numbered(fixture, "a", "b"))).firstAllocated).toBe(1);
      expect(committed(await fixture.store.commit(numbered(fixture, "c"))).firstAllocated).toBe(3);
      expect(await fixture.sequences()).toEqual([1, 2, 3]);
      expect(await fixture.names()).toEqual(["a", "b", "c"]);
    });

    test("may be used in several places of several statements", async () => {
      const fixture = current();
      const statements = fixture.insert(
        { sequence: allocated(0), name: "a" },
        { sequence: allocated(1), name: "b", parent: allocated(0) },
      );
      const again = fixture.insert({ sequence: allocated(2), name: "c", parent: allocated(1) });
      committed(
        await fixture.store.commit({
          guards: [],
          allocation: { ...NUMBERED, count: 3 },
          statements: [...statements, ...again],
        }),
      );
      expect(await fixture.entry("b")).toMatchObject({ sequence: 2, parent: 1 });
      expect(await fixture.entry("c")).toMatchObject({ sequence: 3, parent: 2 });
    });

    test("leaves no gap after a batch that was refused or failed, and gives no number to two rows", async () => {
      const fixture = current();
      await fixture.store.commit(numbered(fixture, "a"));
      await fixture.store.commit(numbered(fixture, "b", "a")).catch(() => undefined);
      const never = { query: compile(fixture.queries.selectFrom("entries").select("name")), expected: [] };
      await fixture.store.commit({ ...numbered(fixture, "c"), guards: [never] });
      expect(committed(await fixture.store.commit(numbered(fixture, "d"))).firstAllocated).toBe(2);
      expect(await fixture.names()).toEqual(["a", "d"]);
    });

    test("gives concurrent commits consecutive numbers", async () => {
      const fixture = current();
      const batches = Array.from({ length: 50 }, (_, index) => numbered(fixture, `first-${index}`, `second-${index}`));
      const firsts = (await Promise.all(batches.map((batch) => fixture.store.commit(batch)))).map(
        (result) => committed(result).firstAllocated,
      );
      expect([...firsts].sort((left, right) => left - right)).toEqual(
        Array.from({ length: 50 }, (_, index) => 1 + 2 * index),
      );
      expect(await fixture.sequences()).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    });

    test("refuses a number outside it, and any number without one", async () => {
      const fixture = current();
      const outside = fixture.insert({ sequence: allocated(1), name: "a" });
      const refused = { name: "StoreError", code: "invalid_statement" };
      await expect(
        fixture.store.commit({ guards: [], allocation: { ...NUMBERED, count: 1 }, statements: outside }),
      ).rejects.toMatchObject(refused);
      await expect(fixture.store.commit({ guards: [], statements: outside })).rejects.toMatchObject(refused);
      expect(await fixture.names()).toEqual([]);
    });
  });
};
