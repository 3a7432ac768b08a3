// One run of a peer, in a process of its own: appends the events of a job's commands, each client one append at a time
// and all clients at once, and prints commands per second and latencies as JSON. Nothing of Muster is loaded here.
//
// - `postgres`: `appendToStream` of one event store over a pool; its appends run side by side and PostgreSQL itself groups
//   their syncs. The pool has as many connections as were fastest of 8, 16, 32 and 64: 8.
// - `sqlite`: `appendToStream` of its event store, which opens and closes a connection per append. It cannot have two
//   appends in flight in one process (they would share one transaction and answer before its end), so they queue.
// - `sqlite-grouped`: more than its event store offers: its exported `appendToStream` on a connection that stays open,
//   and whatever waits at a turn of the event loop inside one `withTransaction`.
// SQLite syncs fully at every commit (the driver's default, said again here), PostgreSQL too (`synchronous_commit = on`).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const POOL_CONNECTIONS = 8;

const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const load = createRequire(join(job.folder, "package.json"));
// Its event store prints to standard output what it rejects with.
console.log = () => undefined;

const openPostgres = async () => {
  const { getPostgreSQLEventStore } = load("@event-driven-io/emmett-postgresql");
  const { Client, Pool } = load("pg");
  const database = `peer_${process.pid}`;
  const admin = new Client(job.address);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  const address = { ...job.address, database };
  const pool = new Pool({ ...address, max: Number(job.connections ?? POOL_CONNECTIONS) });
  // Connections that end late are ended by the DROP below.
  pool.on("error", () => undefined);
  const { host, port, user } = job.address;
  const url = `postgresql://${user}@${encodeURIComponent(host)}:${port}/${database}`;
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } });
  await store.schema.migrate();
  return {
    append: ({ stream, events }) => store.appendToStream(stream, events),
    close: async () => {
      await store.close();
      await pool.end().catch(() => undefined);
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
    },
  };
};

const openSqlite = async () => {
  const { getSQLiteEventStore } = load("@event-driven-io/emmett-sqlite");
  const store = getSQLiteEventStore({ fileName: join(job.directory, "peer.db") });
  let last = Promise.resolve();
  const append = ({ stream, events }) => {
    const appended = last.then(() => store.appendToStream(stream, events));
    last = appended.then(
      () => undefined,
      () => undefined,
    );
    return appended;
  };
  return { append, close: async () => undefined };
};

const openSqliteGrouped = async () => {
  const { appendToStream, createEventStoreSchema, sqliteConnection } = load("@event-driven-io/emmett-sqlite");
  const connection = sqliteConnection({ fileName: join(job.directory, "peer.db") });
  await connection.command("PRAGMA synchronous = FULL");
  await createEventStoreSchema(connection);
  let waiting = [];
  let isRunning = false;
  const run = async () => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await connection.withTransaction(async () => {
          for (const { stream, events } of batch) {
            const { success } = await appendToStream(connection, stream, stream.split("-")[0], events);
            if (!success) throw new Error("an append was refused");
          }
        });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    isRunning = false;
  };
  const append = (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ ...one, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      setImmediate(run);
    });
  return { append, close: async () => connection.close() };
};

const WAYS = { postgres: openPostgres, sqlite: openSqlite, "sqlite-grouped": openSqliteGrouped };

const { append, close } = await WAYS[job.way]();
// Statements are prepared and connections opened before the time runs, as after the dispatcher's warm-up.
await Promise.all(
  job.clients.map((_commands, client) =>
    append({ stream: `warm-up-${client}`, events: [{ type: "warm-up", data: {}, metadata: {} }] }),
  ),
);
const durations = [];
const began = performance.now();
const until = began + job.seconds * 1_000;
await Promise.all(
  job.clients.map(async (commands) => {
    for (const command of commands) {
      const sent = performance.now();
      if (sent > until) break;
      await append(command);
      durations.push(performance.now() - sent);
    }
  }),
);
const seconds = (performance.now() - began) / 1_000;
await close();
durations.sort((a, b) => a - b);
const at = (share) => durations[Math.min(durations.length - 1, Math.floor(durations.length * share))] ?? 0;
const result = {
  commandsPerSecond: durations.length / seconds,
  latencyMs: { p50: at(0.5), p99: at(0.99) },
  commits: 0,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
