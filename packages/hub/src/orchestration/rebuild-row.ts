// The row of a rebuild: who does it, under a lease that each page renews, how far it is, and whether appends are held
// back for its swap. Every write of a rebuild is guarded by it, so one that lost its lease changes nothing any more.
import type { ErrorCode, ProjectorName, Rebuild } from "@muster/contracts";
import { type Clock, isoTime, PROJECTOR_NAMES } from "@muster/core";
import { type Guard, insertRows, type Row, type Statement, type Store } from "@muster/store";
import { HUB_COLUMNS } from "../schema/index.ts";
import { query } from "./placeholders.ts";
import { dropShadows, tablesOf } from "./shadow-tables.ts";

/** A rebuild that has written nothing for so long is taken for dead. */
export const REBUILD_LEASE_MS = 15_000;
/** Longest time for which appends wait for a swap, should its process die meanwhile. */
export const HOLD_MS = 3_000;
/** Rebuilds that are remembered. */
const REMEMBERED_MAX = 20;

export const NEWEST = "SELECT * FROM projection_rebuilds ORDER BY rebuild_number DESC LIMIT 1";

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
    const [row] = await this.#store.read({ sql: NEWEST, parameters: [] });
    return row === undefined ? null : rebuildOf(row);
  }

  /**
   * Takes the lease, in one commit with `more`. null while another rebuild has the lease.
   */
  async begin(owner: string, projectors: readonly ProjectorName[], more: readonly Statement[]): Promise<number | null> {
    const now = this.#clock.now();
    const { dialect } = this.#store;
    const row = [
      { allocated: 0 },
      owner,
      JSON.stringify(projectors),
      "running",
      0,
      0,
      JSON.stringify({ count: 0, kinds: [] }),
      null,
      null,
      null,
      isoTime(now),
      isoTime(now + REBUILD_LEASE_MS),
      null,
      null,
    ];
    const alive =
      "SELECT rebuild_number FROM projection_rebuilds WHERE status = 'running' AND lease_expires_at > ? LIMIT 1";
    const result = await this.#store.commit({
      guards: [{ query: query(dialect, alive, isoTime(now)), expected: [] }],
      allocation: { table: "projection_rebuilds", column: "rebuild_number", count: 1 },
      statements: [
        ...this.#abandon(isoTime(now)),
        {
          sql: `DELETE FROM projection_rebuilds WHERE rebuild_number <= (SELECT max(rebuild_number) FROM projection_rebuilds) - ${REMEMBERED_MAX}`,
          parameters: [],
        },
        ...insertRows(dialect, "projection_rebuilds", HUB_COLUMNS.projection_rebuilds, [row]),
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
    return this.#drop((row, now) => String(row["lease_expires_at"]) <= now);
  }

  async #drop(isDead: (running: Row, now: string) => boolean): Promise<void> {
    const [row] = await this.#store.read({ sql: NEWEST, parameters: [] });
    const now = isoTime(this.#clock.now());
    if (row?.["status"] !== "running" || !isDead(row, now)) return;
    await this.#store.commit({
      guards: [{ query: { sql: NEWEST, parameters: [] }, expected: [row] }],
      statements: this.#abandon(now),
    });
  }

  /** What must hold for every write of a rebuild: nobody has taken its place. */
  guard(rebuildNumber: number): Guard {
    const sql = "SELECT status FROM projection_rebuilds WHERE rebuild_number = ?";
    return { query: query(this.#store.dialect, sql, rebuildNumber), expected: [{ status: "running" }] };
  }

  /** Writes down how far it is and keeps the lease. */
  progress(rebuildNumber: number, { appliedSequence, headSequence, skipped }: Progress): Statement {
    const sql =
      "UPDATE projection_rebuilds SET applied_sequence = ?, head_sequence = ?, skipped_json = ?, lease_expires_at = ? WHERE rebuild_number = ?";
    const lease = isoTime(this.#clock.now() + REBUILD_LEASE_MS);
    return query(
      this.#store.dialect,
      sql,
      appliedSequence,
      headSequence,
      JSON.stringify(skipped),
      lease,
      rebuildNumber,
    );
  }

  /** From its commit on no append succeeds, anywhere, until the rebuild ends or the time is over. */
  hold(rebuildNumber: number): Statement {
    const sql = "UPDATE projection_rebuilds SET held_until = ? WHERE rebuild_number = ?";
    return query(this.#store.dialect, sql, isoTime(this.#clock.now() + HOLD_MS), rebuildNumber);
  }

  end(rebuildNumber: number, error: ErrorCode | null): Statement {
    const sql =
      "UPDATE projection_rebuilds SET status = ?, error_code = ?, finished_at = ?, held_until = NULL WHERE rebuild_number = ?";
    const status = error === null ? "finished" : "failed";
    return query(this.#store.dialect, sql, status, error, isoTime(this.#clock.now()), rebuildNumber);
  }

  changed(rebuildNumber: number, rows: NonNullable<Rebuild["rows"]>): Statement {
    const sql = "UPDATE projection_rebuilds SET rows_removed = ?, rows_written = ? WHERE rebuild_number = ?";
    return query(this.#store.dialect, sql, rows.removed, rows.written, rebuildNumber);
  }

  #abandon(now: string): Statement[] {
    const sql =
      "UPDATE projection_rebuilds SET status = 'failed', error_code = 'unavailable', finished_at = ?, held_until = NULL WHERE status = 'running'";
    return [query(this.#store.dialect, sql, now), ...dropShadows(tablesOf(PROJECTOR_NAMES))];
  }
}

function rebuildOf(row: Row): Rebuild {
  const [removed, written] = [row["rows_removed"], row["rows_written"]];
  return {
    rebuildNumber: Number(row["rebuild_number"]),
    projectors: JSON.parse(String(row["projectors_json"])) as ProjectorName[],
    state: row["status"] as Rebuild["state"],
    appliedSequence: Number(row["applied_sequence"]),
    headSequence: Number(row["head_sequence"]),
    startedAt: String(row["started_at"]),
    finishedAt: row["finished_at"] as string | null,
    error: row["error_code"] as string | null,
    skipped: JSON.parse(String(row["skipped_json"])) as Rebuild["skipped"],
    rows: removed === null ? null : { removed: Number(removed), written: Number(written) },
  };
}
