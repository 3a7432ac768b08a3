import type { Column } from "@muster/store";
import { afterEach, expect, it } from "vitest";
import { closeAll, openStore } from "../journal/testing/opened.ts";
import { DAEMON_TABLES } from "./tables.ts";

afterEach(closeAll);

const KEYS: Record<string, string[]> = {
  begun_calls: ["turn_id", "item_id"],
  effects_seen: ["effect_id"],
  ingest_journal: ["journal_id", "sequence"],
  provider_session_runtime: ["provider_session_id"],
};

it("ORC-13 ORC-14 DMN-12 DMN-27 outbox.db holds exactly the tables and columns of their schemas, and the store's own two", async () => {
  const store = await openStore();
  const tables = await store.read({
    sql: "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    parameters: [],
  });
  expect(tables.map((row) => row["name"])).toEqual(
    [...Object.keys(KEYS), "schema_migrations", "store_metadata"].sort(),
  );
  expect(Object.keys(DAEMON_TABLES).sort()).toEqual(Object.keys(KEYS));
  for (const [table, columns] of Object.entries(DAEMON_TABLES)) {
    const info = await store.read({
      sql: `SELECT name, lower(type) AS type, "notnull" = 0 AND pk = 0 AS nullable, pk FROM pragma_table_info(?) ORDER BY cid`,
      parameters: [table],
    });
    expect(info.map((row) => [row["name"], row["type"], row["nullable"] === 1])).toEqual(
      Object.entries<Column>(columns).map(([name, { type, isNullable }]) => [name, type, isNullable]),
    );
    const key = info
      .filter((row) => Number(row["pk"]) > 0)
      .sort((one, other) => Number(one["pk"]) - Number(other["pk"]));
    expect(key.map((row) => row["name"])).toEqual(KEYS[table]);
  }
});

it("ORC-13 provider sessions are found by thread, status and provider", async () => {
  const store = await openStore();
  const rows = await store.read({
    sql: `SELECT group_concat(info.name) AS columns FROM pragma_index_list('provider_session_runtime') AS list, pragma_index_info(list.name) AS info
          WHERE list.origin = 'c' GROUP BY list.name ORDER BY 1`,
    parameters: [],
  });
  expect(rows.map((row) => row["columns"])).toEqual(["provider_name", "status", "thread_id"]);
});
