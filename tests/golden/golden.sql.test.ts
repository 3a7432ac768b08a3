// Logs that this program and its predecessors wrote are replayed for ever. A version of the events without a log of its own
// fails here; ADD_GOLDEN_LOG=1 writes it, once. CONTRIBUTING.md says when and how.
import { insertRows } from "@muster/store";
import { describe, expect, it } from "vitest";
import { EVENT_SCHEMA_VERSION, EVENT_TYPES } from "../../packages/contracts/src/index.ts";
import type { EventRow } from "../../packages/hub/src/orchestration/event-log.ts";
import { knownEvent } from "../../packages/hub/src/orchestration/event-log.ts";
import { readEvent } from "../../packages/hub/src/orchestration/event-reader.ts";
import { onBothDatabases, openWorld, until, type World } from "../../packages/hub/src/orchestration/test-world.ts";
import { HUB_COLUMNS } from "../../packages/hub/src/schema/index.ts";
import type { Database } from "../../packages/hub/src/schema/test-databases.ts";
import {
  actualSums,
  type GoldenLog,
  goldenLogs,
  logIn,
  readLog,
  readRows,
  recordedSums,
  rowsIn,
  writeGoldenLog,
} from "./golden-logs.ts";
import { scriptedRun } from "./scripted-run.ts";

/** So few that each log has many pages. */
const PAGE_EVENTS = 7;
const ROWS_PER_COMMIT = 500;

const hasLogOfToday = (): boolean => goldenLogs().some(({ version }) => version === EVENT_SCHEMA_VERSION);

if (process.env["ADD_GOLDEN_LOG"] === "1" && !hasLogOfToday()) {
  const world = await openWorld();
  await scriptedRun(world);
  await writeGoldenLog({ version: EVENT_SCHEMA_VERSION, name: "scripted" }, world);
  await world.close();
}

/** A hub that starts on a database in which the log stands, and no rows yet. */
async function startedOn(log: GoldenLog, hasThreads: boolean): Promise<World> {
  const world = await openWorld({ isFile: true, hasThreads, core: { pageEventsMax: PAGE_EVENTS } });
  const columns = HUB_COLUMNS.orchestration_events;
  const rows = readLog(log).map((row) => columns.map((column) => row[column] ?? null));
  for (let start = 0; start < rows.length; start += ROWS_PER_COMMIT) {
    const some = rows.slice(start, start + ROWS_PER_COMMIT);
    const statements = insertRows(world.store.dialect, "orchestration_events", columns, some);
    await world.store.commit({ guards: [], statements });
  }
  await world.restart();
  return world;
}

describe("golden logs", () => {
  it("are there for the events of today, with every type of them (ORC-6, ORC-17)", () => {
    const today = goldenLogs().filter(({ version }) => version === EVENT_SCHEMA_VERSION);
    const types = new Set(today.flatMap(readLog).map((row) => row["event_type"]));
    expect(EVENT_TYPES.filter((type) => !types.has(type))).toEqual([]);
  });

  it("are never edited", () => {
    expect(actualSums()).toEqual(recordedSums());
  });

  it.each(goldenLogs())("$version/$name is read by this program, every event of it (ORC-6)", (log) => {
    const events = readLog(log).map((row) => readEvent(row as EventRow));
    expect(events.length).toBeGreaterThan(0);
    expect(events.filter((event) => knownEvent(event) === null)).toEqual([]);
  });
});

/** On SQLite in the calling thread, and in threads as a hub has it. */
const ways = (database: Database) =>
  goldenLogs().flatMap((log) =>
    (database === "sqlite" ? [false, true] : [false]).map((hasThreads) => ({ ...log, hasThreads })),
  );

onBothDatabases("a golden log", (database) => {
  it.each(ways(database))(
    "$version/$name gives the rows it gave then, at a start and by a rebuild, and is left as it is, in threads: $hasThreads (ORC-6, ORC-25)",
    async ({ hasThreads, ...log }) => {
      const world = await startedOn(log, hasThreads);
      try {
        expect(await rowsIn(world)).toEqual(readRows(log));
        await world.orchestration.rebuildProjections();
        await until(async () => (await world.orchestration.projections()).rebuild?.rows !== null);
        expect((await world.orchestration.projections()).rebuild).toMatchObject({
          state: "finished",
          rows: { removed: 0, written: 0 },
          skipped: { count: 0 },
        });
        expect(await rowsIn(world)).toEqual(readRows(log));
        expect(await logIn(world)).toEqual(readLog(log));
        expect(world.bugs).toEqual([]);
      } finally {
        await world.close();
      }
    },
  );
});
