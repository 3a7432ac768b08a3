// The dispatcher's limit: a bare loop over `node:sqlite` that makes the same writes to the same tables with the same
// full syncs and the same group commit, and decides nothing. What each command wrote was captured from a real run; at
// each turn of the event loop everything that waits goes into one transaction, inserts of one table together.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
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

interface Waiting {
  readonly command: CapturedCommand;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class ReplayLoop {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Waiting[] = [];
  commits = 0;

  constructor(path: string, schema: readonly string[], pragmas: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(pragmas);
    for (const statement of schema) this.#database.exec(statement);
  }

  append(command: CapturedCommand): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  close(): void {
    this.#database.close();
  }

  #commit(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#run("BEGIN IMMEDIATE", []);
      const tables = new Map<string, { columns: string; rows: Write["values"][] }>();
      for (const { command } of batch) {
        for (const { table, columns, rows } of command.inserts) {
          const found = tables.get(table);
          if (found === undefined) tables.set(table, { columns, rows: [...rows] });
          else found.rows.push(...rows);
        }
      }
      for (const [table, { columns, rows }] of tables) this.#insert(table, columns, rows);
      for (const { command } of batch) for (const { sql, values } of command.others) this.#run(sql, values);
      const cursors = batch.findLast(({ command }) => command.cursors !== null)?.command.cursors;
      if (cursors) this.#run(cursors.sql, cursors.values);
      this.#run("COMMIT", []);
      this.commits += 1;
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      for (const { reject } of batch) reject(error);
    }
  }

  #insert(table: string, columns: string, rows: readonly Write["values"][]): void {
    let size = ROWS_PER_STATEMENT;
    for (let start = 0; start < rows.length; start += size) {
      while (size > rows.length - start) size /= 2;
      const chunk = rows.slice(start, start + size);
      const tuple = `(${(chunk[0] ?? []).map(() => "?").join(",")})`;
      this.#run(`INSERT INTO "${table}" (${columns}) VALUES ${chunk.map(() => tuple).join(",")}`, chunk.flat());
    }
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

/** Replays each client's commands in order, all clients at once, into a new file that is removed afterwards. */
export const replay = async (
  clients: readonly (readonly CapturedCommand[])[],
  schema: readonly string[],
  pragmas: string,
): Promise<LoopResult> => {
  const directory = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const loop = new ReplayLoop(join(directory, "loop.db"), schema, pragmas);
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
    loop.close();
    rmSync(directory, { recursive: true });
  }
};
