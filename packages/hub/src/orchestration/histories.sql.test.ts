// For every history: pages of any size, rebuilds at any moment, deliveries in any order and number, and eight hubs at once
// leave what one hub leaves that does one thing after the other.
import type { ClientCommand, DispatchResult } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { command, createProject, createThread, startTurn } from "@muster/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Orchestration } from "../ports.ts";
import type { Database } from "../schema/test-databases.ts";
import { play, someHistory } from "./test-histories.ts";
import { expectRowsToEqualLog, rowsOf } from "./test-retention.ts";
import { OWNER, onBothDatabases, openWorld, until, type World } from "./test-world.ts";

/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. On SQLite one takes a tenth of the time. */
const runsOn = (database: Database): number => Number(process.env["PROPERTY_RUNS"] ?? (database === "sqlite" ? 12 : 3));
const LONG_MS = 3_600_000;

const inWorld = async (
  pageEventsMax: number,
  check: (world: World) => Promise<void>,
  hasThreads = false,
): Promise<void> => {
  const world = await openWorld({ isFile: true, hasThreads, core: { pageEventsMax } });
  try {
    await world.dispatch(createProject());
    for (const threadId of ["thread-0", "thread-1"]) await world.dispatch(createThread({ threadId }));
    await check(world);
    expect(world.bugs).toEqual([]);
  } finally {
    await world.close();
  }
};

/** Resolves when it is over, with the rows it changed. */
const rebuilt = async ({ orchestration }: World) => {
  await until(async () => {
    const { rebuild } = await orchestration.projections();
    return rebuild?.state === "failed" || (rebuild?.rows ?? null) !== null;
  });
  const { rebuild } = await orchestration.projections();
  expect(rebuild).toMatchObject({ state: "finished", error: null, skipped: { count: 0 } });
  return rebuild?.rows;
};

const emptied = async (world: World): Promise<void> => {
  for (const table of Object.keys(await rowsOf(world))) await world.run(`DELETE FROM ${table}`);
};

onBothDatabases("for every history", (database) => {
  it.each(database === "sqlite" ? [false, true] : [false])(
    "a rebuild in pages of any size gives the rows moved with each append, in threads: %s (ORC-25)",
    async (hasThreads) => {
      await fc.assert(
        fc.asyncProperty(someHistory(60), fc.integer({ min: 1, max: 9 }), async (steps, pageEventsMax) => {
          const check = async (world: World): Promise<void> => {
            await play(world, steps);
            const incremental = await rowsOf(world);
            await emptied(world);
            await world.orchestration.rebuildProjections();
            expect(await rebuilt(world)).toMatchObject({ removed: 0 });
            expect(await rowsOf(world)).toEqual(incremental);
            await world.orchestration.rebuildProjections();
            expect(await rebuilt(world)).toEqual({ removed: 0, written: 0 });
          };
          await inWorld(pageEventsMax, check, hasThreads);
        }),
        { numRuns: hasThreads ? Math.ceil(runsOn(database) / 4) : runsOn(database) },
      );
    },
    LONG_MS,
  );

  it(
    "catching up in pages of any size gives the rows moved with each append (ORC-25)",
    async () => {
      await fc.assert(
        fc.asyncProperty(someHistory(60), fc.integer({ min: 1, max: 9 }), async (steps, pageEventsMax) => {
          await inWorld(pageEventsMax, async (world) => {
            await play(world, steps);
            const incremental = await rowsOf(world);
            await emptied(world);
            await world.run("UPDATE projection_state SET last_applied_sequence = 0");
            await world.restart();
            expect(await rowsOf(world)).toEqual(incremental);
          });
        }),
        { numRuns: runsOn(database) },
      );
    },
    LONG_MS,
  );

  it(
    "a rebuild in the middle of it leaves the rows that the log says (ORC-25)",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          someHistory(30),
          someHistory(30),
          fc.integer({ min: 1, max: 9 }),
          async (first, second, page) => {
            await inWorld(page, async (world) => {
              await play(world, first);
              await world.orchestration.rebuildProjections();
              await play(world, second);
              expect(await rebuilt(world)).toEqual({ removed: 0, written: 0 });
              await expectRowsToEqualLog(world);
            });
          },
        ),
        { numRuns: runsOn(database) },
      );
    },
    LONG_MS,
  );
});

/** Commands that build on each other; several are refused, whatever their order. */
const POOL = (): readonly ClientCommand[] => [
  createThread({ threadId: "a" }),
  createThread({ threadId: "b" }),
  startTurn("a1", { threadId: "a", whenBusy: "queue" }),
  startTurn("a2", { threadId: "a", whenBusy: "queue" }),
  startTurn("b1", { threadId: "b" }),
  startTurn("b2", { threadId: "b" }),
  command("thread.meta.update", { threadId: "a", title: "another title" }),
  command("thread.turn.cancel-queued", { threadId: "a", turnId: "a2" }),
  command("thread.turn.interrupt", { threadId: "b" }),
  command("thread.approval.respond", { threadId: "a", requestId: "never-asked", decision: "accept" }),
  command("thread.archive", { threadId: "b" }),
  command("thread.unarchive", { threadId: "b" }),
  command("project.meta.update", { projectId: "project", title: "another project" }),
];

type Answer = DispatchResult | string;
const answerOf = async (hub: Orchestration, given: ClientCommand): Promise<Answer> => {
  try {
    return await hub.dispatch(OWNER, given);
  } catch (error) {
    if (error instanceof MusterError) return error.code;
    throw error;
  }
};

const delivery = fc.record({ index: fc.nat(POOL().length - 1), hub: fc.nat(1), isTogether: fc.boolean() });

onBothDatabases("commands that are delivered in any order and any number of times", (database) => {
  it(
    "each run once at most, and every answer to one tells of the same (ORC-8, ORC-20, ORC-21)",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(delivery, { minLength: 20, maxLength: 60, size: "max" }), async (deliveries) => {
          const world = await openWorld({ isFile: true });
          try {
            await world.dispatch(createProject());
            const { orchestration: other } = await world.another();
            const pool = POOL();
            const answers: Answer[][] = pool.map(() => []);
            const deliver = async (index: number, hub: number): Promise<void> => {
              const answer = await answerOf(hub === 0 ? world.orchestration : other, pool[index] as ClientCommand);
              answers[index]?.push(answer);
            };
            let together: Promise<void>[] = [];
            for (const { index, hub, isTogether } of deliveries) {
              together.push(deliver(index, hub));
              if (isTogether) continue;
              await Promise.all(together);
              together = [];
            }
            await Promise.all(together);
            // Now each has a receipt, and from here on nothing changes any more.
            for (const index of pool.keys()) await deliver(index, 0);
            const settledEvents = await world.rows("SELECT count(*) AS n FROM orchestration_events");
            for (const index of pool.keys()) await deliver(index, 1);
            expect(await world.rows("SELECT count(*) AS n FROM orchestration_events")).toEqual(settledEvents);
            for (const [index, given] of pool.entries()) await expectOneOutcome(world, given, answers[index] ?? []);
            await expectRowsToEqualLog(world);
            expect(world.bugs).toEqual([]);
          } finally {
            await world.close();
          }
        }),
        { numRuns: runsOn(database) },
      );
    },
    LONG_MS,
  );
});

async function expectOneOutcome(world: World, given: ClientCommand, answers: readonly Answer[]): Promise<void> {
  const receipts = await world.rows(
    "SELECT status, result_sequence FROM orchestration_command_receipts WHERE command_id = ?",
    given.commandId,
  );
  expect(receipts, given.type).toHaveLength(1);
  const events = await world.rows(
    "SELECT sequence FROM orchestration_events WHERE command_id = ? ORDER BY sequence",
    given.commandId,
  );
  const sequences = events.map((row) => Number(row["sequence"]));
  if (receipts[0]?.["status"] === "rejected") {
    expect(sequences, given.type).toEqual([]);
    expect(answers.filter((answer) => typeof answer !== "string")).toEqual([]);
    expect(new Set(answers.slice(-2)).size).toBe(1);
    return;
  }
  const last = Number(receipts[0]?.["result_sequence"]);
  // One append, and no other.
  expect(sequences, given.type).toEqual(sequences.map((_one, index) => last - sequences.length + 1 + index));
  const accepted = answers.filter((answer) => typeof answer !== "string");
  expect(new Set(accepted.map(({ sequence }) => sequence)), given.type).toEqual(new Set([last]));
  expect(
    accepted.filter(({ receipt }) => receipt === "accepted"),
    given.type,
  ).toHaveLength(1);
  // Asked for too early it may have been refused; at the end it no longer is.
  expect(
    answers.slice(-2).filter((answer) => typeof answer === "string"),
    given.type,
  ).toEqual([]);
}

const WRITERS = 8;
const writes = fc.array(fc.record({ stream: fc.nat(3), isPair: fc.boolean() }), { minLength: 4, maxLength: 8 });

onBothDatabases("eight hubs that write the same streams", (database) => {
  it(
    "number each stream from 1 without a gap, and a reader by sequence sees each event once (ORC-3, ORC-4, ORC-5)",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.tuple(...Array.from({ length: WRITERS }, () => writes)), async (plans) => {
          await inWorld(500, async (world) => {
            const hubs = [world.orchestration];
            while (hubs.length < WRITERS)
              hubs.push((await world.another({ replicaId: `hub-${hubs.length}` })).orchestration);
            const write = ({ stream }: { stream: number }, title: string): ClientCommand =>
              stream === 3
                ? command("project.meta.update", { projectId: "project", title })
                : command("thread.meta.update", { threadId: `thread-${stream % 2}`, title });
            let isOver = false;
            const writing = Promise.all(
              plans.map(async (plan, writer) => {
                const hub = hubs[writer] as Orchestration;
                for (const [turn, one] of plan.entries()) {
                  const title = `${writer}-${turn}`;
                  const pair = one.isPair ? [write(one, title), write(one, `${title}-more`)] : [write(one, title)];
                  await Promise.all(pair.map((given) => answerOf(hub, given)));
                }
              }),
            ).finally(() => {
              isOver = true;
            });
            const seen: number[] = [];
            for (let isLast = false; !isLast; ) {
              isLast = isOver;
              const rows = await world.rows(
                "SELECT sequence FROM orchestration_events WHERE sequence > ? ORDER BY sequence LIMIT 5",
                seen.at(-1) ?? 0,
              );
              seen.push(...rows.map((row) => Number(row["sequence"])));
              if (rows.length > 0) isLast = false;
              await new Promise((resolve) => setImmediate(resolve));
            }
            await writing;
            const log = await world.rows(
              "SELECT sequence, aggregate_kind, stream_id, stream_version FROM orchestration_events ORDER BY sequence",
            );
            expect(seen).toEqual(log.map((row) => Number(row["sequence"])));
            expect(seen).toEqual(seen.map((_one, index) => index + 1));
            const versions = new Map<string, number>();
            for (const row of log) {
              const stream = `${row["aggregate_kind"]} ${row["stream_id"]}`;
              versions.set(stream, (versions.get(stream) ?? 0) + 1);
              expect(Number(row["stream_version"]), stream).toBe(versions.get(stream));
            }
            await expectRowsToEqualLog(world);
          });
        }),
        { numRuns: Math.ceil(runsOn(database) / 4) },
      );
    },
    LONG_MS,
  );
});
