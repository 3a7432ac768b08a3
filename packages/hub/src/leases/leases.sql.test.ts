// Leases between holders that share a database, each with a store of its own.
import type { Store } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type MovableClock, movableClock, START } from "../identity/testing/opened.ts";
import { HUB_MIGRATIONS } from "../schema/index.ts";
import { onBothDatabases, openTestDatabase, type TestDatabase } from "../schema/test-databases.ts";
import { holds, LeaseKeeper } from "./index.ts";

const LEASE_MS = 15_000;

let database: TestDatabase;
let stores: Store[];
let clock: MovableClock;
beforeEach(async () => {
  clock = movableClock();
  database = await openTestDatabase(undefined, true);
  stores = [await database.open(), await database.open()];
  await stores[0]?.migrate(HUB_MIGRATIONS, { appliedAt: new Date(START).toISOString(), generation: "g" });
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await database.dispose();
});

const keeper = (owner: string, name = "work", store = stores[owner === "left" ? 0 : 1] as Store) =>
  new LeaseKeeper({ store, clock, name, owner, leaseMs: LEASE_MS });
const renew = async (lease: LeaseKeeper, held: Awaited<ReturnType<LeaseKeeper["have"]>>) => {
  if (held === null) throw new Error("nothing is held");
  return (await (stores[0] as Store).commit({ guards: [], statements: [lease.renewal(held)] })).status;
};

onBothDatabases("a lease", () => {
  it("NOD-17 is had by one at a time, and by the next when its time is over, with a larger number", async () => {
    const [left, right] = [keeper("left"), keeper("right")];
    expect(await left.have()).toEqual({ name: "work", owner: "left", fence: 1 });
    expect(await right.have()).toBeNull();
    clock.advance(LEASE_MS - 1);
    expect(await right.have()).toBeNull();
    clock.advance(1);
    expect(await right.have()).toEqual({ name: "work", owner: "right", fence: 2 });
    expect(await keeper("left").have()).toBeNull();
  });

  it("NOD-17 refuses the work of one that slept while another took it, by its number", async () => {
    const [left, right] = [keeper("left"), keeper("right")];
    const held = await left.have();
    if (held === null) throw new Error("nobody had it");
    clock.advance(LEASE_MS);
    await right.have();
    expect(await renew(left, held)).toBe("conflict");
    const [store] = stores as [Store];
    const guards = [holds(store.dialect, held)];
    expect(await store.commit({ guards, statements: [] })).toMatchObject({ status: "conflict", failedGuards: [0] });
    left.lost();
    expect(await left.have()).toBeNull();
  });

  it("stays with one that renews it, and with a late one where nobody took it", async () => {
    const [left, right] = [keeper("left"), keeper("right")];
    const held = await left.have();
    clock.advance(LEASE_MS - 1);
    expect(await renew(left, held)).toBe("committed");
    clock.advance(LEASE_MS - 1);
    expect(await right.have()).toBeNull();
    clock.advance(60_000);
    expect(await renew(left, held)).toBe("committed");
    expect(await right.have()).toBeNull();
  });

  it("that was given back is free at once, and its number goes on growing", async () => {
    const [left, right] = [keeper("left"), keeper("right")];
    await left.have();
    await left.giveBack();
    await left.giveBack();
    expect(await right.have()).toMatchObject({ fence: 2 });
    // What is not its own any more, it does not give back.
    await left.giveBack();
    expect(await keeper("left").have()).toBeNull();
    await right.giveBack();
    expect(await left.have()).toMatchObject({ fence: 3 });
  });

  it("is taken by one of many who take it at once", async () => {
    for (let round = 1; round <= 5; round += 1) {
      const keepers = ["left", "right", "left", "right"].map((owner, index) =>
        keeper(`${owner}`, "work", stores[index % 2]),
      );
      const taken = (await Promise.all(keepers.map((one) => one.take()))).filter((held) => held !== null);
      expect(taken).toEqual([expect.objectContaining({ fence: round })]);
      clock.advance(LEASE_MS);
    }
  });

  it("has a name, and says nothing of others", async () => {
    expect(await keeper("left").have()).toMatchObject({ fence: 1 });
    expect(await keeper("right", "other work").have()).toMatchObject({ fence: 1 });
  });
});
