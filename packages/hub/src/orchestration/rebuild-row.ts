// The row of a rebuild: who does it, under a lease that each page renews, how far it is, and whether appends are held
// back for its swap. Every write of a rebuild is guarded by it, so one that lost its lease changes nothing any more.
import type { ErrorCode, ProjectorName, Rebuild } from "@muster/contracts";
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import {
  allocated,
  change,
  type Guard,
  insertInto,
  integer,
  nullable,
  pick,
  type Statement,
  type Store,
  select,
  text,
} from "@muster/store";
import { HUB_TABLES, type HubRow } from "../schema/index.ts";
import { dropShadows, tablesOf } from "./shadow-tables.ts";

/** A rebuild that has written nothing for so long is taken for dead. */
export const REBUILD_LEASE_MS = 15_000;
/** Longest time for which appends wait for a swap, should its process die meanwhile. */
export const HOLD_MS = 3_000;
/** Rebuilds that are remembered. */
const REMEMBERED_MAX = 20;

const { projection_rebuilds: rebuilds } = HUB_TABLES;
const ofRebuild = { rebuildNumber: integer() } as const;

const newestRebuild = select({
  request: {},
  row: rebuilds,
  sql: "SELECT * FROM projection_rebuilds ORDER BY rebuild_number DESC LIMIT 1",
});

const aliveRebuild = select({
  request: { now: text() },
  row: pick(rebuilds, "rebuild_number"),
  sql: "SELECT rebuild_number FROM projection_rebuilds WHERE status = 'running' AND lease_expires_at > :now LIMIT 1",
});

const statusOf = select({
  request: ofRebuild,
  row: pick(rebuilds, "status"),
  sql: "SELECT status FROM projection_rebuilds WHERE rebuild_number = :rebuildNumber",
});

const forgetOld = change({
  request: {},
  sql: `DELETE FROM projection_rebuilds
    WHERE rebuild_number <= (SELECT max(rebuild_number) FROM projection_rebuilds) - ${REMEMBERED_MAX}`,
});

const setProgress = change({
  request: { ...ofRebuild, appliedSequence: integer(), headSequence: integer(), skipped: text(), lease: text() },
  sql: `UPDATE projection_rebuilds SET applied_sequence = :appliedSequence, head_sequence = :headSequence,
    skipped_json = :skipped, lease_expires_at = :lease WHERE rebuild_number = :rebuildNumber`,
});

const setHold = change({
  request: { ...ofRebuild, until: text() },
  sql: "UPDATE projection_rebuilds SET held_until = :until WHERE rebuild_number = :rebuildNumber",
});

const setEnd = change({
  request: { ...ofRebuild, status: rebuilds.status, error: nullable(text<ErrorCode>()), now: text() },
  sql: `UPDATE projection_rebuilds SET status = :status, error_code = :error, finished_at = :now, held_until = NULL
    WHERE rebuild_number = :rebuildNumber`,
});

const setChanged = change({
  request: { ...ofRebuild, removed: integer(), written: integer() },
  sql: `UPDATE projection_rebuilds SET rows_removed = :removed, rows_written = :written
    WHERE rebuild_number = :rebuildNumber`,
});

const endRunning = change({
  request: { now: text() },
  sql: `UPDATE projection_rebuilds SET status = 'failed', error_code = 'unavailable', finished_at = :now,
    held_until = NULL WHERE status = 'running'`,
});

interface Progress {
  readonly appliedSequence: number;
  readonly headSequence: number;
  readonly skipped: Rebuild["skipped"];
}

export class RebuildRows {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async newest(): Promise<Rebuild | null> {
    const [row] = await this.#store.read(newestRebuild(this.#store.dialect, {}));
    return row === undefined ? null : rebuildOf(row);
  }

  /**
   * Takes the lease, in one commit with `more`. null while another rebuild has the lease.
   */
  async begin(owner: string, projectors: readonly ProjectorName[], more: readonly Statement[]): Promise<number | null> {
    const now = this.#clock.now();
    const { dialect } = this.#store;
    const row = {
      rebuild_number: allocated(0),
      owner,
      projectors_json: JSON.stringify(projectors),
      status: "running",
      applied_sequence: 0,
      head_sequence: 0,
      skipped_json: JSON.stringify({ count: 0, kinds: [] }),
      rows_removed: null,
      rows_written: null,
      error_code: null,
      started_at: isoTime(now),
      lease_expires_at: isoTime(now + REBUILD_LEASE_MS),
      held_until: null,
      finished_at: null,
    } as const;
    const result = await this.#store.commit({
      guards: [{ query: aliveRebuild(dialect, { now: isoTime(now) }), expected: [] }],
      allocation: { table: "projection_rebuilds", column: "rebuild_number", count: 1 },
      statements: [
        ...this.#abandon(isoTime(now)),
        forgetOld(dialect, {}),
        ...insertInto(dialect, HUB_TABLES, "projection_rebuilds", [row]),
        ...more,
      ],
    });
    return result.status === "committed" ? result.firstAllocated : null;
  }

  /**
   * At start: what a process that died left behind is dropped. On SQLite that is any rebuild, because one process has the
   * file; where several share the store, one whose lease is over.
   */
  async dropDead(): Promise<void> {
    await (this.#store.dialect === "sqlite" ? this.#drop(() => true) : this.dropExpired());
  }

  /** While hubs serve: one whose lease is over is dropped, so that what waits for its end does not wait for ever. */
  dropExpired(): Promise<void> {
    return this.#drop((row, now) => row.lease_expires_at <= now);
  }

  async #drop(isDead: (running: RebuildRow, now: string) => boolean): Promise<void> {
    const query = newestRebuild(this.#store.dialect, {});
    const [row] = await this.#store.read(query);
    const now = isoTime(this.#clock.now());
    if (row?.status !== "running" || !isDead(row, now)) return;
    await this.#store.commit({
      guards: [{ query, expected: [row] }],
      statements: this.#abandon(now),
    });
  }

  /** What must hold for every write of a rebuild: nobody has taken its place. */
  guard(rebuildNumber: number): Guard {
    return { query: statusOf(this.#store.dialect, { rebuildNumber }), expected: [{ status: "running" }] };
  }

  /** Writes down how far it is and keeps the lease. */
  progress(rebuildNumber: number, { appliedSequence, headSequence, skipped }: Progress): Statement {
    return setProgress(this.#store.dialect, {
      rebuildNumber,
      appliedSequence,
      headSequence,
      skipped: JSON.stringify(skipped),
      lease: isoTime(this.#clock.now() + REBUILD_LEASE_MS),
    });
  }

  /** From its commit on no append succeeds, anywhere, until the rebuild ends or the time is over. */
  hold(rebuildNumber: number): Statement {
    return setHold(this.#store.dialect, { rebuildNumber, until: isoTime(this.#clock.now() + HOLD_MS) });
  }

  end(rebuildNumber: number, error: ErrorCode | null): Statement {
    const status = error === null ? "finished" : "failed";
    return setEnd(this.#store.dialect, { rebuildNumber, status, error, now: isoTime(this.#clock.now()) });
  }

  changed(rebuildNumber: number, rows: NonNullable<Rebuild["rows"]>): Statement {
    return setChanged(this.#store.dialect, { rebuildNumber, removed: rows.removed, written: rows.written });
  }

  #abandon(now: string): Statement[] {
    return [endRunning(this.#store.dialect, { now }), ...dropShadows(tablesOf(PROJECTOR_NAMES))];
  }
}

type RebuildRow = HubRow<"projection_rebuilds">;

function rebuildOf(row: RebuildRow): Rebuild {
  const { rows_removed: removed, rows_written: written } = row;
  return {
    rebuildNumber: row.rebuild_number,
    projectors: JSON.parse(row.projectors_json) as ProjectorName[],
    state: row.status,
    appliedSequence: row.applied_sequence,
    headSequence: row.head_sequence,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    error: row.error_code,
    skipped: JSON.parse(row.skipped_json) as Rebuild["skipped"],
    rows: removed === null || written === null ? null : { removed, written },
  };
}
