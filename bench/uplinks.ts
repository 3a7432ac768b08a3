// Machines that do nothing but live: 10,000 uplinks on one hub, each with a heartbeat every 15 s. What the hub's process needs
// for that, in processor time and memory; and whether it misses one of them that dies, or demotes one that lives. Hub
// and daemons run in processes of their own, so half of this machine's work is that of the daemons.
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { insertRows, openSqliteStore, type Store } from "@muster/store";
import { openPostgresStore } from "@muster/store/postgres";
import { AT, type Database, type DatabaseName, openDatabases } from "./databases.ts";
import { HUB_COLUMNS } from "./hub-doors.ts";
import { startHubProcess } from "./hub-process.ts";
import type { DaemonsFact, DaemonsSettings } from "./uplink-daemons.ts";

const MACHINES = 10_000;
const PROCESSES = 4;
const HEARTBEAT_MS = 15_000;
/** Of quiet beating that is measured. */
const SECONDS = 60;
/** Of those that die in the middle: half of them by the end of their process, half by hanging. */
const DYING_SHARE = 0.02;
/** A hanging one is offline after 60 s without a word, and the sweep looks every 5 s. */
const OFFLINE_LIMIT_MS = 75_000;
const TARGET_CORE_SHARE = 0.5;
const TARGET_RESIDENT_MIB = 1024;
const ROWS_PER_STATEMENT = 500;
/** Of one tick in `/proc`, on every Linux that Node runs on. */
const TICK_MS = 10;

interface UplinksReport {
  readonly database: DatabaseName;
  readonly machines: number;
  readonly connectSeconds: number;
  /** Of one core, while all beat. */
  readonly coreShare: number;
  /** The same while nobody is connected. */
  readonly idleCoreShare: number;
  readonly residentMiB: number;
  readonly dead: number;
  /** Dead ones that are not offline in the end. */
  readonly missed: number;
  /** Living ones that are not online in the end. */
  readonly wronged: number;
  readonly trouble: Readonly<Record<string, number>>;
}

const processorMs = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
};
const residentMiBOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

const coreShareOver = async (pid: number, seconds: number, watch: () => void): Promise<number> => {
  const [beganMs, before] = [performance.now(), processorMs(pid)];
  for (let second = 0; second < seconds; second += 1) {
    await pause(1_000);
    watch();
  }
  return (processorMs(pid) - before) / (performance.now() - beganMs);
};

const DAEMONS = fileURLToPath(new URL("./uplink-daemons.ts", import.meta.url));

/** One process of simulated daemons; each question is answered by one line. */
function startDaemons(settings: DaemonsSettings) {
  const child = spawn(process.execPath, [DAEMONS, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<DaemonsFact> => {
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the daemons ended with ${code}`);
    });
    ended.catch(() => undefined);
    const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
    return JSON.parse(line) as DaemonsFact;
  };
  return {
    next,
    ask: (order: string): Promise<DaemonsFact> => {
      child.stdin.write(`${order}\n`);
      return next();
    },
    stop: async (): Promise<void> => {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}

/** Enrols them past the hub: ten thousand invites are not what is measured. */
async function enrol(store: Store, spaceId: string, nodeIds: readonly string[], publicKey: string): Promise<void> {
  const [owner] = await store.read({
    sql: "SELECT participant_id FROM session_memberships WHERE role = 'owner'",
    parameters: [],
  });
  const ownerId = owner?.["participant_id"] ?? null;
  for (let start = 0; start < nodeIds.length; start += ROWS_PER_STATEMENT) {
    const rows = nodeIds
      .slice(start, start + ROWS_PER_STATEMENT)
      .map((nodeId) => [spaceId, nodeId, ownerId, publicKey, "[]", null, 0, null, AT]);
    await store.commit({
      guards: [],
      statements: insertRows(store.dialect, "nodes", HUB_COLUMNS["nodes"] ?? [], rows),
    });
  }
}

async function measure(database: Database, sizes: { machines: number; seconds: number }): Promise<UplinksReport> {
  const home = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const { address } = database;
  const url = address && `postgresql://${address.user}@/${address.database}?host=${address.host}&port=${address.port}`;
  const closing: (() => Promise<unknown>)[] = [async () => rmSync(home, { recursive: true, force: true })];
  try {
    const hub = await startHubProcess(home, url);
    closing.push(() => hub.stop());
    const store = address
      ? await openPostgresStore({ ...address })
      : await openSqliteStore({ path: join(home, "hub.db") });
    closing.push(() => store.close());
    const { machines, seconds } = sizes;
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const rawKey = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
    const nodeIds = Array.from({ length: machines }, (_, index) => `machine-${index}`);
    await enrol(store, hub.spaceId, nodeIds, rawKey);
    const idleCoreShare = await coreShareOver(hub.pid, 5, () => undefined);
    const pem = String(privateKey.export({ format: "pem", type: "pkcs8" }));
    const beganMs = performance.now();
    const groups = Array.from({ length: PROCESSES }, (_, place) => {
      const own = nodeIds.filter((_id, index) => index % PROCESSES === place);
      const daemons = startDaemons({
        port: hub.port,
        spaceId: hub.spaceId,
        privateKey: pem,
        nodeIds: own,
        heartbeatMs: HEARTBEAT_MS,
      });
      closing.push(() => daemons.stop());
      return daemons;
    });
    await Promise.all(groups.map((daemons) => daemons.next()));
    const connectSeconds = (performance.now() - beganMs) / 1_000;
    // Until the last of them beats like all others.
    await pause(HEARTBEAT_MS);
    let residentMiB = 0;
    const coreShare = await coreShareOver(hub.pid, seconds, () => {
      residentMiB = Math.max(residentMiB, residentMiBOf(hub.pid));
    });
    const dead = new Set<unknown>();
    const dying = Math.max(1, Math.round((machines * DYING_SHARE) / PROCESSES / 2));
    for (const daemons of groups) {
      for (const order of ["kill", "hang"]) {
        const fact = await daemons.ask(`${order} ${dying}`);
        if (fact.fact === "gone") for (const nodeId of fact.nodeIds) dead.add(nodeId);
      }
    }
    const healths = async () =>
      store.read({ sql: "SELECT node_id, health_state FROM runtime_node_presence", parameters: [] });
    const missedOf = (rows: Awaited<ReturnType<typeof healths>>): number =>
      rows.filter((row) => dead.has(row["node_id"]) && row["health_state"] !== "offline").length;
    let rows = await healths();
    for (const untilMs = performance.now() + OFFLINE_LIMIT_MS; missedOf(rows) > 0 && performance.now() < untilMs; ) {
      await pause(1_000);
      rows = await healths();
    }
    const trouble: Record<string, number> = {};
    for (const daemons of groups) {
      const fact = await daemons.ask("trouble");
      if (fact.fact !== "trouble") continue;
      for (const [code, count] of Object.entries(fact.codes)) trouble[code] = (trouble[code] ?? 0) + count;
    }
    return {
      database: database.name,
      machines,
      connectSeconds,
      coreShare,
      idleCoreShare,
      residentMiB,
      dead: dead.size,
      missed: missedOf(rows),
      wronged: rows.filter((row) => !dead.has(row["node_id"]) && row["health_state"] !== "online").length,
      trouble,
    };
  } finally {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  }
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean" },
      machines: { type: "string", default: String(MACHINES) },
      seconds: { type: "string", default: String(SECONDS) },
      rounds: { type: "string" },
      postgres: { type: "boolean", default: true },
    },
    allowNegative: true,
  });
  const sizes = { machines: Number(values.machines), seconds: Number(values.seconds) };
  const wanted: readonly DatabaseName[] = values.postgres ? ["SQLite", "PostgreSQL"] : ["SQLite"];
  const reports: UplinksReport[] = [];
  for (const database of await openDatabases((line) => console.error(line), wanted)) {
    try {
      reports.push(await measure(database, sizes));
    } finally {
      await database.stop();
    }
  }
  if (values.json === true) {
    const targets = { coreShare: TARGET_CORE_SHARE, residentMiB: TARGET_RESIDENT_MIB, missed: 0, wronged: 0 };
    console.log(JSON.stringify({ reports, targets }));
    return;
  }
  console.log(
    `target: ${TARGET_CORE_SHARE * 100} % of a core, ${TARGET_RESIDENT_MIB} MiB, none missed and none wronged`,
  );
  console.table(
    reports.map(({ trouble, ...report }) => ({
      database: report.database,
      machines: report.machines,
      "connected in s": Number(report.connectSeconds.toFixed(1)),
      "% of a core": Number((report.coreShare * 100).toFixed(1)),
      "% idle": Number((report.idleCoreShare * 100).toFixed(1)),
      MiB: Math.round(report.residentMiB),
      dead: report.dead,
      missed: report.missed,
      wronged: report.wronged,
      trouble: JSON.stringify(trouble),
    })),
  );
}

if (import.meta.main) await main(process.argv.slice(2));
