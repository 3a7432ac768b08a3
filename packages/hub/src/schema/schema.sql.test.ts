// The whole schema against its golden listing, fresh and upgraded.
import { readFile } from "node:fs/promises";
import { SpaceId } from "@muster/contracts";
import type { Columns } from "@muster/store";
import { DATABASES, openFreshPostgres } from "@muster/store/testing";
import { describe, expect, test } from "vitest";
import { listColumns, listSchema } from "./listing.ts";
import { HUB_MIGRATIONS } from "./migrations/index.ts";
import { HUB_TABLES } from "./tables.ts";
import { openHubDatabase, planOf, STAMP } from "./test-database.ts";
import { messageIdUse, turnIdUse } from "./used-ids.ts";

/** Lines of a listing that are no column. */
const RULE = /^ {2}(key|check|unique|index|refers) /;

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
  "ORC-25": ["projection_rebuilds"],
  "ORC-36": ["thread_retention"],
  "NOD-1": ["sessions"],
  "NOD-2": ["session_memberships"],
  "NOD-3": ["session_invites"],
  "NOD-8": ["runtime_node_attachments", "runtime_node_attachment_log"],
  "NOD-9": ["runtime_node_presence"],
  "NOD-17": ["leases"],
  "NOD-23": ["spaces", "principals", "tokens", "nodes", "audit_log"],
};

const GOLDEN = { sqlite: "./schema.golden.txt", postgres: "./schema.postgres.golden.txt" };

describe.each(DATABASES)("%s", (_database, openStore) => {
  test("ORC-14 every table has the columns, types, keys, rules and indexes of the golden listing", async () => {
    const { store, dispose } = await openHubDatabase(openStore);
    const golden = await readFile(new URL(GOLDEN[store.dialect], import.meta.url), "utf8");
    expect((await listSchema(store)).join("\n\n")).toBe(golden.trimEnd());
    await dispose();
  });

  test("ORC-14 NOD-23 a fresh database holds exactly the tables that a page names, and the bookkeeping", async () => {
    const { store, dispose } = await openHubDatabase(openStore);
    expect(Object.keys(await listColumns(store))).toEqual([...Object.values(NAMED).flat(), ...BOOKKEEPING].sort());
    await dispose();
  });

  test("ORC-14 a schema upgraded from any earlier number equals a fresh one", async () => {
    const fresh = await openHubDatabase(openStore);
    const expected = await listSchema(fresh.store);
    for (let released = 0; released <= HUB_MIGRATIONS.migrations.length; released += 1) {
      const { store, dispose } = await openStore();
      await store.migrate({ ...HUB_MIGRATIONS, migrations: HUB_MIGRATIONS.migrations.slice(0, released) }, STAMP);
      await store.migrate(HUB_MIGRATIONS, STAMP);
      expect(await listSchema(store)).toEqual(expected);
      await dispose();
    }
    await fresh.dispose();
  });

  test("ORC-14 the typed tables have the columns of the database, in its order, with its types, and null where it has null", async () => {
    const { store, dispose } = await openHubDatabase(openStore);
    const columns = (listed: string): [string, string[]] => {
      const [table = "", ...lines] = listed.split("\n");
      const shown = lines
        .filter((line) => !RULE.test(line))
        .map((line) => line.trim().split(" ").slice(0, 2).join(" "));
      return [table, shown.map((line) => line.replace("bigint", "integer"))];
    };
    const tables = (await listSchema(store)).map(columns).filter(([table]) => !BOOKKEEPING.includes(table));
    const typed = Object.entries<Columns>(HUB_TABLES).map(([table, schema]) => [
      table,
      Object.entries(schema).map(([name, { type, isNullable }]) => `${name}${isNullable ? "?" : ""} ${type}`),
    ]);
    expect(Object.fromEntries(tables)).toEqual(Object.fromEntries(typed));
    await dispose();
  });

  test("ORC-18 whether an id was ever used is answered by an index of the log", async () => {
    const { store, dispose } = await openHubDatabase(openStore);
    for (const [use, index] of [
      [messageIdUse, "orchestration_events_message_id_idx"],
      [turnIdUse, "orchestration_events_turn_id_idx"],
    ] as const) {
      const plan = await planOf(store, use(store.dialect, { spaceId: SpaceId.parse("space"), id: "id" }));
      expect(plan).toMatch(new RegExp(`(?:USING INDEX|Index Scan using) ${index}\\b`));
      // Both parts of its key are looked up, not only the space.
      expect(plan).toMatch(/space_id=\? AND <expr>=\?|Index Cond: .*space_id.* AND .*substring/i);
    }
    await dispose();
  });
});

test("every name fits the 63 characters that PostgreSQL keeps", async () => {
  const { store, dispose } = await openHubDatabase();
  const names = (await listSchema(store)).join("\n").match(/\w+/g) ?? [];
  expect(names.length).toBeGreaterThan(500);
  expect(names.filter((name) => name.length > 63)).toEqual([]);
  await dispose();
});

test("ORC-14 every text of the schema is stored strictly, so no column holds another type", async () => {
  const { store, dispose } = await openHubDatabase();
  expect((await listSchema(store)).filter((table) => table.includes("(not strict)"))).toEqual([]);
  await dispose();
});

/** What must be the same in both dialects: columns and whether they may be empty, keys, and the names of all the rest. */
const shapeOf = (table: string): readonly string[] =>
  table.split("\n").map((line) => {
    const [, kind, name] = /^ {2}(check|refers|index|unique) (\w+)/.exec(line) ?? [];
    if (kind !== undefined) return `${kind} ${name}`;
    return line.replace("bigint", "integer").replace("::text", "");
  });

test("ORC-14 both dialects have the same tables, columns, keys and names of rules and indexes", async () => {
  const [sqlite, postgres] = [await openHubDatabase(), await openHubDatabase(openFreshPostgres)];
  const shapes = await Promise.all(
    [sqlite, postgres].map(async ({ store }) => (await listSchema(store)).map((table) => shapeOf(table).toSorted())),
  );
  expect(shapes[1]).toEqual(shapes[0]);
  await Promise.all([sqlite.dispose(), postgres.dispose()]);
});
