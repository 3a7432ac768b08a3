// The clock that the hubs of one database share: its server's, as near as a question can tell. What one hub writes down (a
// lease, a hold, when a machine was last heard) another one judges, so a hub whose machine is minutes ahead would end the
// turns of all others. A database file has one hub, and its clock is its machine's.
import type { Clock } from "@muster/core";
import { integer, type Store, select } from "@muster/store";

/** A smaller difference is left alone: questions take time, and no lease is so short. */
export const DIFFERENCE_MIN_MS = 1_000;
/** How often clocks are compared: they drift apart slowly, and are set at any time. */
const COMPARE_INTERVAL_MS = 60_000;

const serverTime = select({
  request: {},
  row: { now: integer() },
  sql: {
    postgres: "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now",
    sqlite: "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now",
  },
});

export class SharedClock implements Clock {
  readonly #own: Clock;
  #differenceMs = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  now(): number {
    return this.#own.now() + this.#differenceMs;
  }

  /** How far the server's clock is ahead of this machine's, where it is worth correcting. */
  get differenceMs(): number {
    return this.#differenceMs;
  }

  /** Compares at once and from now on, until the returned function is called. Throws what `Store.read` throws. */
  async follow(store: Pick<Store, "dialect" | "read">): Promise<() => void> {
    await this.compare(store);
    // One that fails is made up for by the next.
    const comparing = setInterval(() => void this.compare(store).catch(() => undefined), COMPARE_INTERVAL_MS);
    return () => clearInterval(comparing);
  }

  /** Asks the server for its time. Throws what `Store.read` throws. */
  async compare(store: Pick<Store, "dialect" | "read">): Promise<void> {
    if (store.dialect !== "postgres") return;
    const asked = this.#own.now();
    const [row] = await store.read(serverTime(store.dialect, {}));
    const answered = this.#own.now();
    // When in between the server looked at its clock, nobody knows.
    const uncertainMs = Math.abs(answered - asked) / 2;
    const differenceMs = Math.round((row?.now ?? asked) - (asked + answered) / 2);
    if (Math.abs(differenceMs - this.#differenceMs) < DIFFERENCE_MIN_MS + uncertainMs) return;
    this.#differenceMs = Math.abs(differenceMs) < DIFFERENCE_MIN_MS ? 0 : differenceMs;
  }
}
