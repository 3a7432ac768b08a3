// How fast projections are made from the log: by `muster projections rebuild` while nobody else asks the hub for anything,
// and by the catching up of a start on empty rows. Beside them, in turns, the limit on SQLite: one loop over `node:sqlite`
// that reads the same log, parses its payloads, and writes the finished rows into tables like the shadow's, in transactions
// of the same size. It checks no payload, projects nothing, compares nothing and swaps nothing.
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { parseArgs } from "node:util";
import type { Rebuild } from "@muster/contracts";
import type { Store } from "@muster/store";
import { type Database, type DatabaseName, openDatabases, SQLITE_PRAGMAS } from "./databases.ts";
import { openOrchestrationOn, seedSpace } from "./dispatch-core.ts";
import type { Orchestration } from "./hub-doors.ts";
import { writeLog } from "./large-log.ts";
import { median } from "./statistics.ts";

const EVENTS = 200_000;
const ROUNDS = 3;
const ROWS_PER_TRANSACTION = 10_000;
const ROWS_PER_STATEMENT = 64;
/** Seldom, because asking is work too, and nobody else asks. */
const POLL_MS = 25;
const TARGET_EVENTS_PER_SECOND = 50_000;

const KEYS: Readonly<Record<string, string>> = {
  projection_projects: "project_id",
  projection_threads: "thread_id",
  projection_thread_messages: "message_id",
  projection_thread_activities: "activity_id",
  projection_thread_sessions: "thread_id",
  projection_thread_turns: "turn_id",
  projection_checkpoints: "thread_id, checkpoint_turn_count",
  projection_pending_approvals: "request_id",
};

interface Rebuilding extends Orchestration {
  rebuildProjections(): Promise<Rebuild>;
  projections(): Promise<{ readonly rebuild: Rebuild | null }>;
}

interface Report {
  readonly database: DatabaseName;
  readonly what: string;
  readonly eventsPerSecond: number;
  /** Processor time of this process, all its threads together. */
  readonly processorMicroseconds: number;
}

interface Cost {
  readonly seconds: number;
  readonly processorMicroseconds: number;
}

const timed = async (work: () => Promise<unknown> | unknown): Promise<Cost> => {
  const before = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, processorMicroseconds: user + system };
};

/** Resolves when it is over; throws unless all rows were right. */
async function rebuildAll(orchestration: Rebuilding): Promise<void> {
  await orchestration.rebuildProjections();
  for (;;) {
    const { rebuild } = await orchestration.projections();
    if (rebuild?.state === "failed") throw new Error(`the rebuild failed: ${rebuild.error}`);
    if (rebuild?.state === "finished" && rebuild.rows !== null) {
      if (rebuild.rows.removed + rebuild.rows.written > 0) throw new Error("a rebuild changed rows that were right");
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function catchUp(store: Store): Promise<void> {
  await (await openOrchestrationOn(store)).close();
}

const empty = (store: Store) =>
  store.commit({
    guards: [],
    statements: [
      ...Object.keys(KEYS).map((table) => ({ sql: `DELETE FROM ${table}`, parameters: [] })),
      { sql: "UPDATE projection_state SET last_applied_sequence = 0", parameters: [] },
    ],
  });

interface FinishedRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly SQLInputValue[][];
}

const finishedRows = (path: string): FinishedRows[] => {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = Object.keys(KEYS).map((table) => {
    const rows = database.prepare(`SELECT * FROM ${table}`).all();
    return { table, columns: Object.keys(rows[0] ?? {}), rows: rows.map((row) => Object.values(row)) };
  });
  database.close();
  return tables.filter(({ rows }) => rows.length > 0);
};

function readAndParse(path: string): void {
  const database = new DatabaseSync(path, { readOnly: true });
  let fields = 0;
  for (const row of database.prepare("SELECT * FROM orchestration_events ORDER BY sequence").iterate())
    fields += Object.keys(JSON.parse(String(row["payload_json"]))).length;
  if (fields === 0) throw new Error("the log is empty");
  database.close();
}

function writeTables(path: string, tables: readonly FinishedRows[]): void {
  const database = new DatabaseSync(path);
  database.exec(SQLITE_PRAGMAS);
  for (const table of tables) writeTable(database, table);
  for (const { table } of tables) database.exec(`DROP TABLE bare_${table}`);
  database.close();
}

function writeTable(database: DatabaseSync, { table, columns, rows }: FinishedRows): void {
  database.exec(`CREATE TABLE bare_${table} AS SELECT * FROM ${table} WHERE 1 = 0;
    CREATE UNIQUE INDEX bare_${table}_key ON bare_${table} (space_id, ${KEYS[table]})`);
  const tuple = `(${columns.map(() => "?").join(", ")})`;
  const textOf = (count: number): string =>
    `INSERT INTO bare_${table} (${columns.join(", ")}) VALUES ${Array.from({ length: count }, () => tuple).join(", ")}`;
  const many = database.prepare(textOf(ROWS_PER_STATEMENT));
  const one = database.prepare(textOf(1));
  for (let start = 0; start < rows.length; start += ROWS_PER_TRANSACTION) {
    const end = Math.min(rows.length, start + ROWS_PER_TRANSACTION);
    database.exec("BEGIN IMMEDIATE");
    let at = start;
    for (; at + ROWS_PER_STATEMENT <= end; at += ROWS_PER_STATEMENT)
      many.run(...rows.slice(at, at + ROWS_PER_STATEMENT).flat());
    for (; at < end; at += 1) one.run(...(rows[at] ?? []));
    database.exec("COMMIT");
  }
}

async function measure(database: Database, events: number, rounds: number): Promise<Report[]> {
  const { store, place, dispose } = await database.open();
  try {
    await seedSpace(store);
    const count = await writeLog(store, { spaceId: "space", sessionId: "session", actorId: "node" }, events, []);
    const costs = new Map<string, Cost[]>();
    const note = (what: string, cost: Cost): void => {
      costs.set(what, [...(costs.get(what) ?? []), cost]);
    };
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0) await empty(store);
      note("catching up at a start, from nothing", await timed(() => catchUp(store)));
      const orchestration = (await openOrchestrationOn(store)) as Rebuilding;
      note("rebuild of all projections", await timed(() => rebuildAll(orchestration)));
      await orchestration.close();
      if (database.name !== "SQLite") continue;
      const rows = finishedRows(place);
      const bare = () => {
        readAndParse(place);
        writeTables(place, rows);
      };
      note("bare loop that reads, parses and writes", await timed(bare));
      note("bare loop that reads and parses", await timed(() => readAndParse(place)));
    }
    return [...costs].map(([what, list]) => ({
      database: database.name,
      what,
      eventsPerSecond: count / median(list.map(({ seconds }) => seconds)),
      processorMicroseconds: median(list.map(({ processorMicroseconds }) => processorMicroseconds)) / count,
    }));
  } finally {
    await dispose();
  }
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean" },
      events: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      postgres: { type: "boolean", default: true },
    },
    allowNegative: true,
  });
  const databases = await openDatabases(
    (line) => console.error(line),
    values.postgres ? ["SQLite", "PostgreSQL"] : ["SQLite"],
  );
  const reports: Report[] = [];
  for (const database of databases) {
    reports.push(...(await measure(database, Number(values.events ?? EVENTS), Number(values.rounds ?? ROUNDS))));
    await database.stop();
  }
  if (values.json === true) {
    console.log(JSON.stringify({ reports, targets: { eventsPerSecond: TARGET_EVENTS_PER_SECOND } }));
    return;
  }
  console.log(`target on SQLite: ${TARGET_EVENTS_PER_SECOND} events/s`);
  console.table(
    reports.map(({ database, what, eventsPerSecond, processorMicroseconds }) => ({
      database,
      what,
      "events/s": Math.round(eventsPerSecond),
      "processor µs/event": Number(processorMicroseconds.toFixed(1)),
    })),
  );
}

if (import.meta.main) await main(process.argv.slice(2));
