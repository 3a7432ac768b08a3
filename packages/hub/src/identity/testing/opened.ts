// A hub's identity over a real database in a temporary home, with a clock that stands until it is moved.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, Random } from "@muster/core";
import { createIds } from "@muster/core";
import type { Row, SqlValue, Store } from "@muster/store";
import { HUB_MIGRATIONS } from "../../schema/index.ts";
import { inDialect, openTestDatabase } from "../../schema/test-databases.ts";
import { type OpenIdentity, openIdentity } from "../index.ts";

export const START = Date.parse("2026-01-01T00:00:00.000Z");

export interface MovableClock extends Clock {
  advance(milliseconds: number): void;
}

export const movableClock = (): MovableClock => {
  let now = START;
  return {
    now: () => now,
    advance: (milliseconds) => {
      now += milliseconds;
    },
  };
};

export const random: Random = { fill: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) };

export interface Opened {
  readonly identity: OpenIdentity;
  readonly store: Store;
  readonly home: string;
  readonly clock: MovableClock;
  /** As a process that starts again with the same home and database. */
  reopen(): Promise<OpenIdentity>;
  /** Runs a statement past identity; parameters are `?` in either dialect. */
  run(sql: string, ...parameters: readonly SqlValue[]): Promise<void>;
  query(sql: string, ...parameters: readonly SqlValue[]): Promise<readonly Row[]>;
  close(): Promise<void>;
}

export const openTestIdentity = async (): Promise<Opened> => {
  const home = await mkdtemp(join(tmpdir(), "muster-identity-"));
  const clock = movableClock();
  const ids = createIds(clock, random);
  const database = await openTestDatabase(undefined, true);
  const store = await database.open();
  await store.migrate(HUB_MIGRATIONS, { appliedAt: new Date(START).toISOString(), generation: ids.next() });
  const reopen = () => openIdentity({ store, clock, ids, random, home });
  return {
    identity: await reopen(),
    store,
    home,
    clock,
    reopen,
    run: async (sql, ...parameters) => {
      await store.commit({ guards: [], statements: [{ sql: inDialect(store.dialect, sql), parameters }] });
    },
    query: (sql, ...parameters) => store.read({ sql: inDialect(store.dialect, sql), parameters }),
    close: async () => {
      await store.close();
      await database.dispose();
      await rm(home, { recursive: true, force: true });
    },
  };
};
