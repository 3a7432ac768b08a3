// How many bytes a hub's database grows by a turn: of the demo, of a turn whose one command has 200 updates of its
// output, and of a turn with 100 tool calls, which are 200 updates as well. A real hub, daemon and sample agent record
// them; then the rows of each are written many times over into new databases of both kinds, because the pages of a few
// rows say nothing: as turns one after the other and as those of a few threads at once, each time under ids as later turns
// would have them, for where an id falls into an index decides how full its pages get. Indexes are counted; logs of the databases' own are not.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { ThreadId, TurnId } from "@muster/contracts";
import { insertRows, type SqlValue, type Store } from "@muster/store";
import { type Database, type DatabaseName, openDatabases } from "./databases.ts";
import { HUB_COLUMNS } from "./hub-doors.ts";

const COPIES = 60;
/** Copies that are written row by row beside each other, where turns run at once. Divides their number. */
const THREADS_AT_ONCE = 4;
/** Longer than any of the turns takes. */
const COPIES_APART_MS = 60 * 60 * 1_000;
const TARGET_BYTES = 100_000;
const TURN_LIMIT_MS = 180_000;
/** A line every quarter of a second. */
const LONG_COMMAND =
  'run without asking: for i in $(seq 200); do echo "line $i of what a command prints while it works"; sleep 0.25; done';
/** Ten lines within a second. */
const SHORT_COMMAND =
  'run without asking: for i in $(seq 10); do echo "line $i of what a command prints while it works"; sleep 0.1; done';
const SOME_CALLS = Array.from({ length: 20 }, () => SHORT_COMMAND).join("\n");
const MANY_CALLS = Array.from({ length: 100 }, () => "read README.md").join("\n");

/** The rows of one scenario, and of how many turns they are. */
interface Recorded {
  readonly what: string;
  readonly turns: number;
  readonly rows: ReadonlyMap<string, readonly SqlValue[][]>;
}

interface GrowthReport {
  readonly what: string;
  readonly database: DatabaseName;
  readonly turns: number;
  readonly events: number;
  readonly activities: number;
  /** Of turns one after the other. */
  readonly bytesPerTurn: number;
  readonly indexBytesPerTurn: number;
  /** Of turns of a few threads at once. */
  readonly bytesPerTurnAtOnce: number;
  /** Of the tables that hold most of it. */
  readonly tables: Readonly<Record<string, number>>;
}

const TABLES = Object.keys(HUB_COLUMNS).filter(
  (table) => /^(orchestration_|projection_|checkpoint_)/.test(table) && table !== "projection_state",
);

/** All rows of the file, or those of one thread. */
function readRows(path: string, threadId?: string): Map<string, SqlValue[][]> {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = new Map<string, SqlValue[][]>();
  for (const table of TABLES) {
    const columns = HUB_COLUMNS[table] ?? [];
    const ofThread = ["thread_id", "stream_id", "aggregate_id"].find((column) => columns.includes(column));
    if (threadId !== undefined && ofThread === undefined) continue;
    const where = threadId === undefined ? "" : `WHERE ${ofThread} = ?`;
    const order = columns.includes("sequence") ? "ORDER BY sequence" : "";
    const found = database
      .prepare(`SELECT ${columns.join(", ")} FROM ${table} ${where} ${order}`)
      .all(...(threadId === undefined ? [] : [threadId]));
    rows.set(
      table,
      found.map((row) => columns.map((column) => row[column] as SqlValue)),
    );
  }
  database.close();
  return rows;
}

const UUID = /([0-9a-f]{8})-([0-9a-f]{4})(-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})/g;

/** The time in front of a UUIDv7 is its first 48 bits. */
function laterUuid(high: string, low: string, rest: string, byMs: number): string {
  const time = (Number.parseInt(high + low, 16) + byMs).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${rest}`;
}

/** The same rows under later ids and sequences, between those of the other threads. The space stays. */
function copyOf(
  table: string,
  row: readonly SqlValue[],
  { copy, lanes, events }: { readonly copy: number; readonly lanes: number; readonly events: number },
): SqlValue[] {
  const lane = copy % lanes;
  const round = (copy - lane) / lanes;
  return (HUB_COLUMNS[table] ?? []).map((column, index) => {
    const value = row[index] ?? null;
    if (column === "space_id") return value;
    if (/^(sequence|event_sequence|result_sequence)$/.test(column) && typeof value === "number")
      return (round * events + value) * lanes + lane;
    if (typeof value !== "string") return value;
    return value.replaceAll(UUID, (_id, high: string, low: string, rest: string) =>
      laterUuid(high, low, rest, round * COPIES_APART_MS + lane),
    );
  });
}

/** Bytes of each table with its indexes, and of the indexes among them. */
async function sizesOf(store: Store): Promise<Map<string, { readonly bytes: number; readonly indexBytes: number }>> {
  const sql =
    store.dialect === "sqlite"
      ? `SELECT m.tbl_name AS name, sum(s.pgsize) AS bytes, sum(CASE WHEN m.type = 'index' THEN s.pgsize ELSE 0 END) AS index_bytes
         FROM dbstat s JOIN sqlite_schema m ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY m.tbl_name`
      : `SELECT relname AS name, pg_total_relation_size(oid) AS bytes, pg_indexes_size(oid) AS index_bytes FROM pg_class
         WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`;
  const rows = await store.read({ sql, parameters: [] });
  return new Map(
    rows.map((row) => [String(row["name"]), { bytes: Number(row["bytes"]), indexBytes: Number(row["index_bytes"]) }]),
  );
}

/** What a turn adds to each table, largest first, where so many threads have turns at once. */
async function growthOf(store: Store, { turns, rows }: Recorded, lanes: number) {
  const before = await sizesOf(store);
  const log = rows.get("orchestration_events") ?? [];
  const events = Math.max(...log.map(([sequence]) => Number(sequence)));
  for (let first = 0; first < COPIES; first += lanes) {
    const copies = Array.from({ length: lanes }, (_, lane) => first + lane);
    const statements = [...rows].flatMap(([table, list]) =>
      insertRows(
        store.dialect,
        table,
        HUB_COLUMNS[table] ?? [],
        list.flatMap((row) => copies.map((copy) => copyOf(table, row, { copy, lanes, events }))),
      ),
    );
    await store.commit({ guards: [], statements });
  }
  return [...(await sizesOf(store))]
    .map(([table, now]) => {
      const was = before.get(table);
      const perTurn = (bytes: number): number => bytes / COPIES / turns;
      return {
        table,
        bytes: perTurn(now.bytes - (was?.bytes ?? 0)),
        indexBytes: perTurn(now.indexBytes - (was?.indexBytes ?? 0)),
      };
    })
    .filter(({ bytes }) => bytes > 0)
    .sort((first, second) => second.bytes - first.bytes);
}

async function measure(database: Database, recorded: Recorded): Promise<GrowthReport> {
  const grown: Awaited<ReturnType<typeof growthOf>>[] = [];
  for (const lanes of [1, THREADS_AT_ONCE]) {
    const { store, dispose } = await database.open();
    grown.push(await growthOf(store, recorded, lanes));
    await dispose();
  }
  const [alone = [], atOnce = []] = grown;
  const { what, turns, rows } = recorded;
  return {
    what,
    database: database.name,
    turns,
    events: (rows.get("orchestration_events")?.length ?? 0) / turns,
    activities: (rows.get("projection_thread_activities")?.length ?? 0) / turns,
    bytesPerTurn: alone.reduce((sum, { bytes }) => sum + bytes, 0),
    indexBytesPerTurn: alone.reduce((sum, { indexBytes }) => sum + indexBytes, 0),
    bytesPerTurnAtOnce: atOnce.reduce((sum, { bytes }) => sum + bytes, 0),
    tables: Object.fromEntries(alone.slice(0, 4).map(({ table, bytes }) => [table, Math.round(bytes)])),
  };
}

const hubFile = (home: string): string => join(home, "hub", "hub.db");
const MAIN = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));

/** The command with what it says in JSON lines; resolves with the first line that fits, and leaves it running. */
async function startMuster(args: readonly string[], directory: string, isReady: (line: object) => boolean) {
  const env = { ...process.env, TMPDIR: directory, MUSTER_SAMPLE_STATE: join(directory, "agents") };
  const child = spawn(process.execPath, [MAIN, ...args, "--json"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const value: object = JSON.parse(line);
    if (isReady(value)) return { line: value, stop };
  }
  throw new Error(`muster ${args[0]} ended`);
}

async function recordDemo(directory: string): Promise<Recorded> {
  const demo = await startMuster(["demo", "--keep"], directory, (line) => "type" in line && line.type === "summary");
  try {
    const [folder = ""] = readdirSync(directory).filter((name) => existsSync(hubFile(join(directory, name, "home"))));
    const rows = readRows(hubFile(join(directory, folder, "home")));
    return { what: "the demo", turns: rows.get("projection_thread_turns")?.length ?? 0, rows };
  } finally {
    await demo.stop();
  }
}

interface World {
  readonly client: {
    readonly ids: { next(): string };
    readonly api: { readonly orchestration: { getThread(input: object): Promise<{ turns: { status: string }[] }> } };
    dispatch(command: object): Promise<unknown>;
  };
}

/** Turns of our own, beside one another, in a hub as `muster up` starts it. */
async function recordTurns(directory: string, prompts: Readonly<Record<string, string>>): Promise<Recorded[]> {
  const story = await import(new URL("../packages/cli/src/demo/world.ts", import.meta.url).href);
  const steps = await import(new URL("../packages/cli/src/demo/story/opening.ts", import.meta.url).href);
  process.env["TMPDIR"] = directory;
  const folders = story.makeFolders();
  const leaving = new AbortController();
  const world: World & { [key: string]: unknown } = {
    shell: { env: process.env },
    folders,
    signal: leaving.signal,
    seen: new Map(),
  } as never;
  try {
    await steps.start.run(world);
    await steps.open.run(world);
    const threads = await Promise.all(
      Object.entries(prompts).map(async ([what, text]) => {
        const threadId = world.client.ids.next() as ThreadId;
        const { projectId } = world as unknown as { projectId: string };
        await world.client.dispatch({
          ...{ type: "thread.create", threadId, projectId, title: what, provider: "sample" },
          ...{ branch: null, worktreePath: null, runtimeMode: "full-access" },
        });
        const turnId = world.client.ids.next() as TurnId;
        const message = { messageId: world.client.ids.next(), role: "user", text };
        await world.client.dispatch({ type: "thread.turn.start", threadId, turnId, message, whenBusy: "reject" });
        return { what, threadId };
      }),
    );
    const end = Date.now() + TURN_LIMIT_MS;
    for (const { what, threadId } of threads) {
      for (;;) {
        const { turns } = await world.client.api.orchestration.getThread({ threadId });
        if (turns[0]?.status === "completed") break;
        if (turns[0]?.status !== "running" || Date.now() > end) throw new Error(`${what}: ${turns[0]?.status}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
    return threads.map(({ what, threadId }) => ({
      what,
      turns: 1,
      rows: readRows(hubFile(folders.home), threadId),
    }));
  } finally {
    leaving.abort();
    await story.cleanUp(folders, world["up"], new Map());
  }
}

export async function benchGrowth(): Promise<GrowthReport[]> {
  const directory = mkdtempSync(join(tmpdir(), "muster-growth-"));
  const reports: GrowthReport[] = [];
  const databases = await openDatabases((line) => console.error(line));
  try {
    const recorded = [
      await recordDemo(directory),
      ...(await recordTurns(directory, {
        "one command, 200 updates": LONG_COMMAND,
        "20 commands of 10 updates": SOME_CALLS,
        "100 tool calls, 200 updates": MANY_CALLS,
      })),
    ];
    for (const one of recorded) {
      for (const database of databases) reports.push(await measure(database, one));
    }
  } finally {
    for (const database of databases) await database.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  return reports;
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: "boolean" } } });
  const reports = await benchGrowth();
  if (values.json === true) {
    console.log(JSON.stringify(reports));
    return;
  }
  console.table(
    reports.map(
      ({ what, database, turns, events, activities, bytesPerTurn, indexBytesPerTurn, bytesPerTurnAtOnce, tables }) => ({
        what,
        database,
        turns,
        "events/turn": Math.round(events),
        "activities/turn": Math.round(activities),
        "bytes/turn": Math.round(bytesPerTurn),
        "of indexes": Math.round(indexBytesPerTurn),
        "4 at once": Math.round(bytesPerTurnAtOnce),
        "most of it": Object.entries(tables)
          .map(([table, bytes]) => `${table.replace(/^(orchestration|projection)_/, "")} ${bytes}`)
          .join(", "),
      }),
    ),
  );
  console.log(`Asked for: at most ${TARGET_BYTES} bytes for a turn with 200 updates of tools.`);
}

if (import.meta.main) await main(process.argv.slice(2));
