// The store port over PostgreSQL: a pool that writes and one that may only read, in one schema of one database. Any
// number of processes may open the same schema; its append lock makes their commits serial.
import type { ClientConfig } from "pg";
import { quoteIdentifier } from "../identifiers.ts";
import type { MigrationReport, MigrationSet, MigrationStamp } from "../migrations/set.ts";
import {
  type Answers,
  type Batch,
  type CommitResult,
  type Hearing,
  type Query,
  type QueryOf,
  type Row,
  type Store,
  StoreError,
} from "../port.ts";
import type { ThreadTask } from "../threads/messages.ts";
import { StoreThread } from "../threads/thread.ts";
import { commitBatch } from "./commit.ts";
import { type Answer, answersOf, type Command } from "./connection.ts";
import { toStoreError } from "./errors.ts";
import {
  IDLE_IN_TRANSACTION_TIMEOUT_MS,
  LISTEN_PROBE_MS,
  LOCK_TIMEOUT_MS,
  READ_CONNECTIONS_MAX,
  READ_TIMEOUT_MS,
  WRITE_CONNECTIONS_MAX,
} from "./limits.ts";
import { Listener, type ListenerOptions } from "./listener.ts";
import { type Channels, channelsOf, lockKey } from "./lock.ts";
import { applyMigrations, type MigrationPlace } from "./migrate.ts";
import { CONNECTION_DEFAULTS, ConnectionPool } from "./pool.ts";
import { assertFit, FITNESS } from "./server.ts";
import { askTogether } from "./together.ts";

/** Where the server is, as `pg` takes it: a URL, or its parts. */
export interface PostgresOptions
  extends Pick<ClientConfig, "connectionString" | "host" | "port" | "user" | "password" | "database" | "ssl"> {
  /** Holds all tables of the store; the first `migrate` creates it. Default `public`. */
  readonly schema?: string;
  /** As the server lists its connections. Default `muster`. */
  readonly applicationName?: string;
  readonly writeConnectionsMax?: number;
  readonly readConnectionsMax?: number;
  /** How often what listens asks for a sign of life. */
  readonly listenProbeMs?: number;
}

/** What the thread that makes answers is started with. */
export interface PreparingTask extends ThreadTask {
  readonly preparer: string;
  readonly options: PostgresOptions;
}

export type PreparingWork = { readonly kind: "open" } | { readonly kind: "prepare"; readonly request: unknown };

interface PreparingResults {
  readonly open: null;
  readonly prepare: Uint8Array<ArrayBuffer> | null;
}

const PREPARING = new URL("./worker.ts", import.meta.url);

/**
 * Of both pools: names are found in the schema alone, and values are written as `values.ts` reads them. No plan is kept: it
 * was made for tables as small as they were then, and with those of a young hub, which grow from nothing, commits of 64
 * commands took more than twice as long after some seconds.
 */
const commonSettings = (
  schema: string,
): string => `SET search_path TO ${schema}; SET plan_cache_mode = force_custom_plan;
  SET bytea_output = hex; SET DateStyle = ISO; SET TimeZone = UTC; SET client_min_messages = warning;
  SET lock_timeout = ${LOCK_TIMEOUT_MS};
  SET idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_TIMEOUT_MS};`;

/** A server set to answer before it has synced is told not to; every stronger setting is left as it is. */
const WRITER_SETTINGS = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; ${FITNESS}`;

const READER_SETTINGS = `SET default_transaction_read_only = on; SET statement_timeout = ${READ_TIMEOUT_MS}`;

export class PostgresStore implements Store {
  readonly dialect = "postgres";
  readonly #writers: ConnectionPool;
  readonly #readers: ConnectionPool;
  readonly #place: MigrationPlace;
  readonly #channels: Channels;
  readonly #listening: ListenerOptions;
  readonly #listeners = new Set<Listener>();
  readonly #preparing: StoreThread<PreparingWork, PreparingResults> | undefined;
  #isClosed = false;
  readonly prepare?: NonNullable<Store["prepare"]>;

  constructor(options: PostgresOptions, preparer?: URL) {
    const {
      schema = "public",
      applicationName = "muster",
      writeConnectionsMax,
      readConnectionsMax,
      listenProbeMs = LISTEN_PROBE_MS,
      ...address
    } = options;
    const quoted = quoteIdentifier(schema);
    const client = { ...CONNECTION_DEFAULTS, ...address, application_name: applicationName };
    const common = commonSettings(quoted);
    this.#writers = new ConnectionPool({
      client,
      connectionsMax: writeConnectionsMax ?? WRITE_CONNECTIONS_MAX,
      settings: `${common} ${WRITER_SETTINGS}`,
      check: assertFit,
    });
    this.#readers = new ConnectionPool({
      client,
      connectionsMax: readConnectionsMax ?? READ_CONNECTIONS_MAX,
      settings: `${common} ${READER_SETTINGS}`,
    });
    this.#channels = channelsOf(schema);
    this.#listening = { client, channels: this.#channels, probeMs: listenProbeMs };
    this.#place = {
      schema: quoted,
      migrationLock: lockKey("migrate", schema),
      appendLock: lockKey("append", schema),
    };
    if (preparer === undefined) return;
    const task: PreparingTask = { role: "reader", path: "PostgreSQL", preparer: preparer.href, options };
    const thread = new StoreThread<PreparingWork, PreparingResults>(task, PREPARING);
    this.#preparing = thread;
    this.prepare = async (request) => {
      if (this.#isClosed) throw new StoreError("unavailable", "the store is closed");
      return thread.call({ kind: "prepare", request });
    };
  }

  async read<Found extends object = Row>(query: QueryOf<Found>): Promise<readonly Found[]> {
    return this.#reading([query], (answers) => (answers[0]?.rows ?? []) as readonly unknown[] as readonly Found[]);
  }

  async readTransaction<const Queries extends readonly Query[]>(queries: Queries): Promise<Answers<Queries>> {
    const begin = { sql: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
    const { commands, rowsOf } = askTogether(queries);
    return this.#reading(
      [begin, ...commands, { sql: "COMMIT" }],
      (answers) => rowsOf(answers.slice(1, -1)) as Answers<Queries>,
    );
  }

  async commit(batch: Batch): Promise<CommitResult> {
    return this.#writers.use((connection) =>
      commitBatch(connection, { lock: this.#place.appendLock, channels: this.#channels }, batch),
    );
  }

  async migrate(set: MigrationSet, stamp: MigrationStamp): Promise<MigrationReport> {
    const report = await this.#writers.use((connection) => applyMigrations(connection, this.#place, set, stamp));
    if (report.applied.length > 0) for (const pool of [this.#readers, this.#writers]) pool.schemaChanged();
    return report;
  }

  async listen(hearing: Hearing): Promise<() => Promise<void>> {
    const listener = new Listener(this.#listening, hearing);
    const end = async (): Promise<void> => {
      this.#listeners.delete(listener);
      await listener.close();
    };
    this.#listeners.add(listener);
    try {
      await listener.open();
      return end;
    } catch (error) {
      await end();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const listeners = [...this.#listeners].map((listener) => listener.close());
    await Promise.all([this.#preparing?.close(), this.#readers.close(), this.#writers.close(), ...listeners]);
  }

  /** Throws `unavailable` for a server that is not there or may not hold the store. */
  async check(): Promise<void> {
    await this.#writers.use(async () => undefined);
    await this.read({ sql: "SELECT 1 AS one", parameters: [] });
  }

  async #reading<Result>(commands: readonly Command[], take: (answers: readonly Answer[]) => Result): Promise<Result> {
    return this.#readers.use(async (connection) => {
      try {
        return take(answersOf(await connection.run(commands)));
      } catch (error) {
        throw toStoreError(error, "read");
      }
    });
  }
}

/**
 * Opens a schema of a PostgreSQL database (14 or newer, UTF-8), directly or through a pooler that keeps sessions. With a
 * module that exports `prepare`, the store has a thread that makes answers by it. Throws `unavailable` when the server
 * cannot be reached, refuses the login, or does not fit: `serverRefusalOf` tells why.
 */
export const openPostgresStore = async (options: PostgresOptions, preparer?: URL): Promise<Store> => {
  const store = new PostgresStore(options, preparer);
  try {
    await store.check();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
};
