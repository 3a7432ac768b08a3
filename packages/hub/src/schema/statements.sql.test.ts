// Every declared statement against both databases: what a text asks for and answers with is what its declaration says.
import { change, declaredStatements, integer, list, pick, select, text } from "@muster/store";
import {
  checkOnPostgres,
  checkOnSqlite,
  type Findings,
  loadSources,
  openFreshFile,
  openFreshPostgres,
  wrongRows,
} from "@muster/store/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { HUB_MIGRATIONS } from "./migrations/index.ts";
import { HUB_TABLES } from "./tables.ts";
import { openHubDatabase, populate, STAMP } from "./test-database.ts";

beforeAll(() => loadSources(new URL("..", import.meta.url)));

const onSqlite = async (declarations: ReturnType<typeof declaredStatements>): Promise<Findings> => {
  const { store, opener, dispose } = await openFreshFile();
  await store.migrate(HUB_MIGRATIONS, STAMP);
  const { path } = JSON.parse(opener?.argument ?? "{}") as { path: string };
  const findings = checkOnSqlite(path, HUB_TABLES, declarations);
  await dispose();
  return findings;
};

const onPostgres = async (declarations: ReturnType<typeof declaredStatements>): Promise<Findings> => {
  const opened = await openFreshPostgres();
  await opened.store.migrate(HUB_MIGRATIONS, STAMP);
  const findings = await checkOnPostgres(opened, declarations);
  await opened.dispose();
  return findings;
};

describe("ORC-14 every statement asks for and answers with what its declaration says", () => {
  test("on SQLite", async () => {
    expect(declaredStatements().length).toBeGreaterThan(150);
    expect(await onSqlite(declaredStatements())).toEqual([]);
  });

  test("on PostgreSQL", async () => {
    expect(await onPostgres(declaredStatements())).toEqual([]);
  });
});

test("ORC-14 a statement that does something else than its declaration says is found", async () => {
  const { projection_thread_turns: turns } = HUB_TABLES;
  const before = declaredStatements().length;
  select({
    request: {},
    row: pick(turns, "turn_id", "status"),
    sql: "SELECT status, turn_id FROM projection_thread_turns",
  });
  select({ request: {}, row: { turn_count: integer() }, sql: "SELECT turn_count FROM projection_thread_turns" });
  select({ request: {}, row: { status: integer() }, sql: "SELECT status FROM projection_thread_turns" });
  select({ request: {}, row: pick(turns, "status"), sql: "SELECT status FROM projection_turns" });
  select({
    request: { status: integer() },
    row: pick(turns, "turn_id"),
    sql: "SELECT turn_id FROM projection_thread_turns WHERE status = :status",
  });
  select({ request: {}, row: { status: text() }, sql: "SELECT length(status) AS status FROM projection_thread_turns" });
  change({
    request: {},
    row: pick(turns, "turn_id"),
    sql: "UPDATE projection_thread_turns SET turn_count = 1 RETURNING turn_count",
  });
  const wrong = declaredStatements().slice(before);
  expect((await onSqlite(wrong)).map((finding) => finding.replace(/^.*?: /, ""))).toMatchInlineSnapshot(`
    [
      "declares turn_id, status and answers with status, turn_id",
      "turn_count may be null",
      "status is TEXT and not integer",
      "Error: no such table: projection_turns",
      ":status is compared with text and not integer",
      "declares turn_id and answers with turn_count",
    ]
  `);
  expect((await onPostgres(wrong)).map((finding) => finding.replace(/^.*?: /, ""))).toMatchInlineSnapshot(`
    [
      "declares turn_id, status and answers with status, turn_id",
      "status has type 25 and is not integer",
      "error: relation "projection_turns" does not exist",
      ":status is text and not integer",
      "status has type 23 and is not text",
      "declares turn_id and answers with turn_count",
    ]
  `);
});

test("ORC-14 a row that is not what its statement declares is found, also where no database tells", async () => {
  const { store, dispose } = await openHubDatabase();
  await populate(store);
  const oldest = select({
    request: { titles: list(text(), 9) },
    row: { title: text(), most: integer() },
    sql: `SELECT 'a' AS title, (SELECT max(sequence) FROM orchestration_events) AS most FROM spaces WHERE title IN (:titles) OR 1 = 1`,
  });
  for (const titles of [[], ["a"], ["a", "b", "c"]]) {
    const query = oldest(store.dialect, { titles });
    const rows = await store.read(query);
    expect(rows.length).toBeGreaterThan(0);
    expect(wrongRows(query, rows)).toContain("most = null where integer is declared");
    expect(
      wrongRows(
        query,
        rows.map((row) => ({ ...row, most: 1 })),
      ),
    ).toBe(null);
    expect(
      wrongRows(
        query,
        rows.map(({ title }) => ({ title })),
      ),
    ).toContain("columns title instead of title, most");
  }
  await dispose();
});
