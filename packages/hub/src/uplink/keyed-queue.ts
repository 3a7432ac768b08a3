// Work by key, a few at a time. What waits already is not done twice: it reads when it begins.

interface Waiting {
  readonly work: () => Promise<void>;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export class KeyedQueue {
  readonly #atOnceMax: number;
  readonly #waiting = new Map<string, Waiting>();
  #running = 0;

  /** As many keys wait as there are; whoever adds bounds them. */
  constructor(options: { readonly atOnceMax: number }) {
    this.#atOnceMax = options.atOnceMax;
  }

  /** Resolves when it is done. The work must not reject. */
  add(key: string, work: () => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return waiting.promise;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(key, { work, promise, resolve });
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#running >= this.#atOnceMax) return;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [key, { work, resolve }] = first;
    this.#waiting.delete(key);
    this.#running += 1;
    void work().finally(() => {
      this.#running -= 1;
      resolve();
      this.#next();
    });
  }
}
