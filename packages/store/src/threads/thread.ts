// One thread of the store as its caller sees it: calls go in, answers come back in order. Invariant: every call is
// answered; those that a thread took with it when it died are told so, and the next call starts another thread.
import { Worker } from "node:worker_threads";
import { StoreError, type StoreErrorCode } from "../port.ts";
import { storeEnvironment } from "./environment.ts";
import { type Answer, fromPlainError, type Request, type ThreadTask } from "./messages.ts";

interface Call {
  readonly kind: string;
  readonly resolve: (result: never) => void;
  readonly reject: (error: StoreError) => void;
}

const isWrite = (kind: string): boolean => kind === "commit" || kind === "migrate";

/** `Work` are the requests by their kind, `open` among them; `Results` has the answer to each kind. */
export class StoreThread<
  Work extends { readonly kind: string },
  Results extends Readonly<Record<Work["kind"] | "open", unknown>>,
> {
  readonly #task: ThreadTask;
  readonly #script: URL;
  readonly #calls = new Map<number, Call>();
  #worker: Worker | null = null;
  #ended: Promise<void> = Promise.resolve();
  #lastId = 0;
  #isEnding = false;

  /** Runs the script, which is told the task. */
  constructor(task: ThreadTask, script: URL) {
    this.#task = task;
    this.#script = script;
    // Starting takes a while: threads that are made together start side by side, and open their files when told to.
    this.#start();
  }

  /** Calls that wait for their answer. */
  get waiting(): number {
    return this.#calls.size;
  }

  /** Opens the thread's connection. Throws as opening does. */
  open(): Promise<Results["open"]> {
    return this.#open(this.#worker ?? this.#start());
  }

  /**
   * Throws what the work throws. When the thread dies meanwhile: `outcome_unknown` for what writes, `unavailable` for
   * what reads.
   */
  call<Kind extends Work["kind"]>(work: Extract<Work, { kind: Kind }>): Promise<Results[Kind]> {
    if (this.#worker !== null) return this.#send(this.#worker, work);
    // What it held is gone, so no other can go on.
    if (this.#task.role === "scratch") return Promise.reject(this.#lostError("unavailable"));
    const worker = this.#start();
    // Where it cannot be opened, the call that comes behind fails too, and the next one tries again.
    this.#open(worker).catch(() => worker.postMessage(null satisfies Request<Work>));
    return this.#send(worker, work);
  }

  /** Ends the thread after the calls that it has. Resolves when it is gone and its connection is closed. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#isEnding = true;
    worker.postMessage(null satisfies Request<Work>);
    this.#hold(worker);
    await this.#ended;
  }

  #open(worker: Worker): Promise<Results["open"]> {
    const work = { kind: "open" } as Extract<Work, { kind: "open" }>;
    return this.#send(worker, work);
  }

  #send<Kind extends Work["kind"]>(worker: Worker, work: Extract<Work, { kind: Kind }>): Promise<Results[Kind]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      try {
        worker.postMessage({ id, work } satisfies Request<Work>);
      } catch (error) {
        // Functions, symbols and the like: no value that a column could hold either.
        const message = `a value cannot be sent to a thread: ${String(error)}`;
        reject(new StoreError("invalid_statement", message, { cause: error }));
        return;
      }
      this.#calls.set(id, { kind: work.kind, resolve, reject });
      this.#hold(worker);
    });
  }

  #start(): Worker {
    // No flags of the caller's: a test runner's loaders have no business here.
    const worker = new Worker(this.#script, {
      workerData: this.#task,
      execArgv: [],
      env: storeEnvironment(),
      name: `store ${this.#task.role}`,
    });
    this.#worker = worker;
    let cause: unknown;
    worker.on("message", (answer: Answer<unknown>) => {
      const call = this.#calls.get(answer.id);
      this.#calls.delete(answer.id);
      this.#hold(worker);
      if ("error" in answer) call?.reject(fromPlainError(answer.error));
      else call?.resolve(answer.result as never);
    });
    worker.on("error", (error) => {
      cause = error;
    });
    this.#ended = new Promise((resolve) => {
      worker.once("exit", () => {
        this.#worker = null;
        this.#died(cause);
        resolve();
      });
    });
    this.#hold(worker);
    return worker;
  }

  /** An idle store keeps no process alive; a call that waits does, and so does closing. */
  #hold(worker: Worker): void {
    if (this.#calls.size > 0 || this.#isEnding) worker.ref();
    else worker.unref();
  }

  #died(cause: unknown): void {
    const lost = [...this.#calls.values()];
    this.#calls.clear();
    for (const { kind, reject } of lost)
      reject(this.#lostError(isWrite(kind) ? "outcome_unknown" : "unavailable", cause));
  }

  #lostError(code: StoreErrorCode, cause?: unknown): StoreError {
    const { path, role } = this.#task;
    return new StoreError(code, `${path}: the ${role}'s thread ended unexpectedly`, { cause });
  }
}
