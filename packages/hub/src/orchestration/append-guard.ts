// What every append rests on beside its own facts: no projector lies behind, no rebuild is about to swap its rows in,
// and what is cached was read from the rows that are live. One query, checked inside each commit.
import { type Clock, isoTime } from "@muster/core";
import { type Guard, integer, type Store, select, text } from "@muster/store";

/** How often a process looks whether another one's hold is over. */
export const HOLD_POLL_MS = 10;

const REBUILT = "(SELECT coalesce(max(rebuild_number), 0) FROM projection_rebuilds WHERE status = 'finished')";
const HOLDING = "(SELECT count(*) FROM projection_rebuilds WHERE status = 'running' AND held_until > :now)";
const LAGGING = `(SELECT count(*) FROM projection_state
  WHERE last_applied_sequence < (SELECT coalesce(max(sequence), 0) FROM orchestration_events))`;

const lagging = integer();
const holding = integer();
const rebuilt = integer();

const appendFacts = select({
  request: { now: text() },
  row: { lagging, holding, rebuilt },
  sql: `SELECT ${LAGGING} AS lagging, ${HOLDING} AS holding, ${REBUILT} AS rebuilt`,
});

const refusalFacts = select({ request: {}, row: { rebuilt }, sql: `SELECT ${REBUILT} AS rebuilt` });

const rebuildFacts = select({
  request: { now: text() },
  row: { holding, rebuilt },
  sql: `SELECT ${HOLDING} AS holding, ${REBUILT} AS rebuilt`,
});

const projectorsAtWork = select({
  request: {},
  row: { lagging, rebuilding: integer() },
  sql: `SELECT ${LAGGING} AS lagging, (SELECT count(*) FROM projection_rebuilds WHERE status = 'running') AS rebuilding`,
});

/**
 * For a commit that rewrites log and rows together: pages that projectors or a rebuild have read and not written yet
 * hold payloads as they were, so these come first.
 */
export const noProjectorAtWork = (dialect: Store["dialect"]): Guard => ({
  query: projectorsAtWork(dialect, {}),
  expected: [{ lagging: 0, rebuilding: 0 }],
});

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
    const expected = [{ lagging: 0, holding: 0, rebuilt: this.#rebuilt }];
    return { query: appendFacts(this.#store.dialect, { now: this.#now() }), expected };
  }

  /** For a commit that writes without appending, such as a refusal. */
  ofRefusal(): Guard {
    return { query: refusalFacts(this.#store.dialect, {}), expected: [{ rebuilt: this.#rebuilt }] };
  }

  /** Looks at the store again: true where rows were rebuilt since it last looked. */
  async refresh(): Promise<{ readonly isHeld: boolean; readonly isRebuilt: boolean }> {
    const [row] = await this.#store.read(rebuildFacts(this.#store.dialect, { now: this.#now() }));
    const newest = row?.rebuilt ?? 0;
    const isRebuilt = newest !== this.#rebuilt;
    this.#rebuilt = newest;
    return { isHeld: row !== undefined && row.holding > 0, isRebuilt };
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}
