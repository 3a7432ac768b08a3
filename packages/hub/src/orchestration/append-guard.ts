// What every append rests on beside its own facts: no projector lies behind, no rebuild is about to swap its rows in,
// and what is cached was read from the rows that are live. One query, checked inside each commit.
import { type Clock, isoTime } from "@muster/core";
import type { Guard, Store } from "@muster/store";
import { query } from "./placeholders.ts";

/** How often a process looks whether another one's hold is over. */
export const HOLD_POLL_MS = 10;

const REBUILT = "(SELECT coalesce(max(rebuild_number), 0) FROM projection_rebuilds WHERE status = 'finished')";
const HOLDING = "(SELECT count(*) FROM projection_rebuilds WHERE status = 'running' AND held_until > ?)";
const LAGGING = `(SELECT count(*) FROM projection_state
  WHERE last_applied_sequence < (SELECT coalesce(max(sequence), 0) FROM orchestration_events))`;

/**
 * For a commit that rewrites log and rows together: pages that projectors or a rebuild have read and not written yet
 * hold payloads as they were, so these come first.
 */
export const noProjectorAtWork: Guard = {
  query: {
    sql: `SELECT ${LAGGING} AS lagging, (SELECT count(*) FROM projection_rebuilds WHERE status = 'running') AS rebuilding`,
    parameters: [],
  },
  expected: [{ lagging: 0, rebuilding: 0 }],
};

export class AppendGuard {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Number of the last rebuild whose rows are live, as far as this process has heard. */
  #rebuilt = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** For a commit that appends events. */
  ofAppend(): Guard {
    const sql = `SELECT ${LAGGING} AS lagging, ${HOLDING} AS holding, ${REBUILT} AS rebuilt`;
    const expected = [{ lagging: 0, holding: 0, rebuilt: this.#rebuilt }];
    return { query: query(this.#store.dialect, sql, this.#now()), expected };
  }

  /** For a commit that writes without appending, such as a refusal. */
  ofRefusal(): Guard {
    return { query: { sql: `SELECT ${REBUILT} AS rebuilt`, parameters: [] }, expected: [{ rebuilt: this.#rebuilt }] };
  }

  /** Looks at the store again: true where rows were rebuilt since it last looked. */
  async refresh(): Promise<{ readonly isHeld: boolean; readonly isRebuilt: boolean }> {
    const sql = `SELECT ${HOLDING} AS holding, ${REBUILT} AS rebuilt`;
    const [row] = await this.#store.read(query(this.#store.dialect, sql, this.#now()));
    const rebuilt = Number(row?.["rebuilt"]);
    const isRebuilt = rebuilt !== this.#rebuilt;
    this.#rebuilt = rebuilt;
    return { isHeld: Number(row?.["holding"]) > 0, isRebuilt };
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
