// The whole schema against its golden listing, fresh and upgraded.
import { readFile } from "node:fs/promises";
import { openSqliteStore } from "@muster/store";
import { expect, test } from "vitest";
import { HUB_COLUMNS } from "./columns.ts";
import { listColumns, listSchema } from "./listing.ts";
import { HUB_MIGRATIONS } from "./migrations/index.ts";
import { openHubDatabase } from "./test-database.ts";
import { messageIdUse, turnIdUse } from "./used-ids.ts";

const STAMP = { appliedAt: "2026-01-01T00:00:00.000Z", generation: "generation" };
const BOOKKEEPING = ["schema_migrations", "store_metadata"];

/** Tables by the page that names them: a fresh database holds these and nothing else. */
const NAMED = {
  "ORC-7": ["orchestration_events"],
  "ORC-8": ["orchestration_command_receipts"],
  "ORC-9": ["checkpoint_diff_blobs"],
  "ORC-10": ["orchestration_effects"],
  "ORC-11": ["ingest_cursors", "ingest_rejected"],
  "ORC-12": [
    "projection_projects",
    "projection_threads",
    "projection_thread_messages",
    "projection_thread_activities",
    "projection_thread_sessions",
    "projection_thread_turns",
    "projection_checkpoints",
    "projection_pending_approvals",
    "projection_state",
  ],
  "NOD-1": ["sessions"],
  "NOD-2": ["session_memberships"],
  "NOD-3": ["session_invites"],
  "NOD-8": ["runtime_node_attachments", "runtime_node_attachment_log"],
  "NOD-9": ["runtime_node_presence"],
  "NOD-23": ["spaces", "principals", "tokens", "nodes", "audit_log"],
};

test("ORC-14 every table has the columns, types, keys, rules and indexes of the golden listing", async () => {
  const golden = await readFile(new URL("./schema.golden.txt", import.meta.url), "utf8");
  const store = await openHubDatabase();
  expect((await listSchema(store)).join("\n\n")).toBe(golden.trimEnd());
  await store.close();
});

test("ORC-14 NOD-23 a fresh database holds exactly the tables that a page names, and the bookkeeping", async () => {
  const store = await openHubDatabase();
  expect(Object.keys(await listColumns(store))).toEqual([...Object.values(NAMED).flat(), ...BOOKKEEPING].sort());
  await store.close();
});

test("ORC-14 a schema upgraded from any earlier number equals a fresh one", async () => {
  const fresh = await openHubDatabase();
  const expected = await listSchema(fresh);
  for (let released = 0; released <= HUB_MIGRATIONS.migrations.length; released += 1) {
    const upgraded = await openSqliteStore({ path: ":memory:" });
    await upgraded.migrate({ ...HUB_MIGRATIONS, migrations: HUB_MIGRATIONS.migrations.slice(0, released) }, STAMP);
    await upgraded.migrate(HUB_MIGRATIONS, STAMP);
    expect(await listSchema(upgraded)).toEqual(expected);
    await upgraded.close();
  }
  await fresh.close();
});

test("ORC-14 the typed tables have the columns of the database, in its order", async () => {
  const store = await openHubDatabase();
  const columns = Object.entries(await listColumns(store)).filter(([table]) => !BOOKKEEPING.includes(table));
  expect(Object.fromEntries(columns)).toEqual(HUB_COLUMNS);
  await store.close();
});

test("every name fits the 63 characters that PostgreSQL keeps", async () => {
  const store = await openHubDatabase();
  const names = (await listSchema(store)).join("\n").match(/\w+/g) ?? [];
  expect(names.length).toBeGreaterThan(500);
  expect(names.filter((name) => name.length > 63)).toEqual([]);
  await store.close();
});

test("ORC-14 every text of the schema is stored strictly, so no column holds another type", async () => {
  const store = await openHubDatabase();
  expect((await listSchema(store)).filter((table) => table.includes("(not strict)"))).toEqual([]);
  await store.close();
});

test("ORC-18 whether an id was ever used is answered by an index of the log", async () => {
  const store = await openHubDatabase();
  for (const [use, index] of [
    [messageIdUse, "orchestration_events_message_id_idx"],
    [turnIdUse, "orchestration_events_turn_id_idx"],
  ] as const) {
    const { sql, parameters } = use("sqlite", "space", "id");
    const plan = await store.read({ sql: `EXPLAIN QUERY PLAN ${sql}`, parameters });
    expect(plan.map((row) => row["detail"])).toEqual([
      expect.stringContaining(`USING INDEX ${index} (space_id=? AND <expr>=?)`),
    ]);
  }
  await store.close();
});
