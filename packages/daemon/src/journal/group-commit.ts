// Group commit: what is asked for in one tick, or while a commit runs, is one transaction. Each piece of work is
// answered only after its commit; work that breaks a rule fails alone. A full disk makes everyone wait, nobody fail.
import { type CommitResult, type Statement, type Store, StoreError } from "@muster/store";
import type { Timers } from "../processes/index.ts";

export interface Work {
  /** Rows it adds, for the size of a group. */
  readonly rows: number;
  /** Called when the transaction is put together, in the order of asking; may be called again for a retry. */
  readonly build: () => readonly Statement[];
  /** A transaction of its own. */
  readonly alone?: boolean;
  /** Called right after the commit, before the promise is resolved, in the order of asking. `changes`: of the whole group. */
  readonly committed?: (changes: readonly number[]) => void;
}

export interface GroupCommitOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly limits: { readonly commitMaxRows: number; readonly retryMs: number };
  /** Called before each try of a group; what it gives is written last, with the group. */
  readonly begin: () => readonly Statement[];
  /** Called after a commit, before its work is answered. */
  readonly committed: () => void;
  /** Called once for each try that has to be repeated. */
  readonly onDelayed: (error: StoreError) => void;
}

interface Waiting extends Work {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A statement found another number of rows than it expected; nothing of its work was written. */
export class ConflictError extends Error {
  override readonly name = "ConflictError";
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Durable when it resolves. Rejects with ConflictError or StoreError; then nothing of this work was written. */
  add(work: Work): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreError("unavailable", "the journal is closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...work, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Commits what waits, then takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Lets the rest of this tick join the first group.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#commit(this.#takeGroup());
    this.#running = undefined;
  }

  #takeGroup(): Waiting[] {
    let rows = 0;
    const end = this.#queue.findIndex((work, index) => {
      rows += work.rows;
      return (
        index > 0 &&
        (work.alone === true || this.#queue[index - 1]?.alone === true || rows > this.#options.limits.commitMaxRows)
      );
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    let result: CommitResult;
    try {
      const last = this.#options.begin();
      result = await this.#options.store.commit({
        guards: [],
        statements: [...group.flatMap((work) => work.build()), ...last],
      });
      if (result.status === "conflict") throw new ConflictError("a row was not as expected");
    } catch (error) {
      await this.#recover(group, error);
      return;
    }
    this.#options.committed();
    for (const work of group) {
      work.committed?.(result.changes);
      work.resolve();
    }
  }

  async #recover(group: readonly Waiting[], error: unknown): Promise<void> {
    if (error instanceof StoreError && error.code === "unavailable" && !this.#closed) {
      this.#options.onDelayed(error);
      await this.#pause();
      await this.#commit(group);
      return;
    }
    if (group.length > 1) {
      for (const work of group) await this.#commit([work]);
      return;
    }
    group[0]?.reject(error);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timers.schedule(this.#options.limits.retryMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
