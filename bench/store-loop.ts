// The limit beside which the dispatcher's benchmark stands: a bare loop over `node:sqlite` that writes given rows with
// group commit and full syncs, and nothing else. N appenders each have one request in flight; at each turn of the event
// loop all waiting requests go into one transaction. Run it alone: `node bench/store-loop.ts [--json] [--rows n]`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { parseArgs } from "node:util";

export interface RowBatch {
  readonly table: string;
  readonly columns: readonly string[];
  /** One value per column. */
  readonly rows: readonly (readonly SQLInputValue[])[];
}

/** What one appender sends and waits for: rows of one or several tables. */
export type AppendRequest = readonly RowBatch[];

export interface StoreLoopOptions {
  /** Statements that make the tables. */
  readonly schema: readonly string[];
  /** Each is written once, in order; the appenders share them. */
  readonly requests: readonly AppendRequest[];
  readonly appenders: number;
  /** Pages of the write-ahead log per checkpoint; 4,000 by default, as the store has it. */
  readonly checkpointPages?: number;
  /** Rows per statement at most, rounded down to a power of two; 64 by default, as the store does. */
  readonly rowsPerStatement?: number;
}

export interface StoreLoopResult {
  readonly appenders: number;
  readonly requests: number;
  readonly rows: number;
  readonly commits: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly rowsPerSecond: number;
  /** From handing a request over until its commit was durable, in milliseconds. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
}

interface Waiting {
  readonly request: AppendRequest;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Loop {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #rowsPerStatement: number;
  #waiting: Waiting[] = [];
  commits = 0;

  constructor(path: string, options: StoreLoopOptions) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${options.checkpointPages ?? 4_000}; PRAGMA cache_size = -32768`);
    for (const statement of options.schema) this.#database.exec(statement);
    this.#rowsPerStatement = options.rowsPerStatement ?? 64;
  }

  /** Resolves when the request's transaction is durable. */
  append(request: AppendRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commitWaiting());
    });
  }

  close(): void {
    this.#database.close();
  }

  #commitWaiting(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#run("BEGIN IMMEDIATE", []);
      for (const { table, columns, rows } of gather(batch)) this.#insert(table, columns, rows);
      this.#run("COMMIT", []);
      this.commits += 1;
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (this.#database.isTransaction) this.#run("ROLLBACK", []);
      for (const { reject } of batch) reject(error);
    }
  }

  #insert(table: string, columns: readonly string[], rows: readonly (readonly SQLInputValue[])[]): void {
    let size = this.#rowsPerStatement;
    for (let start = 0; start < rows.length; start += size) {
      while (size > rows.length - start) size = Math.floor(size / 2);
      const tuple = `(${columns.map(() => "?").join(",")})`;
      const text = `INSERT INTO "${table}" (${columns.join(",")}) VALUES ${Array.from({ length: size }, () => tuple).join(",")}`;
      this.#run(text, rows.slice(start, start + size).flat());
    }
  }

  #run(text: string, values: readonly SQLInputValue[]): void {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    statement.run(...values);
  }
}

/** Rows of all waiting requests by table, tables in order of their first row. */
const gather = (batch: readonly Waiting[]): readonly RowBatch[] => {
  const byTable = new Map<string, { table: string; columns: readonly string[]; rows: (readonly SQLInputValue[])[] }>();
  for (const { request } of batch) {
    for (const { table, columns, rows } of request) {
      const key = `${table}(${columns.join(",")})`;
      const found = byTable.get(key);
      if (found === undefined) byTable.set(key, { table, columns, rows: [...rows] });
      else found.rows.push(...rows);
    }
  }
  return [...byTable.values()];
};

const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** Writes all requests into a new file, removed afterwards, and tells how fast that was. */
export const runStoreLoop = async (options: StoreLoopOptions): Promise<StoreLoopResult> => {
  const directory = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const loop = new Loop(join(directory, "loop.db"), options);
  const latencies = new Float64Array(options.requests.length);
  let next = 0;
  const appender = async (): Promise<void> => {
    for (let index = next++; index < options.requests.length; index = next++) {
      const began = performance.now();
      await loop.append(options.requests[index] ?? []);
      latencies[index] = performance.now() - began;
    }
  };
  try {
    const began = performance.now();
    await Promise.all(Array.from({ length: options.appenders }, appender));
    const seconds = (performance.now() - began) / 1000;
    const sorted = latencies.sort();
    const rows = options.requests.reduce(
      (sum, request) => sum + request.reduce((count, batch) => count + batch.rows.length, 0),
      0,
    );
    return {
      appenders: options.appenders,
      requests: options.requests.length,
      rows,
      commits: loop.commits,
      seconds,
      requestsPerSecond: options.requests.length / seconds,
      rowsPerSecond: rows / seconds,
      latencyMs: {
        p50: percentile(sorted, 0.5),
        p95: percentile(sorted, 0.95),
        p99: percentile(sorted, 0.99),
        max: sorted.at(-1) ?? 0,
      },
    };
  } finally {
    loop.close();
    rmSync(directory, { recursive: true });
  }
};

/** One table with a time-ordered unique id and about 400 bytes a row: what a log costs at least. */
export const SAMPLE_SCHEMA: readonly string[] = [
  "CREATE TABLE log (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, stream TEXT NOT NULL, payload TEXT NOT NULL) STRICT",
  "CREATE UNIQUE INDEX log_id_key ON log (id)",
];

export const sampleRequests = (count: number): readonly AppendRequest[] => {
  const payload = JSON.stringify({ text: "x".repeat(320) });
  const columns = ["sequence", "id", "stream", "payload"];
  return Array.from({ length: count }, (_, index) => {
    const id = `0190${index.toString(16).padStart(12, "0")}-7000-8000-0123456789ab`;
    return [{ table: "log", columns, rows: [[index + 1, id, `stream-${index % 100}`, payload]] }];
  });
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, rows: { type: "string" }, "checkpoint-pages": { type: "string" } },
  });
  const results: StoreLoopResult[] = [];
  for (const appenders of [1, 32, 256]) {
    const requests = sampleRequests(Number(values.rows ?? (appenders === 1 ? 20_000 : 200_000)));
    const checkpoint = values["checkpoint-pages"];
    results.push(
      await runStoreLoop({
        schema: SAMPLE_SCHEMA,
        requests,
        appenders,
        ...(checkpoint === undefined ? {} : { checkpointPages: Number(checkpoint) }),
      }),
    );
  }
  if (values.json === true) {
    console.log(JSON.stringify(results));
    return;
  }
  console.table(
    results.map((result) => ({
      appenders: result.appenders,
      "rows/s": Math.round(result.rowsPerSecond),
      "p50 ms": Number(result.latencyMs.p50.toFixed(2)),
      "p95 ms": Number(result.latencyMs.p95.toFixed(2)),
      "p99 ms": Number(result.latencyMs.p99.toFixed(2)),
      "max ms": Number(result.latencyMs.max.toFixed(1)),
      "rows/commit": Number((result.rows / result.commits).toFixed(1)),
    })),
  );
};

if (import.meta.main) await main();
