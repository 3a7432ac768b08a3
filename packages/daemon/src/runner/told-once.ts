// What was told already and need not be told again; forgets everything when it is too much, and may then tell twice.

const REMEMBERED_MAX = 10_000;

export class ToldOnce {
  readonly #told = new Set<string>();

  /** False the first time. */
  isTold(what: string): boolean {
    if (this.#told.has(what)) return true;
    if (this.#told.size >= REMEMBERED_MAX) this.#told.clear();
    this.#told.add(what);
    return false;
  }
}
