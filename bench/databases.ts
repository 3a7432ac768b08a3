// The two databases of the benchmarks: a new SQLite file with full syncs, opened as a hub opens it, and a schema of its own on a private PostgreSQL
// server with its defaults and `fsync` on, which ends with the benchmark. Where no PostgreSQL is installed, it says so.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore, type Store } from "@muster/store";
import { openPostgresStore } from "@muster/store/postgres";
import { HUB_MIGRATIONS, PREPARER } from "./hub-doors.ts";

export type DatabaseName = "SQLite" | "PostgreSQL";

/** Where a private server is, as `pg` takes it. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export interface OpenedDatabase {
  readonly store: Store;
  /** Path of the file, or name of the schema. */
  readonly place: string;
  /** Closes it and removes what it left. */
  dispose(): Promise<void>;
}

export interface Database {
  readonly name: DatabaseName;
  /** Only where there is a server. */
  readonly address?: ServerAddress;
  /** A new store with the hub's schema. */
  open(): Promise<OpenedDatabase>;
  stop(): Promise<void>;
}

export const AT = "2026-01-01T00:00:00.000Z";

/** As the store opens a file. */
export const SQLITE_PRAGMAS = `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY`;

const migrated = async (store: Store): Promise<Store> => {
  await store.migrate(HUB_MIGRATIONS, { appliedAt: AT, generation: "bench" });
  return store;
};

const sqlite: Database = {
  name: "SQLite",
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), "muster-bench-"));
    const place = join(directory, "hub.db");
    const store = await migrated(await openSqliteStore({ path: place, useThreads: true, preparer: PREPARER }));
    const dispose = async (): Promise<void> => {
      await store.close();
      rmSync(directory, { recursive: true });
    };
    return { store, place, dispose };
  },
  stop: async () => undefined,
};

/** By its place: the door of the package's test tools needs a test runner. */
const SERVER = new URL("../packages/store/src/testing/server.ts", import.meta.url).href;
type StartPostgres = () => Promise<{ readonly address: ServerAddress; stop(): Promise<void> }>;

let schemas = 0;

async function startPostgresDatabase(): Promise<Database> {
  const { startPostgres }: { startPostgres: StartPostgres } = await import(SERVER);
  const { address, stop } = await startPostgres();
  return {
    name: "PostgreSQL",
    address,
    open: async () => {
      schemas += 1;
      const schema = `bench_${schemas}`;
      const store = await migrated(await openPostgresStore({ ...address, schema }, PREPARER));
      const dispose = async (): Promise<void> => {
        await store.commit({ guards: [], statements: [{ sql: `DROP SCHEMA ${schema} CASCADE`, parameters: [] }] });
        await store.close();
      };
      return { store, place: schema, dispose };
    },
    stop,
  };
}

/** Both, or those that can be had; `say` hears why one is missing. */
export async function openDatabases(
  say: (line: string) => void,
  wanted: readonly DatabaseName[] = ["SQLite", "PostgreSQL"],
): Promise<Database[]> {
  const found: Database[] = wanted.includes("SQLite") ? [sqlite] : [];
  if (!wanted.includes("PostgreSQL")) return found;
  try {
    found.push(await startPostgresDatabase());
  } catch (error) {
    say(`PostgreSQL is left out: ${error instanceof Error ? error.message : String(error)}`);
  }
  return found;
}
