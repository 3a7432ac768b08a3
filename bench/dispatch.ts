// How fast commands are dispatched in process, with 1 and with 64 clients of one command in flight each, on a file with
// full syncs; beside a bare loop that makes the same writes (replay-loop.ts). Both write the same rows of the same
// commands, take turns several times, and the medians are told.
//
// The mix stands in dispatch-mix.ts. Its node is away, so effects are written and not handed over; no feed is open.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SQLInputValue } from "node:sqlite";
import { parseArgs } from "node:util";
import type { ClientCommand, DispatchResult } from "@muster/contracts";
import { createIds } from "@muster/core";
import { type Batch, insertRows, openSqliteStore, type Store } from "@muster/store";
import { COMMANDS_PER_CYCLE, clock, createProject, random, scriptsOf } from "./dispatch-mix.ts";
import { type CapturedCommand, type LoopResult, replay, type Write } from "./replay-loop.ts";
import { drive, latencyOf, median } from "./statistics.ts";

/** What is measured, loaded by the doors of its folders. */
interface Orchestration {
  dispatch(caller: object, command: ClientCommand): Promise<DispatchResult>;
  close(): Promise<void>;
}
interface OrchestrationDoor {
  openOrchestration(options: object): Promise<Orchestration>;
}
interface SchemaDoor {
  readonly HUB_MIGRATIONS: Parameters<Store["migrate"]>[0];
  readonly HUB_COLUMNS: Readonly<Record<string, readonly string[]>>;
}
const load = (folder: string) => import(new URL(`../packages/hub/src/${folder}/index.ts`, import.meta.url).href);
const { openOrchestration }: OrchestrationDoor = await load("orchestration");
const { HUB_MIGRATIONS, HUB_COLUMNS }: SchemaDoor = await load("schema");

const CLIENTS = [1, 64];
const WARM_UP_COMMANDS = 2_000;
const AT = "2026-01-01T00:00:00.000Z";

const CALLER = {
  spaceId: "space",
  principalId: "owner",
  principalKind: "human",
  displayName: "Owner",
  roles: new Map([["session", "owner"]]),
  defaultSessionId: "session",
};

interface Opened {
  readonly orchestration: Orchestration;
  readonly close: () => Promise<void>;
}

/** A hub's event core on a new file, with a project on a node that is attached and away. */
async function open(watch?: (batch: Batch, changes: readonly number[], first: number) => void): Promise<Opened> {
  const directory = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const store = await openSqliteStore({ path: join(directory, "hub.db") });
  await store.migrate(HUB_MIGRATIONS, { appliedAt: AT, generation: "bench" });
  const insert = (table: string, row: (string | number | null)[]) =>
    insertRows("sqlite", table, HUB_COLUMNS[table] ?? [], [row]);
  const attachment = ["space", "attachment", "session", "owner", "node", "{}", "1.0", "online", 1, AT, null, null];
  await store.commit({
    guards: [],
    statements: [
      ...insert("spaces", ["space", "A space", null, AT]),
      ...insert("principals", ["space", "owner", "human", "Owner", AT, null]),
      ...insert("sessions", ["space", "session", "Session", "active", null, AT, AT]),
      ...insert("runtime_node_attachments", attachment),
      ...insert("runtime_node_presence", ["space", "node", null, AT, "online"]),
    ],
  });
  const commit = store.commit.bind(store);
  if (watch !== undefined) {
    store.commit = async (batch) => {
      const result = await commit(batch);
      if (result.status === "committed") watch(batch, result.changes, result.firstAllocated);
      return result;
    };
  }
  const ids = createIds(clock, random);
  const orchestration = await openOrchestration({
    store,
    clock,
    ids,
    random,
    generation: "bench",
    connections: { isConnected: () => false, runEffect: () => false, request: () => Promise.reject(new Error("away")) },
    hubPrincipalId: "hub",
    replicaId: "bench",
    onBug: (error: unknown) => {
      throw error;
    },
  });
  await orchestration.dispatch(CALLER, createProject("session"));
  const close = async (): Promise<void> => {
    await orchestration.close();
    await store.close();
    rmSync(directory, { recursive: true });
  };
  return { orchestration, close };
}

/** Dispatches so many commands from so many clients; each waits for its answer before it sends the next. */
export async function dispatchAll(clients: number, commands: number): Promise<LoopResult> {
  let commits = 0;
  const { orchestration, close } = await open(() => {
    commits += 1;
  });
  const scripts = scriptsOf(clients, commands);
  const durations: number[] = [];
  const began = performance.now();
  await drive(clients, async (client, turn) => {
    const command = scripts[client]?.[turn];
    if (command === undefined) return false;
    const sent = performance.now();
    await orchestration.dispatch(CALLER, command);
    durations.push(performance.now() - sent);
    return true;
  });
  const seconds = (performance.now() - began) / 1_000;
  await close();
  return { commandsPerSecond: durations.length / seconds, latencyMs: latencyOf(durations), commits };
}

/** What each command of the mix writes, from a real run of one command at a time. */
async function capture(clients: number, commands: number): Promise<CapturedCommand[][]> {
  let last: CapturedCommand | null = null;
  const { orchestration, close } = await open((batch, changes, first) => {
    last = capturedOf(batch, changes, first);
  });
  const scripts = scriptsOf(clients, commands);
  const captured: CapturedCommand[][] = scripts.map(() => []);
  for (let turn = 0; turn < Math.floor(commands / clients); turn += 1) {
    for (const [client, script] of scripts.entries()) {
      const command = script[turn];
      if (command !== undefined) await orchestration.dispatch(CALLER, command);
      if (last === null) throw new Error("a command without a commit");
      captured[client]?.push(last);
    }
  }
  await close();
  return captured;
}

const PLAIN_INSERT = /^INSERT INTO "(\w+)" \(([^)]*)\) VALUES [^)]*\)(?:, \([^)]*\))*$/;

/** A batch of one command taken apart. The projectors' cursors are one statement of a commit and count as no row. */
function capturedOf(batch: Batch, changes: readonly number[], first: number): CapturedCommand {
  const inserts: { table: string; columns: string; rows: Write["values"][] }[] = [];
  const others: Write[] = [];
  let cursors: Write | null = null;
  let rowCount = 0;
  for (const [index, { sql, parameters }] of batch.statements.entries()) {
    const values = parameters.map((value): SQLInputValue => {
      return typeof value === "object" && value !== null && "allocated" in value ? first + value.allocated : value;
    });
    if (sql.includes("projection_state")) {
      cursors = { sql, values };
      continue;
    }
    rowCount += changes[index] ?? 0;
    const plain = PLAIN_INSERT.exec(sql);
    if (plain === null) {
      others.push({ sql, values });
      continue;
    }
    const [, table = "", columns = ""] = plain;
    const width = columns.split(",").length;
    const rows = Array.from({ length: values.length / width }, (_one, row) =>
      values.slice(row * width, (row + 1) * width),
    );
    inserts.push({ table, columns, rows });
  }
  return { inserts, others, cursors, rowCount };
}

const SCHEMA = HUB_MIGRATIONS.migrations.flatMap((migration) => migration.sqlite);
/** As the store opens a file. */
const PRAGMAS = `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY`;

export interface DispatchReport {
  readonly clients: number;
  readonly commands: number;
  readonly rowsPerCommand: number;
  readonly dispatch: LoopResult & { readonly rowsPerSecond: number };
  readonly loop: LoopResult & { readonly rowsPerSecond: number };
  /** Rows per second of the dispatcher over those of the bare loop. */
  readonly ratio: number;
}

const middle = (results: readonly LoopResult[], rowsPerCommand: number): DispatchReport["dispatch"] => {
  const commandsPerSecond = median(results.map((result) => result.commandsPerSecond));
  return {
    commandsPerSecond,
    rowsPerSecond: commandsPerSecond * rowsPerCommand,
    latencyMs: {
      p50: median(results.map((result) => result.latencyMs.p50)),
      p99: median(results.map((result) => result.latencyMs.p99)),
    },
    commits: median(results.map((result) => result.commits)),
  };
};

/** @param options.seconds about how long one run lasts */
export async function benchDispatch(options: { seconds: number; rounds: number }): Promise<DispatchReport[]> {
  const reports: DispatchReport[] = [];
  for (const clients of CLIENTS) {
    const trial = await dispatchAll(clients, WARM_UP_COMMANDS);
    const commands =
      Math.ceil((trial.commandsPerSecond * options.seconds) / (COMMANDS_PER_CYCLE * clients)) *
      (COMMANDS_PER_CYCLE * clients);
    const captured = await capture(clients, commands);
    const rows = captured.flat().reduce((sum, command) => sum + command.rowCount, 0);
    const dispatched: LoopResult[] = [];
    const looped: LoopResult[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      dispatched.push(await dispatchAll(clients, commands));
      looped.push(await replay(captured, SCHEMA, PRAGMAS));
    }
    const rowsPerCommand = rows / commands;
    const dispatch = middle(dispatched, rowsPerCommand);
    const loop = middle(looped, rowsPerCommand);
    const ratio = median(
      dispatched.map((one, round) => one.commandsPerSecond / (looped[round]?.commandsPerSecond ?? 0)),
    );
    reports.push({ clients, commands, rowsPerCommand, dispatch, loop, ratio });
  }
  return reports;
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean" }, seconds: { type: "string" }, rounds: { type: "string" } },
  });
  const reports = await benchDispatch({ seconds: Number(values.seconds ?? 3), rounds: Number(values.rounds ?? 5) });
  if (values.json === true) {
    console.log(JSON.stringify(reports));
    return;
  }
  const row = (report: DispatchReport, name: string, one: DispatchReport["dispatch"]) => ({
    clients: report.clients,
    what: name,
    "commands/s": Math.round(one.commandsPerSecond),
    "rows/s": Math.round(one.rowsPerSecond),
    "p50 ms": Number(one.latencyMs.p50.toFixed(2)),
    "p99 ms": Number(one.latencyMs.p99.toFixed(2)),
    "commands/commit": Number((report.commands / one.commits).toFixed(1)),
    ratio: name === "dispatch" ? Number(report.ratio.toFixed(2)) : "",
  });
  console.table(reports.flatMap((one) => [row(one, "dispatch", one.dispatch), row(one, "bare loop", one.loop)]));
}

if (import.meta.main) await main(process.argv.slice(2));
