// The dispatcher's limit: a bare loop that makes the same writes to the same tables with the same full syncs and the same
// group commit, and decides nothing. What each command wrote was captured from a real run; whatever waits when a commit
// ends goes into the next transaction, inserts of one table together. On PostgreSQL it takes the same append lock.
import { createRequire } from "node:module";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Database, SQLITE_PRAGMAS } from "./databases.ts";
import { openCore } from "./dispatch-core.ts";
import { drive, type Latency, latencyOf } from "./statistics.ts";

export interface Write {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** What one command wrote: plain inserts of whole rows, and everything else in its order. */
export interface CapturedCommand {
  readonly inserts: readonly {
    readonly table: string;
    readonly columns: string;
    readonly rows: readonly Write["values"][];
  }[];
  readonly others: readonly Write[];
  /** Moves the projectors' cursors: once in a transaction, as its last command has it. */
  readonly cursors: Write | null;
  /** Rows it inserted, changed or removed. */
  readonly rowCount: number;
}

export interface LoopResult {
  readonly commandsPerSecond: number;
  readonly latencyMs: Latency;
  readonly commits: number;
}

const ROWS_PER_STATEMENT = 64;

/** Runs the writes of one transaction. */
interface Writer {
  commit(writes: readonly Write[]): Promise<void> | void;
  close(): Promise<void> | void;
}

class SqliteWriter implements Writer {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(SQLITE_PRAGMAS);
  }

  commit(writes: readonly Write[]): void {
    this.#run("BEGIN IMMEDIATE", []);
    for (const { sql, values } of writes) this.#run(sql, values);
    this.#run("COMMIT", []);
  }

  close(): void {
    this.#database.close();
  }

  #run(sql: string, values: Write["values"]): void {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    statement.run(...values);
  }
}

/** The part of `pg` that the loop uses; the driver belongs to the store's package. */
interface PgClient {
  connect(): Promise<void>;
  query(query: string | { name: string; text: string; values: readonly unknown[] }): Promise<unknown>;
  end(): Promise<void>;
  readonly connection: { readonly stream: { cork(): void; uncork(): void } };
}
const requireFromStore = createRequire(new URL("../packages/store/package.json", import.meta.url));

class PostgresWriter implements Writer {
  readonly #client: PgClient;
  readonly #names = new Map<string, string>();

  constructor(client: PgClient) {
    this.#client = client;
  }

  static async open(address: object, schema: string): Promise<PostgresWriter> {
    const { Client } = requireFromStore("pg") as { Client: new (options: object) => PgClient };
    const client = new Client({ ...address, pipeline: true });
    await client.connect();
    await client.query(`SET search_path TO ${schema}; SET synchronous_commit = on`);
    return new PostgresWriter(client);
  }

  /** Sent in one go, as the store sends its statements. */
  async commit(writes: readonly Write[]): Promise<void> {
    const { stream } = this.#client.connection;
    stream.cork();
    const answers = [
      this.#client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(1)"),
      ...writes.map(({ sql, values }) => this.#client.query({ name: this.#nameOf(sql), text: sql, values })),
      this.#client.query("COMMIT"),
    ];
    stream.uncork();
    await Promise.all(answers);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  #nameOf(sql: string): string {
    let name = this.#names.get(sql);
    if (name === undefined) {
      name = `w${this.#names.size}`;
      this.#names.set(sql, name);
    }
    return name;
  }
}

interface Waiting {
  readonly command: CapturedCommand;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class ReplayLoop {
  readonly #writer: Writer;
  readonly #isPostgres: boolean;
  #waiting: Waiting[] = [];
  #isRunning = false;
  commits = 0;

  constructor(writer: Writer, isPostgres: boolean) {
    this.#writer = writer;
    this.#isPostgres = isPostgres;
  }

  append(command: CapturedCommand): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const committing = this.#writer.commit(this.#writesOf(batch));
        if (committing !== undefined) await committing;
        this.commits += 1;
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      // Those who were just answered send their next command in this turn of the event loop.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#isRunning = false;
  }

  #writesOf(batch: readonly Waiting[]): Write[] {
    const tables = new Map<string, { columns: string; rows: Write["values"][] }>();
    for (const { command } of batch) {
      for (const { table, columns, rows } of command.inserts) {
        const found = tables.get(table);
        if (found === undefined) tables.set(table, { columns, rows: [...rows] });
        else found.rows.push(...rows);
      }
    }
    const writes = [...tables].flatMap(([table, { columns, rows }]) => this.#insertsOf(table, columns, rows));
    for (const { command } of batch) writes.push(...command.others);
    const cursors = batch.findLast(({ command }) => command.cursors !== null)?.command.cursors;
    return cursors ? [...writes, cursors] : writes;
  }

  #insertsOf(table: string, columns: string, rows: readonly Write["values"][]): Write[] {
    const writes: Write[] = [];
    let size = ROWS_PER_STATEMENT;
    for (let start = 0; start < rows.length; start += size) {
      while (size > rows.length - start) size /= 2;
      const chunk = rows.slice(start, start + size);
      let hole = 0;
      const tuple = (row: Write["values"]): string =>
        `(${row.map(() => (this.#isPostgres ? `$${++hole}` : "?")).join(",")})`;
      writes.push({
        sql: `INSERT INTO "${table}" (${columns}) VALUES ${chunk.map(tuple).join(",")}`,
        values: chunk.flat(),
      });
    }
    return writes;
  }
}

/** Replays each client's commands in order, all clients at once, into a new store that is removed afterwards. */
export const replay = async (
  database: Database,
  clients: readonly (readonly CapturedCommand[])[],
): Promise<LoopResult> => {
  // The same first rows as the run that was captured.
  const { orchestration, place, close } = await openCore(database, () => undefined);
  await orchestration.close();
  const writer =
    database.address === undefined ? new SqliteWriter(place) : await PostgresWriter.open(database.address, place);
  const loop = new ReplayLoop(writer, database.address !== undefined);
  const durations: number[] = [];
  try {
    const began = performance.now();
    await drive(clients.length, async (client, turn) => {
      const command = clients[client]?.[turn];
      if (command === undefined) return false;
      const sent = performance.now();
      await loop.append(command);
      durations.push(performance.now() - sent);
      return true;
    });
    const seconds = (performance.now() - began) / 1_000;
    return {
      commandsPerSecond: durations.length / seconds,
      latencyMs: latencyOf(durations),
      commits: loop.commits,
    };
  } finally {
    await writer.close();
    await close();
  }
};
