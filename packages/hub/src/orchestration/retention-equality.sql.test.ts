// Whatever happened, and wherever pruning was interrupted: the rows are what the log says, at every commit.
import { command, createProject, createThread } from "@muster/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { play, someHistory } from "./test-histories.ts";
import {
  add,
  DAY_MS,
  expectRebuiltRowsToBeEqual,
  expectRowsToEqualLog,
  hooked,
  logOf,
  NOTHING,
  prune,
  SMALLEST,
  type Totals,
} from "./test-retention.ts";
import { onBothDatabases, openWorld, type World } from "./test-world.ts";

/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 8);

const opened = async (): Promise<World> => {
  const world = await openWorld();
  await world.dispatch(createProject());
  for (const threadId of ["thread-0", "thread-1"]) await world.dispatch(createThread({ threadId }));
  return world;
};

const leave = async (world: World, type: "thread.archive" | "thread.unarchive" | "thread.delete", threadId: string) =>
  world.dispatch(command(type, { threadId })).catch(() => undefined);

onBothDatabases("for every history", () => {
  it("rows equal the pruned log at every commit of a run, at any point, and after more of it (ORC-36)", async () => {
    let total = NOTHING;
    await fc.assert(
      fc.asyncProperty(
        someHistory(60),
        someHistory(20),
        fc.constantFrom("thread.archive", "thread.delete"),
        fc.constantFrom("thread.archive", "thread.delete"),
        async (first, second, endOfOne, endOfOther) => {
          const world = await opened();
          try {
            const check = (): Promise<void> => expectRowsToEqualLog(world);
            const store = hooked(world.store, { after: check });
            const run = async (limits = SMALLEST): Promise<void> => {
              total = add(total, await prune(world, { store, limits }));
              await check();
            };
            await play(world, first);
            await leave(world, endOfOne, "thread-0");
            await leave(world, "thread.archive", "thread-1");
            world.time.advance(40 * DAY_MS);
            await run();
            await leave(world, "thread.unarchive", "thread-1");
            await leave(world, "thread.unarchive", "thread-0");
            await play(world, second);
            await leave(world, "thread.archive", "thread-0");
            await leave(world, endOfOther, "thread-1");
            world.time.advance(40 * DAY_MS);
            await run({ ...SMALLEST, eventsMax: 3 });
            await expectRebuiltRowsToBeEqual(world);
            const versions = (await logOf(world)).map((row) => [row.sequence, row.stream_version]);
            expect(versions.map(([sequence]) => sequence)).toEqual(versions.map((_row, index) => index + 1));
            expect(await prune(world, { store })).toEqual(NOTHING);
            expect(world.bugs).toEqual([]);
          } finally {
            await world.close();
          }
        },
      ),
      { numRuns: RUNS },
    );
    // It was about something.
    expect(total.events).toBeGreaterThan(RUNS);
  }, 3_600_000);

  it("a dry run counts what a run then does, and changes nothing (ORC-36)", async () => {
    await fc.assert(
      fc.asyncProperty(someHistory(60), fc.constantFrom(1, 2, 5), async (steps, eventsMax) => {
        const world = await opened();
        try {
          await play(world, steps);
          await leave(world, "thread.delete", "thread-0");
          await leave(world, "thread.archive", "thread-1");
          world.time.advance(40 * DAY_MS);
          const before = await logOf(world);
          const limits = { ...SMALLEST, eventsMax, batchesPerCallMax: 3 };
          const announced = await prune(world, { dryRun: true, limits });
          expect(await logOf(world)).toEqual(before);
          const done: Totals = await prune(world, { limits });
          expect(done).toEqual(announced);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});
