// One connection while a call has it: sends any number of statements in one go and gathers their answers, so that a
// batch costs one round trip and not one per statement. Internal to postgres/.
import { type PoolClient, Query, type QueryResult } from "pg";
import { type Row, type SqlValue, StoreError } from "../port.ts";
import { endsConnection } from "./errors.ts";
import { ANSWER_TIMEOUT_MS, PREPARED_STATEMENTS_MAX } from "./limits.ts";

/** A statement with parameters is prepared and kept by its text; one without runs as it is and may hold several. */
export interface Command {
  readonly sql: string;
  readonly parameters?: readonly SqlValue[];
  /** In place of parameters: lists of them. */
  readonly lists?: readonly (readonly SqlValue[])[];
}

export interface Answer {
  readonly rows: readonly Row[];
  /** Rows changed, or returned by a statement that changes none. */
  readonly changes: number;
  /** What was done, in the server's word: `COMMIT` for a commit, `ROLLBACK` for one of a failed transaction. */
  readonly done: string;
}

export type Outcome = { readonly answer: Answer } | { readonly error: unknown };

/** The answers, or the first error thrown as it came. */
export const answersOf = (outcomes: readonly Outcome[]): readonly Answer[] =>
  outcomes.map((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.answer;
  });

const answerOf = (result: QueryResult | readonly QueryResult[]): Answer => {
  const last = Array.isArray(result) ? (result.at(-1) as QueryResult) : (result as QueryResult);
  return { rows: last.rows as Row[], changes: last.rowCount ?? 0, done: last.command };
};

export class Connection {
  readonly #client: PoolClient;
  /** Names of prepared statements by text. */
  readonly #names = new Map<string, string>();
  /** The schema of this process as it was when the first statement was prepared here. */
  readonly schemaEpoch: number;
  #isLost = false;

  constructor(client: PoolClient, schemaEpoch: number) {
    this.#client = client;
    this.schemaEpoch = schemaEpoch;
    // Without a listener the error of a lost connection would end the process; who waits for an answer gets it anyway.
    client.on("error", () => {
      this.#isLost = true;
    });
    client.on("end", () => {
      this.#isLost = true;
    });
  }

  /** Whether it may be used again: alive, outside any transaction, with room for more prepared statements. */
  get isReusable(): boolean {
    return !this.#isLost && !this.isInTransaction && this.#names.size < PREPARED_STATEMENTS_MAX;
  }

  /** Also true for a transaction that has failed and waits for its ROLLBACK. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() !== "I";
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * Sends all commands at once and resolves when every one has its outcome, in order. Throws `unavailable` when the
   * connection is known to be gone, so nothing was sent; gives it up when the answers take too long.
   * @param timeoutMs null where an answer may take any time
   */
  run(commands: readonly Command[], timeoutMs: number | null = ANSWER_TIMEOUT_MS): Promise<readonly Outcome[]> {
    if (this.#isLost) return Promise.reject(new StoreError("unavailable", "the connection to PostgreSQL was lost"));
    const { stream } = this.#client.connection;
    return new Promise((resolve) => {
      const outcomes: Outcome[] = new Array(commands.length);
      let open = commands.length;
      const timer = timeoutMs === null ? undefined : setTimeout(() => stream.destroy(), timeoutMs);
      const settle = (index: number, outcome: Outcome): void => {
        outcomes[index] = outcome;
        open -= 1;
        if (open > 0) return;
        clearTimeout(timer);
        resolve(outcomes);
      };
      // One write to the socket for all of them.
      stream.cork();
      for (const [index, command] of commands.entries()) {
        this.#send(command, (error, result) => {
          if (error instanceof Error && endsConnection(error)) this.#isLost = true;
          settle(index, error instanceof Error ? { error } : { answer: answerOf(result) });
        });
      }
      stream.uncork();
    });
  }

  #send({ sql, lists, parameters }: Command, callback: (error: Error | undefined, result: QueryResult) => void): void {
    const values = lists ?? parameters;
    const name = values === undefined ? undefined : this.#nameOf(sql);
    const config = { text: sql, ...(name !== undefined && { name }), ...(values && { values: [...values] }) };
    this.#client.query(new Query(config, callback));
  }

  /** Undefined, so not kept prepared, when the connection holds as many as it may. */
  #nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql);
    if (known !== undefined || this.#names.size >= PREPARED_STATEMENTS_MAX) return known;
    const name = `s${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }
}
