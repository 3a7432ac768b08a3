// A sweep over 100,000 machines that demotes 1,000 of them, beside a bare statement that makes the same change by the same key
// of rows. The machines have slots and are alive, so the look for slots that are overdue walks through all of them.
import { parseArgs } from "node:util";
import { createIds } from "@muster/core";
import { insertRows, type SqlValue, type Statement, type Store } from "@muster/store";
import { AT, type Database, type DatabaseName, openDatabases } from "./databases.ts";
import { random } from "./dispatch-mix.ts";
import { createNodes, HUB_COLUMNS } from "./hub-doors.ts";
import { median } from "./statistics.ts";

const MACHINES = 100_000;
const DEMOTED = 1_000;
const ROUNDS = 9;
const TARGET_MS = 100;
const SWEEP_MS = 5_000;
/** A slot's lease, and some more: from then on sweeps look for slots that are overdue. */
const PRESENT_MS = 11 * 60_000;
const ROWS_PER_STATEMENT = 500;

interface SweepReport {
  readonly database: DatabaseName;
  readonly machines: number;
  readonly demoted: number;
  /** From its call until the transitions are durable and known. */
  readonly sweepMs: number;
  readonly sweepHighestMs: number;
  /** From then on until the feeds have been told what became of each machine. */
  readonly tellMs: number;
  /** One that finds nothing to do. */
  readonly idleMs: number;
  readonly bareMs: number;
}

const nodeId = (index: number): string => `node-${String(index).padStart(6, "0")}`;

async function fill(store: Store, machines: number): Promise<void> {
  const insert = (table: string, rows: SqlValue[][]): readonly Statement[] =>
    insertRows(store.dialect, table, HUB_COLUMNS[table] ?? [], rows);
  await store.commit({
    guards: [],
    statements: [
      ...insert("spaces", [["space", "A space", null, AT]]),
      ...insert("principals", [["space", "owner", "human", "Owner", AT, null]]),
      ...insert("sessions", [["space", "session", "Session", "active", null, AT, AT]]),
      ...insert("session_memberships", [["space", "session", "owner", "owner", "active", AT, AT]]),
    ],
  });
  for (let start = 0; start < machines; start += ROWS_PER_STATEMENT) {
    const ids = Array.from({ length: Math.min(ROWS_PER_STATEMENT, machines - start) }, (_, i) => nodeId(start + i));
    await store.commit({
      guards: [],
      statements: [
        ...insert(
          "nodes",
          ids.map((id) => ["space", id, "owner", "key", "[]", null, 1, "process", AT]),
        ),
        ...insert(
          "runtime_node_attachments",
          ids.map((id) => ["space", `slot-${id}`, "session", "owner", id, "{}", "1.0", "online", 1, AT, null, null]),
        ),
        ...insert(
          "runtime_node_presence",
          ids.map((id) => ["space", id, "connection", AT, "online"]),
        ),
      ],
    });
  }
  if (store.dialect === "postgres") await run(store, "ANALYZE");
}

const run = (store: Store, sql: string) => store.commit({ guards: [], statements: [{ sql, parameters: [] }] });

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

async function measure(database: Database, sizes: { machines: number; rounds: number }): Promise<SweepReport> {
  const { store, dispose } = await database.open();
  let now = Date.parse(AT);
  const clock = { now: () => now };
  const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();
  let told = 0;
  let durableMs = 0;
  const commit = store.commit.bind(store);
  store.commit = async (batch) => {
    const result = await commit(batch);
    durableMs = performance.now();
    return result;
  };
  const nodes = createNodes({
    store,
    clock,
    ids: createIds(clock, random),
    hubId: "bench",
    hubPrincipalId: "owner",
    onPresence: (_space: string, changed: readonly object[]) => {
      told += changed.length;
    },
    onBug: (error: unknown) => {
      throw error;
    },
    sweepIntervalMs: null,
  });
  const { machines, rounds } = sizes;
  const demoted = Math.min(DEMOTED, machines);
  const stride = Math.floor(machines / demoted);
  /** Those whose turn it is, some here and some there in the table. */
  const silent = (round: number): string =>
    `node_id IN (${Array.from({ length: demoted }, (_, index) => `'${nodeId(index * stride + (round % stride))}'`).join(", ")})`;
  const heardAll = (at: string) =>
    run(store, `UPDATE runtime_node_presence SET health_state = 'online', last_heartbeat_at = '${at}'`);
  const heardSome = (at: string, round: number) =>
    run(
      store,
      `UPDATE runtime_node_presence SET health_state = 'online', last_heartbeat_at = '${at}' WHERE ${silent(round)}`,
    );
  try {
    await fill(store, machines);
    const end = now + PRESENT_MS;
    await heardAll(isoTime(end));
    for (; now < end; now += SWEEP_MS) await nodes.sweep();
    const times = { sweep: [] as number[], tell: [] as number[], idle: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const before = isoTime(now - 30_000);
      await heardSome(isoTime(now - 31_000), round);
      told = 0;
      const startedMs = performance.now();
      const changes = await nodes.sweep();
      times.sweep.push(durableMs - startedMs);
      times.tell.push(performance.now() - durableMs);
      if (changes !== demoted || told !== demoted)
        throw new Error(`${changes} machines were demoted and ${told} told of, not ${demoted}`);
      times.idle.push(await timed(() => nodes.sweep()));
      await heardSome(isoTime(now - 31_000), round);
      const bare = `UPDATE runtime_node_presence SET health_state = 'degraded' WHERE health_state = 'online' AND last_heartbeat_at < '${before}'`;
      times.bare.push(await timed(() => run(store, bare)));
      await heardSome(isoTime(now), round);
    }
    return {
      database: database.name,
      machines,
      demoted,
      sweepMs: median(times.sweep),
      sweepHighestMs: Math.max(...times.sweep),
      tellMs: median(times.tell),
      idleMs: median(times.idle),
      bareMs: median(times.bare),
    };
  } finally {
    await nodes.close();
    await dispose();
  }
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean" },
      machines: { type: "string", default: String(MACHINES) },
      rounds: { type: "string", default: String(ROUNDS) },
      // Of other benchmarks.
      seconds: { type: "string" },
    },
  });
  const sizes = { machines: Number(values.machines), rounds: Number(values.rounds) };
  const reports: SweepReport[] = [];
  for (const database of await openDatabases((line) => console.error(line))) {
    try {
      reports.push(await measure(database, sizes));
    } finally {
      await database.stop();
    }
  }
  if (values.json === true) {
    console.log(JSON.stringify({ reports, targets: { sweepMs: TARGET_MS } }));
    return;
  }
  console.log(`target: a sweep in ${TARGET_MS} ms`);
  console.table(
    reports.map(({ database, machines, demoted, sweepMs, sweepHighestMs, tellMs, idleMs, bareMs }) => ({
      database,
      machines,
      demoted,
      "sweep ms": Number(sweepMs.toFixed(1)),
      "highest ms": Number(sweepHighestMs.toFixed(1)),
      "telling ms": Number(tellMs.toFixed(1)),
      "idle sweep ms": Number(idleMs.toFixed(1)),
      "bare statement ms": Number(bareMs.toFixed(1)),
    })),
  );
}

if (import.meta.main) await main(process.argv.slice(2));
