// Work done one after the other, with a limit on what may wait.

export class SerialQueue {
  readonly #waitingMax: number;
  readonly #onBug: (error: unknown) => void;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: { readonly waitingMax: number; readonly onBug: (error: unknown) => void }) {
    this.#waitingMax = options.waitingMax;
    this.#onBug = options.onBug;
  }

  /** False: too much waits already. Work that throws is reported and does not stop what comes after it. */
  add(work: () => Promise<void>): boolean {
    if (this.#waiting >= this.#waitingMax) return false;
    this.#waiting += 1;
    this.#tail = this.#tail
      .then(work)
      .catch(this.#onBug)
      .finally(() => {
        this.#waiting -= 1;
      });
    return true;
  }

  /** Resolves when everything added so far has ended. */
  idle(): Promise<void> {
    return this.#tail;
  }
}
