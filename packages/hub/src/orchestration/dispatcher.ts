// The dispatcher: work waits in one queue, and everything that arrives while a commit runs forms the next batch (group
// commit). One batch runs at a time in a process; several processes on one database meet in the guards of the append.
import type { SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { change, StoreError } from "@muster/store";
import { BatchDecision, type BatchParts } from "./batch.ts";
import {
  ATTEMPTS_MAX,
  BATCH_BYTES_MAX,
  BATCH_COMMANDS_MAX,
  type IngestWork,
  opensBatch,
  QUEUED_WORK_MAX,
  type Work,
} from "./work.ts";

export interface Committed {
  readonly spaceId: SpaceId;
  /** How many events the batch appended; 0 when it only wrote receipts or cursors. */
  readonly eventCount: number;
  readonly hasEffects: boolean;
}

export interface DispatcherOptions extends BatchParts {
  /** After a conflict: waits for a rebuild that swaps, and brings projectors up where another process left one behind. */
  readonly catchUp: () => Promise<void>;
  /** Wakes readers and the effect worker. Also called for a batch of which nobody knows whether it was committed. */
  readonly onCommitted: (committed: Committed) => void;
  /** Told about failures that are nobody's answer: bugs. */
  readonly onBug: (error: unknown) => void;
}

/** Writes a page and changes nothing: no projector is without a cursor. */
const trial = change({
  request: {},
  sql: "UPDATE projection_state SET last_applied_sequence = last_applied_sequence",
});

export class Dispatcher {
  readonly #options: DispatcherOptions;
  #queue: Work[] = [];
  #running: Promise<void> | null = null;
  #isClosed = false;
  #isFailing = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Puts work in the queue. Refuses with `queue_full` or `unavailable` through the work's own `reject`. */
  submit(work: Work): void {
    if (this.#isClosed) work.reject(new MusterError("unavailable", "The hub is stopping."));
    else if (this.#queue.length >= QUEUED_WORK_MAX) work.reject(new MusterError("queue_full"));
    else {
      this.#queue.push(work);
      this.#running ??= this.#run();
    }
  }

  /** The store took the last batch neither well nor badly: it is full, away or broken. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Where the last batch failed: whether the store takes a write again, though nobody has sent one since. */
  async tryAgain(): Promise<void> {
    if (!this.#isFailing) return;
    const { store } = this.#options;
    try {
      await store.commit({ guards: [], statements: [trial(store.dialect, {})] });
      this.#isFailing = false;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Takes no more work and waits for what is in the queue. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the event loop, so that everything that arrives together forms one batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      try {
        await this.#runBatch();
      } catch (error) {
        this.#options.onBug(error);
      }
    }
    this.#running = null;
  }

  async #runBatch(): Promise<void> {
    const first = this.#queue[0];
    if (first === undefined) return;
    const batch = new BatchDecision(this.#options, first.spaceId);
    const taken: Work[] = [];
    const unfinished: Work[] = [];
    let firstAllocated: number;
    try {
      await this.#decide(batch, first.spaceId, taken, unfinished);
      const result = await this.#options.store.commit(batch.toBatch());
      if (result.status === "conflict") {
        batch.forget();
        await this.#options.catchUp();
        this.#retry(taken);
        return;
      }
      firstAllocated = result.firstAllocated;
      this.#isFailing = false;
    } catch (error) {
      batch.forget();
      this.#failed(taken, error);
      // It may be in the log, and whoever sends its command again is answered without another commit.
      if (error instanceof StoreError && error.code === "outcome_unknown") this.#tell(batch, first.spaceId);
      return;
    }
    // From here on it is durable: nothing may run again, whatever goes wrong.
    for (const work of unfinished) {
      // Passing an entry is over with it; the ones behind it may go together again.
      if (work.attempts >= ATTEMPTS_MAX) work.isAlone = false;
      work.attempts = 0;
    }
    this.#queue = [...unfinished, ...this.#queue];
    batch.committed(firstAllocated);
    this.#tell(batch, first.spaceId);
  }

  #tell({ write: { eventCount, hasEffects } }: BatchDecision, spaceId: SpaceId): void {
    this.#options.onCommitted({ spaceId, eventCount, hasEffects });
  }

  /** Moves work from the queue into the batch, in order, until a limit or something that must stand at the beginning. */
  async #decide(batch: BatchDecision, spaceId: SpaceId, taken: Work[], unfinished: Work[]): Promise<void> {
    let bytes = 0;
    let commands = 0;
    const others: Work[] = [];
    try {
      await batch.prepare(this.#queue.slice(0, BATCH_COMMANDS_MAX).filter((work) => work.spaceId === spaceId));
      while (this.#queue.length > 0 && commands < BATCH_COMMANDS_MAX && bytes < BATCH_BYTES_MAX) {
        const work = this.#queue[0];
        if (work === undefined) break;
        if (work.spaceId !== spaceId) {
          others.push(work);
          this.#queue.shift();
          continue;
        }
        if (taken.length > 0 && (work.isAlone || taken[0]?.isAlone || this.#mustOpen(work, batch))) break;
        this.#queue.shift();
        taken.push(work);
        bytes += work.sizeBytes;
        const isDone = await this.#decideOne(batch, work, BATCH_COMMANDS_MAX - commands);
        commands += work.kind === "ingest" ? work.entries.length : 1;
        if (!isDone) {
          unfinished.push(work);
          break;
        }
      }
    } finally {
      this.#queue = [...others, ...this.#queue];
    }
  }

  #mustOpen(work: Work, batch: BatchDecision): boolean {
    return work.kind !== "ingest" && opensBatch(work.command.type) && !batch.isFresh;
  }

  async #decideOne(batch: BatchDecision, work: Work, entriesLeft: number): Promise<boolean> {
    switch (work.kind) {
      case "client":
        await batch.decideClient(work);
        return true;
      case "hub":
        await batch.decideHub(work);
        return true;
      case "ingest":
        if (work.attempts >= ATTEMPTS_MAX) await batch.passEntry(work, { isTold: work.attempts === ATTEMPTS_MAX });
        return (await batch.decideIngest(work, entriesOf(work, entriesLeft))).isDone;
    }
  }

  /** Others changed what the decisions rest on: everything is decided again on fresh state. */
  #retry(taken: readonly Work[]): void {
    const again: Work[] = [];
    for (const work of taken) {
      work.attempts += 1;
      // After a second conflict each goes by itself, so that one contended stream cannot use up its neighbours' tries.
      if (work.attempts > 1) work.isAlone = true;
      if (work.attempts < ATTEMPTS_MAX) again.push(work);
      else work.reject(new MusterError("concurrency_conflict"));
    }
    this.#queue = [...again, ...this.#queue];
  }

  /** The batch failed as a whole: each piece of work runs again by itself, so one cannot fail its neighbours. */
  #failed(taken: readonly Work[], error: unknown): void {
    const answer = answerOf(error);
    if (answer !== null) {
      this.#isFailing = true;
      for (const work of taken) work.reject(answer);
      return;
    }
    const again: Work[] = [];
    for (const work of taken) {
      const wasAlone = work.isAlone || (taken.length === 1 && work.kind !== "ingest");
      work.isAlone = true;
      work.attempts += 1;
      if (!wasAlone || this.#mayTryAgain(work, error)) again.push(work);
      else if (error instanceof StoreError && error.code === "constraint_violated")
        work.reject(new MusterError("concurrency_conflict", undefined, undefined, { cause: error }));
      else work.reject(this.#bug(error));
    }
    this.#queue = [...again, ...this.#queue];
  }

  /** A key that another process took first may be free of conflict when decided again; a journal's entry is passed at last. */
  #mayTryAgain(work: Work, error: unknown): boolean {
    if (work.kind !== "ingest") return work.attempts < ATTEMPTS_MAX && error instanceof StoreError;
    if (work.attempts === ATTEMPTS_MAX) this.#options.onBug(error);
    // Once passed with a word to the thread, then without.
    return work.attempts <= ATTEMPTS_MAX + 1;
  }

  #bug(error: unknown): MusterError {
    this.#options.onBug(error);
    return new MusterError("internal_error", undefined, undefined, { cause: error });
  }
}

/** Alone, entries go one by one, so that the one that cannot be stored is found; none besides one that is passed. */
function entriesOf(work: IngestWork, entriesLeft: number): number {
  if (work.attempts >= ATTEMPTS_MAX) return 0;
  return work.isAlone ? 1 : entriesLeft;
}

/** The answer for everyone in the batch when the store itself is the trouble; null when one piece of work may be. */
function answerOf(error: unknown): MusterError | null {
  if (!(error instanceof StoreError)) return null;
  if (error.code === "outcome_unknown")
    return new MusterError("outcome_unknown", undefined, undefined, { cause: error });
  if (error.code === "unavailable" || error.code === "corrupt")
    return new MusterError("unavailable", error.message, undefined, { cause: error });
  return null;
}
