// The two tables that every migrated database has, and the statements on them, the same in both dialects:
// `schema_migrations` (what was applied) and `store_metadata` (facts about the store, such as its generation).
import { type Dialect, placeholder } from "../identifiers.ts";
import type { Query, Statement, Store } from "../port.ts";
import type { PlannedMigration } from "./plan.ts";
import type { MigrationStamp } from "./set.ts";

export const GENERATION_KEY = "generation";

/** Created by the first `migrate` of a database, unchanged ever since. */
export const bookkeepingTables = (dialect: Dialect): readonly string[] => {
  const [text, integer, options] =
    dialect === "sqlite" ? ["TEXT", "INTEGER", " STRICT, WITHOUT ROWID"] : ['TEXT COLLATE "C"', "BIGINT", ""];
  return [
    `CREATE TABLE IF NOT EXISTS schema_migrations (
  set_name ${text} NOT NULL,
  number ${integer} NOT NULL,
  name ${text} NOT NULL,
  checksum ${text} NOT NULL,
  applied_at ${text} NOT NULL,
  PRIMARY KEY (set_name, number)
)${options}`,
    `CREATE TABLE IF NOT EXISTS store_metadata (
  key ${text} NOT NULL,
  value ${text} NOT NULL,
  PRIMARY KEY (key)
)${options}`,
  ];
};

export const appliedQuery = (dialect: Dialect, setName: string): Query => ({
  sql: `SELECT number, name, checksum FROM schema_migrations WHERE set_name = ${placeholder(dialect, 0)} ORDER BY number`,
  parameters: [setName],
});

export const recordStatement = (
  dialect: Dialect,
  setName: string,
  migration: PlannedMigration,
  stamp: MigrationStamp,
): Statement => ({
  sql: `INSERT INTO schema_migrations (set_name, number, name, checksum, applied_at) VALUES (${[0, 1, 2, 3, 4].map((index) => placeholder(dialect, index)).join(", ")})`,
  parameters: [setName, migration.number, migration.name, migration.checksum, stamp.appliedAt],
});

/** Gives the store a generation unless it has one. */
export const generationStatement = (dialect: Dialect, generation: string): Statement => ({
  sql: `INSERT INTO store_metadata (key, value) VALUES (${placeholder(dialect, 0)}, ${placeholder(dialect, 1)}) ON CONFLICT DO NOTHING`,
  parameters: [GENERATION_KEY, generation],
});

/** Another generation for a store that has one: it was restored, and may lack what was answered before. */
export const generationRenewal = (dialect: Dialect, generation: string): Statement => ({
  sql: `UPDATE store_metadata SET value = ${placeholder(dialect, 0)} WHERE key = ${placeholder(dialect, 1)}`,
  parameters: [generation, GENERATION_KEY],
  expectChanges: 1,
});

export const metadataQuery = (dialect: Dialect, key: string): Query => ({
  sql: `SELECT value FROM store_metadata WHERE key = ${placeholder(dialect, 0)}`,
  parameters: [key],
});

/** The store's generation; undefined for a store that has never been migrated to one. */
export const readGeneration = async (store: Store): Promise<string | undefined> => {
  const value = (await store.read(metadataQuery(store.dialect, GENERATION_KEY)))[0]?.["value"];
  return value === undefined ? undefined : String(value);
};
