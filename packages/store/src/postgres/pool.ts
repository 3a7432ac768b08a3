// Connections of one kind, readers or writers, each prepared for its use when it is opened and closed rather than kept
// when it is in any doubt.
import { type ClientBase, type ClientConfig, Pool, type PoolClient, type QueryResult } from "pg";
import { type Row, StoreError } from "../port.ts";
import { Connection } from "./connection.ts";
import { isStalePlan, toStoreError } from "./errors.ts";
import { CONNECT_TIMEOUT_MS, IDLE_CONNECTION_MS, KEEP_ALIVE_DELAY_MS } from "./limits.ts";
import { parserOf } from "./values.ts";

/** Of every connection, whatever it is for. */
export const CONNECTION_DEFAULTS = {
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
} as const satisfies ClientConfig;

export interface PoolOptions {
  readonly client: ClientConfig;
  readonly connectionsMax: number;
  /** Settings of every connection, as statements. */
  readonly settings: string;
  /** Given the last row that the settings answer; a connection for which it throws is not used. */
  readonly check?: (row: Row | undefined) => void;
}

export class ConnectionPool {
  readonly #pool: Pool;
  readonly #connections = new WeakMap<PoolClient, Connection>();
  readonly #closed = Promise.withResolvers<never>();
  #schemaEpoch = 0;
  #isClosed = false;

  constructor({ client, connectionsMax, settings, check }: PoolOptions) {
    this.#closed.promise.catch(() => undefined);
    this.#pool = new Pool({
      ...client,
      max: connectionsMax,
      pipeline: true,
      types: { getTypeParser: parserOf as never },
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      onConnect: async (fresh: ClientBase) => {
        // Whoever waits for it would wait for ever for a server that has fallen silent, and the pool would lose a place.
        const question = { text: settings, query_timeout: CONNECT_TIMEOUT_MS };
        const answers: unknown = await fresh.query(question);
        const last = (Array.isArray(answers) ? answers.at(-1) : answers) as QueryResult<Row>;
        check?.(last.rows[0]);
      },
    });
    // An idle connection that breaks is replaced when one is needed.
    this.#pool.on("error", () => undefined);
  }

  /**
   * Throws what `work` throws, and `unavailable` when there is no connection in time. Runs it a second time when another
   * process has altered a table meanwhile, which ended the first attempt with nothing done.
   */
  async use<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    try {
      return await this.#useOnce(work);
    } catch (error) {
      if (!isStalePlan(error)) throw error;
      this.schemaChanged();
      return this.#useOnce(work);
    }
  }

  async #useOnce<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const { client, connection } = await this.#acquire();
    try {
      return await work(connection);
    } finally {
      client.release(!connection.isReusable);
    }
  }

  /** What is prepared belongs to an older schema: connections that prepared anything are not used again. */
  schemaChanged(): void {
    this.#schemaEpoch += 1;
  }

  /** Waits for no call: those that wait for a connection get `unavailable`, the others their answer. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.reject(new StoreError("unavailable", "the store is closed"));
    await this.#pool.end();
  }

  async #acquire(): Promise<{ readonly client: PoolClient; readonly connection: Connection }> {
    for (;;) {
      const client = await this.#connect();
      const connection = this.#connections.get(client) ?? new Connection(client, this.#schemaEpoch);
      this.#connections.set(client, connection);
      if (connection.schemaEpoch === this.#schemaEpoch && !connection.isLost) return { client, connection };
      client.release(true);
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#isClosed) return this.#closed.promise;
    const connecting = this.#pool.connect();
    try {
      return await Promise.race([connecting, this.#closed.promise]);
    } catch (error) {
      connecting.then(
        (late) => late.release(),
        () => undefined,
      );
      throw toStoreError(error, "open");
    }
  }
}
