// A broken rule is a typed error that names the rule, and nothing of its batch is written.
import { describe, expect, test } from "vitest";
import type { Entry, Fixture } from "./subject.ts";

const first: Entry = { sequence: 1, name: "first", kind: "special", amount: 1 };

const BROKEN: readonly (readonly [string, Entry, string | undefined])[] = [
  ["a primary key", { sequence: 1, name: "second" }, "entries_pkey"],
  ["a unique index", { sequence: 2, name: "first" }, "entries_name_key"],
  ["a partial unique index", { sequence: 2, name: "second", kind: "special", amount: 1 }, "entries_special_amount_key"],
  ["a check", { sequence: 2, name: "second", kind: "unheard of" }, "entries_kind_check"],
];

export const constraintCases = (current: () => Fixture): void => {
  describe("a broken rule", () => {
    test.each(BROKEN)("is named: %s", async (_, entry, constraint) => {
      const { store, insert, names } = current();
      await store.commit({ guards: [], statements: insert(first) });
      const violating = store.commit({
        guards: [],
        statements: [...insert({ sequence: 9, name: "ninth" }), ...insert(entry)],
      });
      await expect(violating).rejects.toMatchObject({ name: "StoreError", code: "constraint_violated", constraint });
      expect(await names()).toEqual(["first"]);
    });

    test("of a foreign key is a constraint_violated too, though not every database names it", async () => {
      const { store, insert, names } = current();
      await expect(
        store.commit({ guards: [], statements: insert({ sequence: 1, name: "a", parent: 99 }) }),
      ).rejects.toMatchObject({ code: "constraint_violated" });
      expect(await names()).toEqual([]);
    });

    test("of a missing value is a constraint_violated", async () => {
      const { store, names } = current();
      const statement = { sql: "INSERT INTO entries (sequence, kind) VALUES (1, 'plain')", parameters: [] };
      await expect(store.commit({ guards: [], statements: [statement] })).rejects.toMatchObject({
        code: "constraint_violated",
      });
      expect(await names()).toEqual([]);
    });

    test("does not disturb the commits beside it", async () => {
      const { store, insert, names } = current();
      const attempts = ["a", "b", "a", "c"].map((name, index) =>
        store.commit({ guards: [], statements: insert({ sequence: index + 1, name }) }),
      );
      const outcomes = (await Promise.allSettled(attempts)).map((outcome) => outcome.status);
      // Which of the two comes first is nobody's promise.
      expect(outcomes.toSorted()).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
      expect((await names()).toSorted()).toEqual(["a", "b", "c"]);
    });
  });
};
