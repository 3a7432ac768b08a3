// The hub's event core on a new database, with a project on a node that is attached and away; how fast it takes the
// commands of many clients, and what each command wrote, for the loops that replay the same writes.
import type { SQLInputValue } from "node:sqlite";
import { createIds } from "@muster/core";
import { type Batch, insertRows, type Store } from "@muster/store";
import { AT, type Database } from "./databases.ts";
import { clock, createProject, random, scriptsOf } from "./dispatch-mix.ts";
import { HUB_COLUMNS, type Orchestration, openOrchestration } from "./hub-doors.ts";
import type { CapturedCommand, LoopResult, Write } from "./replay-loop.ts";
import { drive, latencyOf } from "./statistics.ts";

export const CALLER = {
  spaceId: "space",
  principalId: "owner",
  principalKind: "human",
  displayName: "Owner",
  roles: new Map([["session", "owner"]]),
  archivedSessions: new Set(),
  defaultSessionId: "session",
  scope: "full",
  tokenId: "token",
};

/** What a replica needs in its database before the first command: a space, its owner, a session, a node. */
export async function seedSpace(store: Store, presence: "online" | "offline" = "online"): Promise<void> {
  const insert = (table: string, row: (string | number | null)[]) =>
    insertRows(store.dialect, table, HUB_COLUMNS[table] ?? [], [row]);
  const attachment = ["space", "attachment", "session", "owner", "node", "{}", "1.0", presence, 1, AT, null, null];
  await store.commit({
    guards: [],
    statements: [
      ...insert("spaces", ["space", "A space", null, AT]),
      ...insert("principals", ["space", "owner", "human", "Owner", AT, null]),
      ...insert("sessions", ["space", "session", "Session", "active", null, AT, AT]),
      ...insert("session_memberships", ["space", "session", "owner", "owner", "active", AT, AT]),
      ...insert("nodes", ["space", "node", "owner", "key", "[]", null, 1, "process", AT]),
      ...insert("runtime_node_attachments", attachment),
      ...insert("runtime_node_presence", ["space", "node", null, AT, presence]),
    ],
  });
}

export interface OpenedCore {
  readonly orchestration: Orchestration;
  readonly store: Store;
  /** Path of the file, or name of the schema. */
  readonly place: string;
  readonly close: () => Promise<void>;
}

type Watch = (batch: Batch, changes: readonly number[], first: number) => void;

/** With a node that is attached and away. */
export const openOrchestrationOn = (store: Store, more: object = {}): Promise<Orchestration> =>
  openOrchestration({
    store,
    clock,
    ids: createIds(clock, random),
    random,
    generation: "bench",
    connections: { isConnected: () => false, runEffect: () => false, request: () => Promise.reject(new Error("away")) },
    hubPrincipalId: "hub",
    replicaId: "bench",
    onBug: (error: unknown) => {
      throw error;
    },
    ...more,
  });

/** @param watch told of every batch that was committed after the project was made */
export async function openCore(database: Database, watch: Watch): Promise<OpenedCore> {
  const { store, place, dispose } = await database.open();
  await seedSpace(store);
  let isWatched = false;
  const commit = store.commit.bind(store);
  store.commit = async (batch) => {
    const result = await commit(batch);
    if (isWatched && result.status === "committed") watch(batch, result.changes, result.firstAllocated);
    return result;
  };
  const orchestration = await openOrchestrationOn(store);
  await orchestration.dispatch(CALLER, createProject("session"));
  isWatched = true;
  const close = async (): Promise<void> => {
    await orchestration.close();
    await dispose();
  };
  return { orchestration, store, place, close };
}

/** Dispatches so many commands from so many clients; each waits for its answer before it sends the next. */
export async function dispatchAll(database: Database, clients: number, commands: number): Promise<LoopResult> {
  let commits = 0;
  const { orchestration, close } = await openCore(database, () => {
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
export async function capture(database: Database, clients: number, commands: number): Promise<CapturedCommand[][]> {
  let last: CapturedCommand | null = null;
  const { orchestration, close } = await openCore(database, (batch, changes, first) => {
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
