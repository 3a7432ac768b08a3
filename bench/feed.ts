// How long an event takes to its readers: 100 feeds over HTTP, 50 events a second, so 5,000 deliveries a second in all.
// The hub runs in a process of its own on either database; writers and readers share another. Measured is from the
// moment an event was decided (its `occurredAt`, before its commit) to the moment a reader has it, so the commit with its
// sync is counted too. Every reader must get every event once and in order, or the run fails.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createIds } from "@muster/core";
import { insertRows, openSqliteStore, type Store } from "@muster/store";
import { openPostgresStore } from "@muster/store/postgres";
import { type DatabaseName, openDatabases, type ServerAddress } from "./databases.ts";
import { clock, createProject, random } from "./dispatch-mix.ts";
import { HUB_COLUMNS } from "./hub-doors.ts";
import { HttpClient, type HubProcess, startHubProcess } from "./hub-process.ts";
import { type Latency, latencyOf, median } from "./statistics.ts";

const READERS = 100;
const EVENTS_PER_SECOND = 50;
const THREADS = 10;
/** Writers' connections: a command takes a sync or two. */
const WRITERS = 16;
const WARM_UP_EVENTS = 100;
const TARGET_P99_MS = 50;
const ARRIVAL_LIMIT_MS = 30_000;
/** Streams of one principal are limited, so a second person looks on. */
const SECOND_TOKEN = "a-token-of-the-second-reader";

export interface FeedReport {
  readonly database: DatabaseName;
  readonly readers: number;
  readonly deliveriesPerSecond: number;
  readonly latencyMs: Latency & { readonly max: number };
  /** What the hub's process used for one, writing included; null where the system does not tell. */
  readonly processorUs: number | null;
}

/** Of one tick in `/proc`, on every Linux that Node runs on. */
const TICK_US = 10_000;

/** Processor time of a process so far. */
function processorUsOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return null;
  }
}

/** An attached node that is away, and a second person who may read. */
async function seed(store: Store, spaceId: string): Promise<void> {
  const [session] = await store.read({ sql: "SELECT session_id FROM sessions", parameters: [] });
  const [person] = await store.read({
    sql: "SELECT principal_id FROM principals WHERE kind = 'human'",
    parameters: [],
  });
  const sessionId = String(session?.["session_id"]);
  const at = new Date().toISOString();
  const hash = createHash("sha256").update(SECOND_TOKEN).digest("hex");
  const attached = [spaceId, "attachment", sessionId, String(person?.["principal_id"]), "node"];
  const rows: Readonly<Record<string, (string | number | null)[]>> = {
    principals: [spaceId, "second", "human", "Second", at, null],
    session_memberships: [spaceId, sessionId, "second", "viewer", "active", at, at],
    tokens: [hash, spaceId, "second", '["api"]', "bench", at, null, null, null],
    nodes: [spaceId, "node", String(person?.["principal_id"]), "key", "[]", null, 1, "process", at],
    runtime_node_attachments: [...attached, "{}", "1.0", "online", 1, at, null, null],
  };
  const statements = Object.entries(rows).flatMap(([table, row]) =>
    insertRows(store.dialect, table, HUB_COLUMNS[table] ?? [], [row]),
  );
  await store.commit({ guards: [], statements });
}

/** Counts what one feed brings, and how late it was. */
class Reader {
  readonly latenciesMs: number[] = [];
  count = 0;
  isMeasured = false;
  #last = 0;
  #rest = "";

  take(chunk: string): void {
    const nowMs = performance.timeOrigin + performance.now();
    const parts = (this.#rest + chunk).split("\n\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      const id = /^id: [^:]+:(\d+)$/m.exec(part)?.[1];
      if (id === undefined) continue;
      if (this.#last > 0 && Number(id) !== this.#last + 1) throw new Error(`event ${id} came after ${this.#last}`);
      this.#last = Number(id);
      this.count += 1;
      const { event } = JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? "");
      if (this.isMeasured) this.latenciesMs.push(nowMs - Date.parse(event.occurredAt));
    }
  }
}

async function openReaders(hub: HubProcess): Promise<{ readers: Reader[]; close(): void }> {
  const agent = new Agent({ keepAlive: false });
  const responses: IncomingMessage[] = [];
  const readers = await Promise.all(
    Array.from({ length: READERS }, async (_one, index) => {
      const token = index % 2 === 0 ? hub.token : SECOND_TOKEN;
      const reader = new Reader();
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const path = "/api/v1/orchestration/events";
        const headers = { authorization: `Bearer ${token}` };
        request({ host: "127.0.0.1", port: hub.port, path, agent, headers }, resolve).on("error", reject).end();
      });
      if (response.statusCode !== 200) throw new Error(`a feed was answered ${response.statusCode}`);
      responses.push(response);
      response.setEncoding("utf8");
      const isReady = new Promise<void>((resolve) => {
        response.on("data", (chunk: string) => {
          if (chunk.includes("synchronized")) resolve();
          reader.take(chunk);
        });
      });
      await isReady;
      return reader;
    }),
  );
  const close = (): void => {
    for (const response of responses) response.destroy();
  };
  return { readers, close };
}

/** Sends so many commands of one event each at the pace, whatever the answers take. */
async function write(client: HttpClient, threadIds: readonly string[], count: number): Promise<void> {
  const ids = createIds(clock, random);
  const began = performance.now();
  const sent: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = began + (index * 1_000) / EVENTS_PER_SECOND - performance.now();
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    const threadId = threadIds[index % threadIds.length];
    const fields = { commandId: ids.next(), threadId, title: `The title that event ${index} gave` };
    sent.push(client.post("/orchestration/commands", { type: "thread.meta.update", ...fields }));
  }
  await Promise.all(sent);
}

async function arrived(readers: readonly Reader[], count: number): Promise<void> {
  const end = performance.now() + ARRIVAL_LIMIT_MS;
  while (readers.some((reader) => reader.count < count)) {
    if (performance.now() > end) throw new Error("a reader misses events");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function benchOne(database: DatabaseName, databaseUrl: string | undefined, seconds: number): Promise<FeedReport> {
  const home = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const hub = await startHubProcess(home, databaseUrl);
  try {
    const store =
      databaseUrl === undefined
        ? await openSqliteStore({ path: join(home, "hub.db") })
        : await openPostgresStore({ connectionString: databaseUrl });
    await seed(store, hub.spaceId);
    await store.close();
    const client = new HttpClient(hub, WRITERS);
    const me: { defaultSessionId: string } = JSON.parse(await client.get("/auth/me"));
    await client.post("/orchestration/commands", createProject(me.defaultSessionId));
    const ids = createIds(clock, random);
    const threadIds = Array.from({ length: THREADS }, () => ids.next());
    for (const threadId of threadIds) {
      const thread = { threadId, projectId: "project", title: "A thread", provider: "sample", branch: null };
      const rest = { worktreePath: null, runtimeMode: "full-access", commandId: ids.next() };
      await client.post("/orchestration/commands", { type: "thread.create", ...thread, ...rest });
    }
    const { readers, close } = await openReaders(hub);
    await write(client, threadIds, WARM_UP_EVENTS);
    await arrived(readers, WARM_UP_EVENTS);
    for (const reader of readers) reader.isMeasured = true;
    const began = performance.now();
    const beganUs = processorUsOf(hub.pid);
    const events = seconds * EVENTS_PER_SECOND;
    await write(client, threadIds, events);
    await arrived(readers, WARM_UP_EVENTS + events);
    const took = (performance.now() - began) / 1_000;
    const endedUs = processorUsOf(hub.pid);
    close();
    client.close();
    const latencies = readers.flatMap((reader) => reader.latenciesMs);
    const max = latencies.reduce((most, one) => Math.max(most, one), 0);
    return {
      database,
      readers: READERS,
      deliveriesPerSecond: latencies.length / took,
      latencyMs: { ...latencyOf(latencies), max },
      processorUs: beganUs === null || endedUs === null ? null : (endedUs - beganUs) / latencies.length,
    };
  } finally {
    await hub.stop();
    rmSync(home, { recursive: true });
  }
}

const middle = (reports: readonly FeedReport[]): FeedReport => {
  const of = (value: (report: FeedReport) => number): number => median(reports.map(value));
  const [first] = reports;
  if (first === undefined) throw new Error("no round was run");
  return {
    ...first,
    deliveriesPerSecond: of((one) => one.deliveriesPerSecond),
    processorUs: first.processorUs === null ? null : of((one) => one.processorUs ?? Number.NaN),
    latencyMs: {
      p50: of((one) => one.latencyMs.p50),
      p99: of((one) => one.latencyMs.p99),
      max: of((one) => one.latencyMs.max),
    },
  };
};

export async function benchFeed(options: { seconds: number; rounds: number }): Promise<FeedReport[]> {
  const databases = await openDatabases((line) => console.error(line));
  const reports: FeedReport[] = [];
  try {
    for (const { name, address } of databases) {
      const rounds: FeedReport[] = [];
      for (let round = 0; round < options.rounds; round += 1) {
        const url = address === undefined ? undefined : await emptied(address);
        rounds.push(await benchOne(name, url, options.seconds));
      }
      reports.push(middle(rounds));
    }
  } finally {
    for (const database of databases) await database.stop();
  }
  return reports;
}

/** The server's database without anything in it; its URL. */
async function emptied(server: ServerAddress): Promise<string> {
  const { user, host, port, database } = server;
  const url = `postgresql:///${database}?${new URLSearchParams({ user, host, port: String(port) })}`;
  const store = await openPostgresStore({ connectionString: url });
  const statements = ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"].map((sql) => ({ sql, parameters: [] }));
  await store.commit({ guards: [], statements });
  await store.close();
  return url;
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean" }, seconds: { type: "string" }, rounds: { type: "string" } },
  });
  const reports = await benchFeed({ seconds: Number(values.seconds ?? 10), rounds: Number(values.rounds ?? 3) });
  if (values.json === true) {
    console.log(JSON.stringify(reports));
    return;
  }
  console.table(
    reports.map(({ database, readers, deliveriesPerSecond, latencyMs, processorUs }) => ({
      database,
      readers,
      "deliveries/s": Math.round(deliveriesPerSecond),
      "p50 ms": Number(latencyMs.p50.toFixed(1)),
      "p99 ms": Number(latencyMs.p99.toFixed(1)),
      "max ms": Number(latencyMs.max.toFixed(1)),
      "processor µs/delivery": processorUs === null ? "" : Math.round(processorUs),
    })),
  );
  console.log(`Asked for: p99 of at most ${TARGET_P99_MS} ms.`);
}

if (import.meta.main) await main(process.argv.slice(2));
