// Runs a migration plan on SQLite: bookkeeping, plan and statements in one transaction under the write lock, so two
// processes that migrate at once leave one result and a failed migration leaves none.
import {
  appliedQuery,
  bookkeepingTables,
  GENERATION_KEY,
  generationStatement,
  metadataQuery,
  recordStatement,
} from "../migrations/bookkeeping.ts";
import { type PlannedMigration, planMigrations } from "../migrations/plan.ts";
import type { MigrationReport, MigrationSet, MigrationStamp } from "../migrations/set.ts";
import { type Query, type Statement, StoreError } from "../port.ts";
import { inWriteTransaction } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { toStoreError } from "./errors.ts";

const runStatements = (connection: Connection, set: MigrationSet, migration: PlannedMigration): void => {
  const label = `migration ${migration.number} (${migration.name}) of ${set.name}`;
  for (const statement of migration.statements) {
    try {
      connection.execute(statement);
    } catch (error) {
      const { code, message } = toStoreError(error, "write");
      throw new StoreError(code, `${label}: ${message}`, { cause: error });
    }
    if (!connection.inTransaction) throw new StoreError("invalid_statement", `${label} ends the transaction itself`);
  }
};

export const applyMigrations = (connection: Connection, set: MigrationSet, stamp: MigrationStamp): MigrationReport =>
  inWriteTransaction(connection, () => {
    const run = (statement: Statement): number =>
      connection.run(statement.sql, statement.parameters as Query["parameters"]);
    const all = (query: Query) => connection.all(query.sql, query.parameters);
    // A migration may rebuild a table that others refer to; the references are checked at COMMIT.
    connection.execute("PRAGMA defer_foreign_keys = ON");
    for (const table of bookkeepingTables("sqlite")) connection.execute(table);
    const pending = planMigrations(set, "sqlite", all(appliedQuery("sqlite", set.name)));
    for (const migration of pending) {
      runStatements(connection, set, migration);
      run(recordStatement("sqlite", set.name, migration, stamp));
    }
    run(generationStatement("sqlite", stamp.generation));
    const generation = String(all(metadataQuery("sqlite", GENERATION_KEY))[0]?.["value"]);
    return { result: { applied: pending.map((migration) => migration.number), generation }, rollback: false };
  });
