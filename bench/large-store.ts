// Reads of a large store: how long a hub with 1,000,000 events takes to start and to answer /health while clients read,
// and how long and how large the reads of a thread with 10,000 messages and 100,000 activities are, on both databases.
// Beside them the limit: a hub with an empty store, and /health without readers.
//
// The SQLite store is made once, in the person's own cache folder, and used again; `--events` says how large it is.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { insertRows, openSqliteStore, type Store } from "@muster/store";
import { openDatabases } from "./databases.ts";
import { CALLER, openOrchestrationOn, seedSpace } from "./dispatch-core.ts";
import { HUB_COLUMNS, type Orchestration } from "./hub-doors.ts";
import { HttpClient, type HubProcess, startHubProcess } from "./hub-process.ts";
import { HEAVY_THREAD, LONG_THREAD, type Place, writeLog } from "./large-log.ts";
import { latencyOf, median } from "./statistics.ts";

const EVENTS = 1_000_000;
/** Of the PostgreSQL store, which is made anew each time: the two large threads and a few more. */
const POSTGRES_EVENTS = 280_000;
const STARTS = 5;
const READERS = 8;
const READ_SECONDS = 8;
const HEALTH_EVERY_MS = 20;
const REPEATS = 20;
const TARGETS = { startMs: 2_000, healthMs: 10, openMs: 100, openBytes: 1024 * 1024 };

interface ReadReport {
  readonly database: string;
  readonly what: string;
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly bytes: number;
}

interface HubReport {
  readonly events: number;
  readonly fileBytes: number;
  readonly startMs: { readonly large: number; readonly empty: number };
  readonly health: {
    readonly whileReading: { readonly p50: number; readonly p99: number };
    readonly alone: { readonly p50: number; readonly p99: number };
  };
  readonly readsPerSecond: number;
}

const DIFF = { threadId: LONG_THREAD.id, fromTurnCount: 10, toTurnCount: 11 };

async function keepDiff(store: Store, spaceId: string): Promise<void> {
  const row = [spaceId, DIFF.threadId, DIFF.fromTurnCount, DIFF.toTurnCount, "+ a line\n".repeat(10_000), 0, "2026"];
  await store.commit({
    guards: [],
    statements: insertRows(store.dialect, "checkpoint_diff_blobs", HUB_COLUMNS["checkpoint_diff_blobs"] ?? [], [row]),
  });
}

/** A hub's home with so many events, from the cache folder or made there. */
async function largeHome(events: number, say: (line: string) => void): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const home = join(cache, "muster-bench", "stores", `sqlite-${events}`);
  if (existsSync(home)) {
    try {
      // Brings an older schema up to date.
      await (await startHubProcess(home)).stop();
      return home;
    } catch (error) {
      say(`the store in ${home} is of no use to this program (${String(error)})`);
      rmSync(home, { recursive: true });
    }
  }
  say(`making a store of ${events} events in ${home} (about ${Math.round(events / 700)} MB) …`);
  const partial = `${home}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  await (await startHubProcess(partial)).stop();
  const store = await openSqliteStore({ path: join(partial, "hub.db") });
  const [session] = await store.read({ sql: "SELECT space_id, session_id FROM sessions", parameters: [] });
  const place: Place = {
    spaceId: String(session?.["space_id"]),
    sessionId: String(session?.["session_id"]),
    actorId: "node",
  };
  await writeLog(store, place, events);
  await keepDiff(store, place.spaceId);
  await store.close();
  const began = performance.now();
  await (await startHubProcess(partial)).stop();
  const seconds = (performance.now() - began) / 1_000;
  say(`the hub caught up with it in ${seconds.toFixed(1)} s: ${Math.round(events / seconds)} events/s`);
  renameSync(partial, home);
  return home;
}

/** From the call of the program to the first answer. */
async function startTimes(home: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    const began = performance.now();
    const hub = await startHubProcess(home);
    const client = new HttpClient(hub, 1);
    await client.get("/health");
    times.push(performance.now() - began);
    client.close();
    await hub.stop();
  }
  return median(times);
}

const READS: readonly string[] = [
  `/orchestration/threads/${LONG_THREAD.id}`,
  "/orchestration/snapshot",
  `/orchestration/threads/${HEAVY_THREAD.id}`,
  "/orchestration/events/page?after=500000&limit=500",
  `/orchestration/threads/${LONG_THREAD.id}?turnLimit=50`,
];

async function healthWhile(hub: HubProcess, readers: number): Promise<{ durations: number[]; reads: number }> {
  const probe = new HttpClient(hub, 1);
  const clients = Array.from({ length: readers }, () => new HttpClient(hub, 1));
  const until = performance.now() + READ_SECONDS * 1_000;
  let reads = 0;
  const reading = clients.map(async (client, index) => {
    for (let turn = index; performance.now() < until; turn += 1) {
      await client.get(READS[turn % READS.length] ?? "");
      reads += 1;
    }
  });
  const durations: number[] = [];
  while (performance.now() < until) {
    const sent = performance.now();
    await probe.get("/health");
    durations.push(performance.now() - sent);
    await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
  }
  await Promise.all(reading);
  for (const client of [probe, ...clients]) client.close();
  return { durations, reads };
}

async function measureHub(events: number, say: (line: string) => void): Promise<HubReport> {
  const home = await largeHome(events, say);
  const empty = mkdtempSync(join(tmpdir(), "muster-bench-"));
  try {
    await (await startHubProcess(empty)).stop();
    const startMs = { empty: await startTimes(empty), large: await startTimes(home) };
    const hub = await startHubProcess(home);
    const alone = await healthWhile(hub, 0);
    const busy = await healthWhile(hub, READERS);
    await hub.stop();
    return {
      events,
      fileBytes: statSync(join(home, "hub.db")).size,
      startMs,
      health: { alone: latencyOf(alone.durations), whileReading: latencyOf(busy.durations) },
      readsPerSecond: busy.reads / READ_SECONDS,
    };
  } finally {
    rmSync(empty, { recursive: true });
  }
}

/** Reads at the level of the port, with nothing else going on. */
async function measureReads(database: string, orchestration: Orchestration, caller: object): Promise<ReadReport[]> {
  const window = (threadId: string, more: object = {}) =>
    orchestration.getThread(caller, { threadId, turnLimit: 10, ...more });
  const first = (await window(LONG_THREAD.id)) as { page: { before: string } };
  const middle = (await orchestration.getEventsPage(caller, {
    after: 20_000,
    limit: 500,
    threadId: LONG_THREAD.id,
  })) as {
    events: { occurredAt: string }[];
  };
  const old = `${middle.events[0]?.occurredAt}~x`;
  const resume = async (): Promise<object> => {
    const abort = new AbortController();
    const after = String(orchestration.head().headSequence - 10);
    const messages: object[] = [];
    for await (const item of orchestration.feed(caller, { after, threadId: "thread-0", signal: abort.signal })) {
      messages.push(item);
      if (item.message.type === "synchronized" || item.message.type === "reset") break;
    }
    abort.abort();
    return messages;
  };
  const reads: readonly (readonly [string, () => Promise<object>])[] = [
    ["snapshot", () => orchestration.getSnapshot(caller, { limit: 200 })],
    ["archived threads", () => orchestration.getSnapshot(caller, { limit: 200, archived: true })],
    ["long thread, first window", () => window(LONG_THREAD.id)],
    ["long thread, 50 turns", () => window(LONG_THREAD.id, { turnLimit: 50 })],
    ["long thread, next window", () => window(LONG_THREAD.id, { before: first.page.before })],
    ["long thread, far back", () => window(LONG_THREAD.id, { before: old })],
    ["ten turns of 10,000 activities each", () => window(HEAVY_THREAD.id)],
    ["page of 500 events", () => orchestration.getEventsPage(caller, { after: 100_000, limit: 500 })],
    [
      "page of a thread's events",
      () => orchestration.getEventsPage(caller, { after: 100, limit: 500, threadId: "thread-0" }),
    ],
    ["a quiet thread's feed to its end", resume],
    ["a turn's diff", () => orchestration.getTurnDiff(caller, DIFF)],
  ];
  const reports: ReadReport[] = [];
  for (const [what, read] of reads) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < REPEATS; round += 1) {
      const began = performance.now();
      const answer = await read();
      times.push(performance.now() - began);
      bytes = Buffer.byteLength(JSON.stringify(answer));
    }
    reports.push({ database, what, medianMs: median(times), slowestMs: Math.max(...times), bytes });
  }
  return reports;
}

/** The same threads as a browser opens them: a whole hub in another process, its login, its schemas, its JSON. */
async function readsOverHttp(home: string): Promise<ReadReport[]> {
  const hub = await startHubProcess(home);
  const client = new HttpClient(hub, 1);
  const long = `/orchestration/threads/${LONG_THREAD.id}`;
  const { page } = JSON.parse(await client.get(long)) as { page: { before: string } };
  const paths: readonly (readonly [string, string])[] = [
    ["snapshot", "/orchestration/snapshot"],
    ["long thread, first window", long],
    ["long thread, next window", `${long}?before=${encodeURIComponent(page.before)}`],
    ["long thread, 50 turns", `${long}?turnLimit=50`],
    ["ten turns of 10,000 activities each", `/orchestration/threads/${HEAVY_THREAD.id}`],
  ];
  const reports: ReadReport[] = [];
  for (const [what, path] of paths) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < REPEATS; round += 1) {
      const began = performance.now();
      bytes = Buffer.byteLength(await client.get(path));
      times.push(performance.now() - began);
    }
    reports.push({ database: "SQLite, HTTP", what, medianMs: median(times), slowestMs: Math.max(...times), bytes });
  }
  client.close();
  await hub.stop();
  return reports;
}

async function readsOfSqlite(home: string): Promise<ReadReport[]> {
  const path = join(home, "hub.db");
  const database = new DatabaseSync(path);
  const [session] = database.prepare("SELECT space_id, session_id FROM sessions").all();
  database.close();
  const store = await openSqliteStore({ path });
  const caller = { ...CALLER, spaceId: session?.["space_id"], roles: new Map([[session?.["session_id"], "owner"]]) };
  const orchestration = await openOrchestrationOn(store);
  try {
    return await measureReads("SQLite", orchestration, caller);
  } finally {
    await orchestration.close();
    await store.close();
  }
}

async function readsOfPostgres(say: (line: string) => void): Promise<ReadReport[]> {
  const [database] = await openDatabases(say, ["PostgreSQL"]);
  if (database === undefined) return [];
  const { store, dispose } = await database.open();
  try {
    say(`making a PostgreSQL store of ${POSTGRES_EVENTS} events …`);
    await seedSpace(store);
    await writeLog(store, { spaceId: "space", sessionId: "session", actorId: "node" }, POSTGRES_EVENTS);
    await keepDiff(store, "space");
    const orchestration = await openOrchestrationOn(store);
    await store.commit({ guards: [], statements: [{ sql: "ANALYZE", parameters: [] }] });
    const reports = await measureReads("PostgreSQL", orchestration, CALLER);
    await orchestration.close();
    return reports;
  } finally {
    await dispose();
    await database.stop();
  }
}

function print(hub: HubReport | null, reads: readonly ReadReport[]): void {
  if (hub !== null) {
    const { startMs, health } = hub;
    console.log(`${hub.events} events, ${Math.round(hub.fileBytes / 1e6)} MB on SQLite`);
    console.log(
      `start to the first answer: ${Math.round(startMs.large)} ms (target ${TARGETS.startMs} ms); empty store: ${Math.round(startMs.empty)} ms`,
    );
    console.log(
      `/health while ${READERS} clients read (${Math.round(hub.readsPerSecond)} reads/s): p50 ${health.whileReading.p50.toFixed(1)} ms, p99 ${health.whileReading.p99.toFixed(1)} ms (target ${TARGETS.healthMs} ms); alone: p50 ${health.alone.p50.toFixed(1)} ms, p99 ${health.alone.p99.toFixed(1)} ms`,
    );
  }
  console.log(`a thread opens in ${TARGETS.openMs} ms and ${TARGETS.openBytes} bytes at most:`);
  console.table(
    reads.map(({ database, what, medianMs, slowestMs, bytes }) => ({
      database,
      what,
      "median ms": Number(medianMs.toFixed(1)),
      "slowest ms": Number(slowestMs.toFixed(1)),
      bytes,
    })),
  );
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean" },
      events: { type: "string" },
      hub: { type: "boolean", default: true },
      postgres: { type: "boolean", default: true },
    },
    allowNegative: true,
  });
  const say = (line: string): void => console.error(line);
  const events = Number(values.events ?? EVENTS);
  const hub = values.hub ? await measureHub(events, say) : null;
  const home = await largeHome(events, say);
  const reads = [
    ...(await readsOverHttp(home)),
    ...(await readsOfSqlite(home)),
    ...(values.postgres ? await readsOfPostgres(say) : []),
  ];
  if (values.json === true) console.log(JSON.stringify({ hub, reads, targets: TARGETS }));
  else print(hub, reads);
}

if (import.meta.main) await main(process.argv.slice(2));
