// Work of one key one after the other, of different keys side by side.

export class Lanes<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  /** Runs the work when all earlier work of the key has ended, well or badly. */
  run<Result>(key: Key, work: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(work, work);
    const tail = result.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }

  /** Resolves when everything added so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
