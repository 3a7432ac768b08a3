// A journal on a real database, for tests: a file of its own or memory, manual time, ids that count.
import type { CommandId, InternalCommand, ThreadId, TurnId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { openSqliteStore, type Store } from "@muster/store";
import { type ManualTimers, manualTimers } from "../../runner/testing/timers.ts";
import { DAEMON_MIGRATIONS } from "../../schema/index.ts";
import { Journal, type JournalEntry, type JournalOptions } from "../journal.ts";

export const START_MS = Date.parse("2026-11-20T12:00:00.000Z");

export interface Opened {
  readonly store: Store;
  readonly journal: Journal;
  readonly timers: ManualTimers;
  readonly clock: { now(): number };
}

const endings: (() => Promise<void>)[] = [];

/** For `afterEach`. */
export const closeAll = async (): Promise<void> => {
  for (const end of endings.splice(0).reverse()) await end();
};

let seed = 0;
export const testIds = (clock: { now(): number }) =>
  createIds(clock, {
    fill: (bytes) => {
      seed += 1;
      return bytes.fill(seed);
    },
  });

export const openStore = async (path = ":memory:"): Promise<Store> => {
  const store = await openSqliteStore({ path });
  await store.migrate(DAEMON_MIGRATIONS, { appliedAt: "2026-11-20T12:00:00.000Z", generation: "generation" });
  endings.push(() => store.close());
  return store;
};

export const openJournal = async (options: Partial<JournalOptions> & { store?: Store } = {}): Promise<Opened> => {
  const store = options.store ?? (await openStore());
  const timers = manualTimers();
  const clock = { now: () => START_MS + timers.nowMs() };
  const journal = await Journal.open({ store, clock, ids: testIds(clock), timers, ...options });
  endings.push(() => journal.close());
  return { store, journal, timers, clock };
};

export const activity = (
  summary: string,
  more: Partial<Extract<InternalCommand, { type: "thread.activity.append" }>> = {},
): JournalEntry => ({
  command: {
    type: "thread.activity.append",
    threadId: "thread" as ThreadId,
    turnId: "turn" as TurnId,
    tone: "info",
    kind: "note",
    summary,
    payload: {},
    ...more,
  },
  correlationId: "command" as CommandId,
});
