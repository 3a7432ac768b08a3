import { afterEach, expect, it } from "vitest";
import { closeAll, openStore } from "../journal/testing/opened.ts";

afterEach(closeAll);

const COLUMNS: Record<string, string[]> = {
  begun_calls: ["turn_id", "item_id", "payload", "begun_at"],
  effects_seen: ["effect_id", "fence", "state", "result_json", "seen_at", "updated_at"],
  ingest_journal: ["journal_id", "sequence", "thread_id", "turn_id", "payload", "created_at", "acked_at"],
  provider_session_runtime: [
    "provider_session_id",
    "thread_id",
    "provider_name",
    "adapter_key",
    "provider_thread_id",
    "status",
    "last_seen_at",
    "resume_cursor_json",
    "runtime_payload_json",
  ],
};
const KEYS: Record<string, string[]> = {
  begun_calls: ["turn_id", "item_id"],
  effects_seen: ["effect_id"],
  ingest_journal: ["journal_id", "sequence"],
  provider_session_runtime: ["provider_session_id"],
};

it("ORC-13 DMN-12 DMN-27 outbox.db holds exactly these tables and columns, and the store's own two", async () => {
  const store = await openStore();
  const tables = await store.read({
    sql: "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    parameters: [],
  });
  expect(tables.map((row) => row["name"])).toEqual(
    [...Object.keys(COLUMNS), "schema_migrations", "store_metadata"].sort(),
  );
  for (const [table, columns] of Object.entries(COLUMNS)) {
    const info = await store.read({
      sql: "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid",
      parameters: [table],
    });
    expect(info.map((row) => row["name"])).toEqual(columns);
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
