// Databases for the hub's tests, on both kinds, empty but for the hub's schema, and cheap: a file or memory of its own on SQLite,
// on PostgreSQL a schema of its own, which the next world of the same test file gets emptied, because to make one takes
// longer than most tests.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore, type Query, type Scratch, type Store } from "@muster/store";
import { openPostgresStore } from "@muster/store/postgres";
import { type OpenedSchema, openFreshPostgres, runOn, wrongRows } from "@muster/store/testing";
import { beforeAll, describe } from "vitest";
import { HUB_MIGRATIONS } from "./migrations/index.ts";

export const GENERATION = "generation-1";

export type Database = "sqlite" | "postgres";

/** Both databases, for `describe.each`: the name in titles, and what `openWorld` takes. */
export const DATABASES: readonly (readonly [string, Database])[] = [
  ["SQLite", "sqlite"],
  ["PostgreSQL", "postgres"],
];
let surrounding: Database = "sqlite";

/** `describe`, once on each database: what hooks and tests open in it is that one, unless they say which. */
export const onBothDatabases = (title: string, body: (database: Database) => void): void => {
  describe.each(DATABASES)(`%s: ${title}`, (_name, database) => {
    beforeAll(() => {
      surrounding = database;
      return () => {
        surrounding = "sqlite";
      };
    });
    body(database);
  });
};

/** SQL of tests is written with `?` and runs in both dialects. */
export const inDialect = (dialect: Store["dialect"], sql: string): string => {
  let count = 0;
  return dialect === "sqlite" ? sql : sql.replace(/\?/g, () => `$${++count}`);
};

export interface TestDatabase {
  /** Any number of stores over the one database; the caller closes them before `dispose`. */
  open(): Promise<Store>;
  dispose(): Promise<void>;
}

/**
 * @param database default: that of the surrounding `onBothDatabases`, else SQLite
 * @param isFile of SQLite: in a file that several stores may open, not in memory
 * @param preparer of a file: opened with threads, as a hub opens it, and this module in them
 */
export const openTestDatabase = (
  database: Database = surrounding,
  isFile = false,
  preparer?: URL,
): Promise<TestDatabase> => (database === "postgres" ? postgres() : sqlite(isFile, preparer));

async function sqlite(isFile: boolean, preparer: URL | undefined): Promise<TestDatabase> {
  if (!isFile) return { open: () => openSqliteStore({ path: ":memory:" }), dispose: async () => undefined };
  const directory = await mkdtemp(join(tmpdir(), "muster-orchestration-"));
  return {
    open: () => openSqliteStore({ path: join(directory, "hub.db"), ...(preparer && { useThreads: true, preparer }) }),
    dispose: () => rm(directory, { recursive: true }),
  };
}

type SchemaOptions = OpenedSchema["options"];

/** Schemas of this test file that no world uses now. The server ends with the run, and they with it. */
const free: SchemaOptions[] = [];

async function postgres(): Promise<TestDatabase> {
  const options = await takeSchema();
  return {
    open: () => openPostgresStore(options),
    dispose: async () => {
      await empty(options);
      free.push(options);
    },
  };
}

async function takeSchema(): Promise<SchemaOptions> {
  const used = free.pop();
  if (used !== undefined) return used;
  const { store, options } = await openFreshPostgres();
  await store.migrate(HUB_MIGRATIONS, { appliedAt: "2026-01-01T00:00:00.000Z", generation: GENERATION });
  await store.close();
  return options;
}

/**
 * Deletes every row but those of applied migrations. Row by row, because tables hold few and a truncation gives each of
 * them a new file; as a replica would, because the order of references is none of its concern.
 */
async function empty(options: SchemaOptions): Promise<void> {
  const tables = await runOn(
    options,
    `SELECT tablename FROM pg_tables WHERE schemaname = '${options.schema}' AND tablename <> 'schema_migrations'`,
  );
  const deletions = tables.map((row) => `DELETE FROM ${options.schema}.${String(row["tablename"])}`);
  await runOn(options, ["SET session_replication_role = replica", ...deletions].join(";"));
}

let inFlight = 0;

/** Whether no counted store has a call that is not answered. */
export const isAtRest = (): boolean => inFlight === 0;

const count = async <Result>(call: Promise<Result>): Promise<Result> => {
  inFlight += 1;
  try {
    return await call;
  } finally {
    inFlight -= 1;
  }
};

const countedScratch = (scratch: Scratch): Scratch => ({
  work: (request) => count(scratch.work(request)),
  commit: (batch) => count(scratch.commit(batch)),
  close: () => count(scratch.close()),
});

/** Rows that were not what the statements that found them declare, in all worlds of this test file. */
export const undeclaredRows: string[] = [];

const look = (query: Query, rows: readonly object[]): void => {
  const wrong = wrongRows(query, rows);
  if (wrong !== null) undeclaredRows.push(wrong);
};

/** Counts calls until they are answered, so that tests can wait for their end; and compares rows with declarations. */
export const counted = (store: Store): Store => {
  const { prepare, openScratch } = store;
  return {
    dialect: store.dialect,
    read: (query) =>
      count(
        store.read(query).then((rows) => {
          look(query, rows);
          return rows;
        }),
      ),
    readTransaction: (queries) =>
      count(
        store.readTransaction(queries).then((answers) => {
          for (const [index, rows] of (answers as readonly (readonly object[])[]).entries()) {
            const query = queries[index];
            if (query !== undefined) look(query, rows);
          }
          return answers;
        }),
      ),
    commit: (batch) => count(store.commit(batch)),
    migrate: (set, stamp) => count(store.migrate(set, stamp)),
    ...(store.listen !== undefined && { listen: store.listen.bind(store) }),
    ...(prepare !== undefined && { prepare: (request) => count(prepare.call(store, request)) }),
    ...(openScratch !== undefined && { openScratch: async () => countedScratch(await count(openScratch.call(store))) }),
    close: () => count(store.close()),
  };
};
