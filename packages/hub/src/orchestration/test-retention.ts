// What tests of retention share: whole runs, the rows and the log as they stand, and a store that something can happen
// in right before or after a commit.
import type { PruneReport } from "@muster/contracts";
import { MemoryTables, PROJECTION_KEYS, type ProjectionTable, projectAll } from "@muster/core";
import type { Batch, Store } from "@muster/store";
import { expect } from "vitest";
import type { HubRow } from "../schema/index.ts";
import { catchUpProjections } from "./catch-up.ts";
import { fromSql } from "./columns.ts";
import { knownEvent, logQueries } from "./event-log.ts";
import { readEvent } from "./event-reader.ts";
import { Retention, type RetentionInput } from "./retention.ts";
import { RETENTION_LIMITS, type RetentionLimits } from "./retention-queries.ts";
import type { World } from "./test-world.ts";

export const DAY_MS = 24 * 60 * 60 * 1_000;
/** One event a commit, so that every event is a boundary. */
export const SMALLEST: RetentionLimits = {
  ...RETENTION_LIMITS,
  eventsMax: 1,
  diffsMax: 1,
  receiptsMax: 1,
  effectsMax: 1,
};

export type Totals = Pick<PruneReport, "threads" | "events" | "diffs" | "receipts" | "effects" | "bytesFreed">;
export const NOTHING: Totals = { threads: 0, events: 0, diffs: 0, receipts: 0, effects: 0, bytesFreed: 0 };

export const add = (first: Totals, second: Totals): Totals => ({
  threads: first.threads + second.threads,
  events: first.events + second.events,
  diffs: first.diffs + second.diffs,
  receipts: first.receipts + second.receipts,
  effects: first.effects + second.effects,
  bytesFreed: first.bytesFreed + second.bytesFreed,
});

export interface RunOptions extends Partial<Omit<RetentionInput, "after">> {
  readonly limits?: RetentionLimits;
  readonly store?: Store;
}

/** A whole run, as many calls as it takes. */
export async function prune(world: World, options: RunOptions = {}): Promise<Totals> {
  const { limits, store = world.store, scope = "everything", olderThanDays = 30, dryRun = false } = options;
  const retention = new Retention(store, world.time, readEvent, limits);
  let totals = NOTHING;
  let after: string | undefined;
  for (;;) {
    const report = await retention.prune({
      scope,
      olderThanDays,
      dryRun,
      ...(after === undefined ? {} : { after }),
    });
    totals = add(totals, report);
    if (report.next === null) return totals;
    after = report.next;
  }
}

const TABLES = Object.keys(PROJECTION_KEYS) as ProjectionTable[];
type Rows = Readonly<Record<string, readonly object[]>>;

const inOrder = (table: ProjectionTable, rows: readonly object[]): object[] => {
  const keyOf = (row: object) =>
    PROJECTION_KEYS[table].map((key) => String((row as Record<string, unknown>)[key])).join();
  return [...rows].sort((first, second) => (keyOf(first) < keyOf(second) ? -1 : 1));
};

export async function rowsOf(world: World): Promise<Rows> {
  const entries: [string, object[]][] = [];
  for (const table of TABLES) {
    const rows = await world.rows<HubRow<ProjectionTable>>(`SELECT * FROM ${table}`);
    entries.push([
      table,
      inOrder(
        table,
        rows.map((row) => fromSql(table, row)),
      ),
    ]);
  }
  return Object.fromEntries(entries);
}

export const logOf = (world: World) =>
  world.store.read(logQueries.after(world.store.dialect, { after: 0, limit: 1_000_000 }));

/** Rows as a reader with nothing but the log would make them. */
export async function foldOf(world: World): Promise<Rows> {
  const tables = new MemoryTables();
  for (const row of await logOf(world)) {
    const event = knownEvent(readEvent(row));
    if (event !== null) tables.apply(projectAll(event));
  }
  return Object.fromEntries(TABLES.map((table) => [table, inOrder(table, tables.rows(table))]));
}

export async function expectRowsToEqualLog(world: World): Promise<void> {
  expect(await rowsOf(world)).toEqual(await foldOf(world));
}

export async function expectRebuiltRowsToBeEqual(world: World): Promise<void> {
  const before = await rowsOf(world);
  for (const table of TABLES) await world.run(`DELETE FROM ${table}`);
  await world.run("UPDATE projection_state SET last_applied_sequence = 0");
  await catchUpProjections(world.store, world.time, (skipped) => world.bugs.push(skipped));
  expect(await rowsOf(world)).toEqual(before);
}

export interface Hooks {
  before?(batch: Batch): Promise<void>;
  after?(batch: Batch): Promise<void>;
}

/** Calls the hooks around commits of retention alone. */
export const hooked = (store: Store, hooks: Hooks): Store => ({
  dialect: store.dialect,
  read: (query) => store.read(query),
  readTransaction: (queries) => store.readTransaction(queries),
  migrate: (set, stamp) => store.migrate(set, stamp),
  close: () => store.close(),
  async commit(batch) {
    await hooks.before?.(batch);
    const result = await store.commit(batch);
    await hooks.after?.(batch);
    return result;
  },
});
