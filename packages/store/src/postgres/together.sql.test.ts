// Questions of one text asked together are answered as if each had been asked alone.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Query, SqlValue, Store } from "../port.ts";
import { openFreshPostgres } from "../testing/index.ts";
import type { OpenedSchema } from "./testing.ts";
import { askTogether } from "./together.ts";

const SET = {
  name: "sample",
  migrations: [
    {
      number: 1,
      name: "notes",
      sqlite: [],
      postgres: [
        "CREATE TABLE notes (id BIGINT PRIMARY KEY, author TEXT, title TEXT NOT NULL, stars INTEGER NOT NULL)",
      ],
    },
  ],
};

let schema: OpenedSchema;
let store: Store;
const AUTHORS = ["a", 'it\'s "quoted"', "back\\slash, {comma}", "NULL", "", "ünïcødé 🐙"];

beforeAll(async () => {
  schema = await openFreshPostgres();
  store = schema.store;
  await store.migrate(SET, { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" });
  const insert = (id: number): { sql: string; parameters: SqlValue[] } => ({
    sql: "INSERT INTO notes VALUES ($1, $2, $3, $4)",
    parameters: [id, id % 7 === 6 ? null : (AUTHORS[id % 7] ?? null), `note ${id}`, id % 5],
  });
  await store.commit({ guards: [], statements: Array.from({ length: 60 }, (_one, id) => insert(id)) });
});
afterAll(() => schema.dispose());

const TEXTS = {
  byAuthor: "SELECT id, title FROM notes WHERE author = $1 ORDER BY id DESC",
  byStars: "SELECT count(*) AS notes, max(title) AS title FROM notes WHERE stars = $1 AND author = $2",
  newest: "SELECT * FROM notes WHERE author = $1 ORDER BY id DESC LIMIT 2",
  limited: "SELECT id FROM notes WHERE stars = $1 ORDER BY id LIMIT $2",
  all: "SELECT id FROM notes WHERE id > 57 ORDER BY id",
} as const;
const author = fc.constantFrom<SqlValue>(...AUTHORS, "nobody", null);
const stars = fc.integer({ min: -1, max: 5 });
const anyQuery: fc.Arbitrary<Query> = fc.oneof(
  author.map((value) => ({ sql: TEXTS.byAuthor, parameters: [value] })),
  fc.tuple(fc.oneof(stars, stars.map(BigInt)), author).map((parameters) => ({ sql: TEXTS.byStars, parameters })),
  author.map((value) => ({ sql: TEXTS.newest, parameters: [value] })),
  fc.tuple(stars, fc.integer({ min: 0, max: 4 })).map((parameters) => ({ sql: TEXTS.limited, parameters })),
  fc.constant({ sql: TEXTS.all, parameters: [] }),
);

describe("questions asked together", () => {
  it("have the answers of questions asked one by one, whatever they are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyQuery, { maxLength: 40 }), async (queries) => {
        const alone = [];
        for (const query of queries) alone.push(await store.read(query));
        expect(await store.readTransaction(queries)).toEqual(alone);
      }),
      { numRuns: 40 },
    );
  });

  it("guard a commit one by one: those that no longer hold are named", async () => {
    const expected = await Promise.all(AUTHORS.map((name) => store.read({ sql: TEXTS.newest, parameters: [name] })));
    const guards = AUTHORS.map((name, index) => ({
      query: { sql: TEXTS.newest, parameters: [name] },
      expected: index === 2 || index === 4 ? [] : (expected[index] ?? []),
    }));
    expect(await store.commit({ guards, statements: [] })).toMatchObject({ status: "conflict", failedGuards: [2, 4] });
    const sound = guards.filter((_guard, index) => index !== 2 && index !== 4);
    expect(await store.commit({ guards: sound, statements: [] })).toMatchObject({ status: "committed" });
  });

  it("are one statement for any number, whose text stays the same", () => {
    const asked = (count: number) =>
      askTogether(Array.from({ length: count }, (_one, index) => ({ sql: TEXTS.byAuthor, parameters: [`${index}`] })))
        .commands;
    expect(asked(3)).toHaveLength(1);
    expect(asked(64)).toHaveLength(1);
    expect(asked(64)[0]?.sql).toBe(asked(3)[0]?.sql);
    expect(asked(2)).toHaveLength(2);
  });

  it("are asked one by one where each asks for a list of keys, which has its own index", () => {
    const keys = Array.from({ length: 500 }, (_one, index) => index);
    const sql = `SELECT * FROM notes WHERE id IN (${keys.map((index) => `$${index + 1}`).join(", ")})`;
    const questions = Array.from({ length: 4 }, () => ({ sql, parameters: keys }));
    expect(askTogether(questions).commands).toEqual(questions);
  });
});
