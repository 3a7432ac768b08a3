// Hands large answers to their callers one per turn of the event loop, so that several that arrive together do not
// make everyone else wait for all of them.

export class Turns {
  #waiting: (() => void)[] = [];

  /** Resolves in a turn of its own, in the order of the calls. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(() => this.#take());
    });
  }

  #take(): void {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) setImmediate(() => this.#take());
  }
}
