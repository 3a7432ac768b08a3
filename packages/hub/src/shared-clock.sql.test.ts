// Hubs whose machines' clocks differ have one time on one database.
import type { Clock } from "@muster/core";
import type { Store } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases, openTestDatabase, type TestDatabase } from "./schema/test-databases.ts";
import { DIFFERENCE_MIN_MS, SharedClock } from "./shared-clock.ts";

/** Runs with the system's, so far off. */
const off = (milliseconds: number): Clock => ({ now: () => Date.now() + milliseconds });
const MINUTE_MS = 60_000;
/** What a busy machine may take for a question. */
const NEAR_MS = 5_000;

onBothDatabases("a hub's clock", (kind) => {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await openTestDatabase();
    store = await database.open();
  });
  afterEach(async () => {
    await store.close();
    await database.dispose();
  });

  it.each([11 * MINUTE_MS, -11 * MINUTE_MS])(
    "that is %i ms off is the database server's, where there is one",
    async (ms) => {
      const clock = new SharedClock(off(ms));
      await clock.compare(store);
      expect(Math.abs(clock.now() - Date.now() - (kind === "postgres" ? 0 : ms))).toBeLessThan(NEAR_MS);
    },
  );
});

/** A server whose answer takes a while, on a machine whose clock stands between. */
const compared = async (serverMs: number, journeyMs = 0, clock?: SharedClock): Promise<SharedClock> => {
  const compares = clock ?? new SharedClock({ now: () => ownMs });
  await compares.compare({
    dialect: "postgres",
    read: (async () => {
      ownMs += journeyMs;
      return [{ now: serverMs }];
    }) as Store["read"],
  });
  return compares;
};
let ownMs = 0;

it("is left alone for less than a journey makes of it, and set right when it was set", async () => {
  ownMs = 1_000_000;
  const clock = await compared(ownMs + DIFFERENCE_MIN_MS - 1);
  expect(clock.differenceMs).toBe(0);
  await compared(ownMs + 8_000, 20_000, clock);
  expect(clock.differenceMs).toBe(0);
  await compared(ownMs + 60_000, 100, clock);
  expect(clock.differenceMs).toBe(59_950);
  await compared(ownMs + 60_100, 0, clock);
  expect(clock.differenceMs).toBe(59_950);
  await compared(ownMs + 10, 0, clock);
  expect(clock.differenceMs).toBe(0);
});
