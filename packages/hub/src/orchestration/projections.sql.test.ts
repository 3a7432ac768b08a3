// One truth in three forms: rows moved with each append, rows rebuilt from the log, and a fold in memory are the same
// for every history; and so are the states that decisions are made on.
import type { MessageId, MusterEvent, ProjectId, SpaceId, ThreadId } from "@muster/contracts";
import {
  evolveProject,
  evolveThread,
  MemoryTables,
  PROJECTION_KEYS,
  PROJECTOR_NAMES,
  type ProjectionTable,
  type ProjectState,
  projectAll,
  type ThreadState,
} from "@muster/core";
import { command, createProject, createThread, startTurn } from "@muster/core/testing";
import type { Store } from "@muster/store";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { HubRow } from "../schema/index.ts";
import { catchUpProjections } from "./catch-up.ts";
import { fromSql } from "./columns.ts";
import { knownEvent, logQueries, wireEventOf } from "./event-log.ts";
import { projectionStatements } from "./projection-writer.ts";
import { loadProject, loadThread } from "./stream-states.ts";
import { play, type Step, someHistory } from "./test-histories.ts";
import { hooked } from "./test-retention.ts";
import { onBothDatabases, openWorld, settled, type World } from "./test-world.ts";

const TABLES = Object.keys(PROJECTION_KEYS) as ProjectionTable[];
/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 15);
type Rows = Record<ProjectionTable, unknown[]>;

const byKey = (table: ProjectionTable, rows: readonly object[]): unknown[] => {
  const keyOf = (row: object) =>
    PROJECTION_KEYS[table].map((key) => String((row as Record<string, unknown>)[key])).join();
  return [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
};
const sqlRows = async (world: World): Promise<Rows> => {
  const result: Partial<Rows> = {};
  for (const table of TABLES) {
    const rows = await world.rows<HubRow<ProjectionTable>>(`SELECT * FROM ${table}`);
    result[table] = byKey(
      table,
      rows.map((row) => fromSql(table, row)),
    );
  }
  return result as Rows;
};
const eventsOf = async (world: World): Promise<MusterEvent[]> => {
  const rows = await world.store.read(logQueries.after(world.store.dialect, { after: 0, limit: 1_000_000 }));
  return rows.map(wireEventOf).map((event) => {
    const known = knownEvent(event);
    if (known === null) throw new Error(`event ${event.sequence} of type ${event.eventType} cannot be read back`);
    return known;
  });
};
const foldedRows = (events: readonly MusterEvent[]): Rows => {
  const tables = new MemoryTables();
  for (const event of events) tables.apply(projectAll(event));
  return Object.fromEntries(TABLES.map((table) => [table, byKey(table, tables.rows(table))])) as Rows;
};
const clearProjections = async (world: World, tables: readonly string[] = TABLES): Promise<void> => {
  for (const table of tables) await world.run(`DELETE FROM ${table}`);
};
const inWorld = async (steps: readonly Step[], check: (world: World) => Promise<void>): Promise<void> => {
  const world = await openWorld();
  try {
    await world.dispatch(createProject());
    for (const threadId of ["thread-0", "thread-1"]) await world.dispatch(createThread({ threadId }));
    await play(world, steps);
    await check(world);
    expect(world.bugs).toEqual([]);
  } finally {
    await world.close();
  }
};
const everyHistory = (check: (world: World) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(someHistory(80), (steps) => inWorld(steps, check)),
    { numRuns: RUNS },
  );

onBothDatabases("for every history", () => {
  it("rows moved with each append equal a fold of the log in memory (ORC-25)", async () => {
    await everyHistory(async (world) => {
      expect(await sqlRows(world)).toEqual(foldedRows(await eventsOf(world)));
    });
  }, 3_600_000);

  it("rebuilt rows equal the rows moved with each append (ORC-25)", async () => {
    await everyHistory(async (world) => {
      const incremental = await sqlRows(world);
      await clearProjections(world);
      await world.run("UPDATE projection_state SET last_applied_sequence = 0");
      await catchUpProjections(world.store, world.time, (error) => world.bugs.push(error));
      expect(await sqlRows(world)).toEqual(incremental);
    });
  }, 3_600_000);

  it("the state loaded from rows equals the state folded from events, at its version", async () => {
    await everyHistory(async (world) => {
      const threads = new Map<string, { version: number; state: ThreadState | null }>();
      const projects = new Map<string, { version: number; state: ProjectState | null }>();
      for (const event of await eventsOf(world)) {
        const { streamId, streamVersion: version } = event;
        if (event.aggregateKind === "thread")
          threads.set(streamId, { version, state: evolveThread(threads.get(streamId)?.state ?? null, event) });
        else projects.set(streamId, { version, state: evolveProject(projects.get(streamId)?.state ?? null, event) });
      }
      for (const [threadId, folded] of threads)
        expect(await loadThread(world.store, "space" as SpaceId, threadId as ThreadId), threadId).toEqual(folded);
      for (const [projectId, folded] of projects)
        expect(await loadProject(world.store, "space" as SpaceId, projectId as ProjectId)).toEqual(folded);
    });
  }, 3_600_000);

  it("two processes that take turns leave the same rows as the log says, and nothing twice (ORC-4, ORC-25)", async () => {
    await fc.assert(
      fc.asyncProperty(someHistory(40), async (steps) => {
        const world = await openWorld({ isFile: true });
        try {
          await world.dispatch(createProject());
          for (const threadId of ["thread-0", "thread-1"]) await world.dispatch(createThread({ threadId }));
          const { orchestration } = await world.another();
          await play(world, steps, orchestration);
          const events = await eventsOf(world);
          expect(await sqlRows(world)).toEqual(foldedRows(events));
          expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_event, index) => index + 1));
          const running = await world.rows(
            "SELECT thread_id FROM projection_thread_turns WHERE status = 'running' GROUP BY thread_id HAVING count(*) > 1",
          );
          expect(running).toEqual([]);
          expect(world.bugs).toEqual([]);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it("each turn gets exactly one terminal status at most, each thread one running turn at most (ORC-19)", async () => {
    await everyHistory(async (world) => {
      const ends = new Map<string, number>();
      const running = new Map<string, string>();
      for (const event of await eventsOf(world)) {
        if (event.eventType === "thread.turn-start-requested") {
          expect(running.has(event.streamId)).toBe(false);
          running.set(event.streamId, event.payload.turnId);
        } else if (event.eventType === "thread.turn-settled") {
          expect(running.get(event.streamId)).toBe(event.payload.turnId);
          running.delete(event.streamId);
          ends.set(event.payload.turnId, (ends.get(event.payload.turnId) ?? 0) + 1);
        }
      }
      expect([...ends.values()].every((count) => count === 1)).toBe(true);
    });
  }, 3_600_000);
});

onBothDatabases("catching up", () => {
  it("takes each projector on from where it is, in pages, and ends at the head (ORC-25)", async () => {
    const world = await openWorld({ isFile: true });
    await world.dispatch(createProject());
    for (let index = 0; index < 700; index += 1) await world.dispatch(createThread({ threadId: `thread-${index}` }));
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    await settled();
    const before = await sqlRows(world);
    await clearProjections(world, ["projection_threads", "projection_thread_messages"]);
    await world.run("UPDATE projection_state SET last_applied_sequence = 0 WHERE projector = 'threads'");
    await world.run("UPDATE projection_state SET last_applied_sequence = 600 WHERE projector = 'thread_messages'");
    await world.run("DELETE FROM projection_state WHERE projector = 'thread_activities'");
    await world.restart();
    expect(await sqlRows(world)).toEqual(before);
    const state = await world.rows("SELECT projector, last_applied_sequence AS at FROM projection_state");
    expect(new Map(state.map((row) => [row["projector"], row["at"]]))).toEqual(
      new Map(PROJECTOR_NAMES.map((name) => [name, 703])),
    );
    expect(world.bugs).toEqual([]);
    await world.close();
  });

  it("by two hubs at once leaves the newest rows: a page that comes late is not written (ORC-25)", async () => {
    const world = await openWorld();
    const rename = (title: string) => world.dispatch(command("thread.meta.update", { threadId: "thread", title }));
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await rename("old");
    await world.run("UPDATE projection_state SET last_applied_sequence = 0");
    const { store } = world;
    let isFirst = true;
    const slow: Store = hooked(store, {
      before: async () => {
        if (!isFirst) return;
        isFirst = false;
        await catchUpProjections(store, world.time, (skipped) => world.bugs.push(skipped));
        await rename("new");
      },
    });
    await catchUpProjections(slow, world.time, (skipped) => world.bugs.push(skipped));
    expect(isFirst).toBe(false);
    expect(await world.rows("SELECT title FROM projection_threads")).toEqual([{ title: "new" }]);
    expect(await sqlRows(world)).toEqual(foldedRows(await eventsOf(world)));
    expect(world.bugs).toEqual([]);
    await world.close();
  });

  it("takes lists of any length apart, as a revert of a very long thread needs it", async () => {
    const messageId = Array.from({ length: 40_000 }, (_one, index) => `message-${index}` as MessageId);
    const operation = { operation: "remove", table: "projection_thread_messages", where: { messageId } } as const;
    const world = await openWorld();
    const statements = projectionStatements(world.store.dialect, "space" as SpaceId, [operation]);
    expect(statements.flatMap(({ parameters }) => parameters.slice(1))).toEqual(messageId);
    expect(await world.store.commit({ guards: [], statements })).toMatchObject({ status: "committed" });
    await world.close();
  });

  it("in normal running has nothing to do: all cursors move with every append, in one statement (ORC-25)", async () => {
    const world = await openWorld();
    await world.dispatch(createProject());
    for (const change of [createThread(), startTurn("turn"), command("thread.archive", { threadId: "thread" })]) {
      const { sequence } = await world.dispatch(change);
      const state = await world.rows("SELECT DISTINCT last_applied_sequence AS at FROM projection_state");
      expect(state).toEqual([{ at: sequence }]);
    }
    await world.close();
  });
});
