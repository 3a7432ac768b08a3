// Runs a migration plan on PostgreSQL: bookkeeping, plan and statements in one transaction under two advisory locks,
// that of migrations and that of appends, so two processes that migrate at once leave one result, a failed migration
// leaves none, and nobody appends to tables that change.
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
import { type Query, type Row, type Statement, StoreError } from "../port.ts";
import { checkCommitted, rollBack } from "./commit.ts";
import { answersOf, type Command, type Connection } from "./connection.ts";
import { toStoreError } from "./errors.ts";
import { LOCK_TIMEOUT_MS, MIGRATION_WAIT_MS } from "./limits.ts";

export interface MigrationPlace {
  /** Quoted. */
  readonly schema: string;
  readonly migrationLock: bigint;
  readonly appendLock: bigint;
}

/** A statement of a migration may take any time. */
const run = async (connection: Connection, ...commands: readonly Command[]): Promise<readonly Row[]> =>
  answersOf(await connection.run(commands, null)).at(-1)?.rows ?? [];

const runStatement = (connection: Connection, { sql, parameters }: Statement): Promise<readonly Row[]> =>
  run(connection, { sql, parameters: parameters as Query["parameters"] });

const runStatements = async (connection: Connection, set: MigrationSet, migration: PlannedMigration): Promise<void> => {
  const label = `migration ${migration.number} (${migration.name}) of ${set.name}`;
  for (const sql of migration.statements) {
    try {
      await run(connection, { sql });
    } catch (error) {
      const { code, message } = toStoreError(error, "write");
      throw new StoreError(code, `${label}: ${message}`, { cause: error });
    }
    if (!connection.isInTransaction) throw new StoreError("invalid_statement", `${label} ends the transaction itself`);
  }
};

/** Asked first: who may not create schemas may still use one that is there. */
const createSchema = async (connection: Connection, schema: string): Promise<void> => {
  const found = await run(connection, {
    sql: "SELECT 1 FROM pg_namespace WHERE oid = to_regnamespace($1)",
    parameters: [schema],
  });
  if (found.length === 0) await run(connection, { sql: `CREATE SCHEMA ${schema}` });
};

const migrate = async (
  connection: Connection,
  { schema, migrationLock, appendLock }: MigrationPlace,
  set: MigrationSet,
  stamp: MigrationStamp,
): Promise<MigrationReport> => {
  await run(
    connection,
    { sql: `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = ${MIGRATION_WAIT_MS}` },
    { sql: `SELECT pg_advisory_xact_lock(${migrationLock}); SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}` },
    { sql: `SELECT pg_advisory_xact_lock(${appendLock})` },
  );
  await createSchema(connection, schema);
  for (const table of bookkeepingTables("postgres")) await run(connection, { sql: table });
  const pending = planMigrations(set, "postgres", await run(connection, appliedQuery("postgres", set.name)));
  for (const migration of pending) {
    await runStatements(connection, set, migration);
    await runStatement(connection, recordStatement("postgres", set.name, migration, stamp));
  }
  await runStatement(connection, generationStatement("postgres", stamp.generation));
  const generation = String((await run(connection, metadataQuery("postgres", GENERATION_KEY)))[0]?.["value"]);
  checkCommitted((await connection.run([{ sql: "COMMIT" }], null))[0]);
  return { applied: pending.map((migration) => migration.number), generation };
};

/** Throws StoreError. */
export const applyMigrations = async (
  connection: Connection,
  place: MigrationPlace,
  set: MigrationSet,
  stamp: MigrationStamp,
): Promise<MigrationReport> => {
  try {
    return await migrate(connection, place, set, stamp);
  } catch (error) {
    await rollBack(connection);
    throw toStoreError(error, "write");
  }
};
