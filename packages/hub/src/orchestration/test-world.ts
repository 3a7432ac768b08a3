// An event core for tests: a real database of either kind with the hub's schema, a space with people and an attached
// node, a clock and alarms that stand until they are moved, ids and randomness from a seed, and nodes that only write
// down what they are asked. It can be opened again on the same database, as a process that starts anew.

import type {
  ClientCommand,
  DispatchResult,
  EffectBody,
  ErrorBody,
  InternalCommand,
  JournalId,
  NodeId,
  NodeRequest,
  PrincipalId,
  ReceivedEntry,
  Role,
  SessionId,
  SpaceId,
} from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type Clock, createIds, type Random } from "@muster/core";
import { entries, PATIENCE_MS } from "@muster/core/testing";
import { insertRows, type Row, type SqlValue, type Store } from "@muster/store";
import type { Caller, NodeConnections, NodeIdentity, Orchestration } from "../ports.ts";
import { HUB_COLUMNS, HUB_MIGRATIONS } from "../schema/index.ts";
import {
  counted,
  type Database,
  GENERATION,
  inDialect,
  isAtRest,
  openTestDatabase,
  type TestDatabase,
  undeclaredRows,
} from "../schema/test-databases.ts";
import { type OrchestrationOptions, openOrchestration } from "./orchestration.ts";
import { PREPARER } from "./prepare.ts";
import type { Timers } from "./timers.ts";

export { DATABASES, onBothDatabases } from "../schema/test-databases.ts";
export { GENERATION };
export const START = Date.parse("2026-01-01T00:00:00.000Z");
const AT = "2026-01-01T00:00:00.000Z";

/** Stands until it is moved; alarms ring when it passes them. */
export class TestTime implements Clock, Timers {
  #now = START;
  readonly #alarms = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const alarm = { at: this.#now + milliseconds, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  get alarms(): readonly number[] {
    return [...this.#alarms].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const alarm of [...this.#alarms]) {
      if (alarm.at > this.#now || !this.#alarms.delete(alarm)) continue;
      alarm.callback();
    }
  }
}

/** The same bytes for the same seed (xorshift). */
export const seededRandom = (seed: number): Random => {
  let state = seed | 1;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index += 1) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        bytes[index] = state & 0xff;
      }
      return bytes;
    },
  };
};

export interface EffectRun {
  readonly nodeId: string;
  readonly effectId: string;
  readonly fence: number;
  readonly effect: EffectBody;
  readonly traceparent?: string;
}

/** Nodes at the level of the port: they take effects and answer nothing by themselves. */
export class RecordingNodes implements NodeConnections {
  readonly connected = new Set<string>(["node"]);
  /** The connection of all of them; it may be no longer the newest. */
  connectionId: string | null = null;
  readonly runs: EffectRun[] = [];
  readonly requests: NodeRequest[] = [];
  answer: (request: NodeRequest) => Promise<unknown> = () => Promise.reject(new MusterError("node_offline"));
  /** What a node does at the moment it gets an effect. */
  onRun: (run: EffectRun) => boolean = () => true;

  isConnected(_spaceId: SpaceId, nodeId: NodeId, connectionId?: string): boolean {
    return this.connected.has(nodeId) && (this.connectionId ?? connectionId) === connectionId;
  }

  runEffect(
    _spaceId: SpaceId,
    nodeId: NodeId,
    effect: { effectId: string; fence: number; effect: EffectBody; traceparent?: string },
  ): boolean {
    if (!this.connected.has(nodeId)) return false;
    const run = { nodeId, ...effect };
    this.runs.push(run);
    return this.onRun(run);
  }

  request(_spaceId: SpaceId, nodeId: NodeId, request: NodeRequest): Promise<unknown> {
    if (!this.connected.has(nodeId)) return Promise.reject(new MusterError("node_offline"));
    this.requests.push(request);
    return this.answer(request);
  }

  get kinds(): string[] {
    return this.runs.map((run) => run.effect.kind);
  }
}

export const callerOf = (name: string, roles: Readonly<Record<string, Role>>, spaceId = "space"): Caller => ({
  spaceId: spaceId as SpaceId,
  principalId: name as PrincipalId,
  principalKind: "human",
  displayName: name,
  roles: new Map(Object.entries(roles).map(([session, role]) => [session as SessionId, role])),
  archivedSessions: new Set(),
  defaultSessionId: "session" as SessionId,
  scope: "full",
  tokenId: `token-of-${name}`,
});

export const OWNER = callerOf("owner", { session: "owner" });
export const COLLABORATOR = callerOf("collaborator", { session: "collaborator" });
export const VIEWER = callerOf("viewer", { session: "viewer" });
/** Of the same space, in another session. */
export const STRANGER = callerOf("stranger", { "other-session": "owner" });

export const nodeIdentity = (nodeId = "node", spaceId = "space"): NodeIdentity => ({
  spaceId: spaceId as SpaceId,
  nodeId: nodeId as NodeId,
  epoch: 1,
  connectionId: "connection",
});

export interface WorldOptions {
  /** Default: that of the surrounding `onBothDatabases`, else SQLite. */
  readonly database?: Database;
  /** Of SQLite: in a file that can be opened again, and by a second process. Default: in memory. */
  readonly isFile?: boolean;
  /** Of such a file: opened with the threads of a hub. */
  readonly hasThreads?: boolean;
  readonly seed?: number;
  /** Puts something between the event core and its store. */
  readonly wrapStore?: (store: Store) => Store;
  /** Of every event core that is opened in it. */
  readonly core?: Partial<OrchestrationOptions>;
}

export class World {
  readonly time = new TestTime();
  readonly nodes = new RecordingNodes();
  readonly bugs: unknown[] = [];
  readonly journalId = "journal" as JournalId;
  readonly #options: WorldOptions;
  readonly #database: TestDatabase;
  readonly #random: Random;
  readonly #opened: { orchestration: Orchestration; store: Store }[] = [];
  store!: Store;
  orchestration!: Orchestration;

  constructor(options: WorldOptions, database: TestDatabase) {
    this.#options = options;
    this.#database = database;
    this.#random = seededRandom(options.seed ?? 1);
  }

  async open(): Promise<this> {
    this.store = await this.#openStore();
    await this.store.migrate(HUB_MIGRATIONS, { appliedAt: AT, generation: GENERATION });
    await seed(this.store);
    this.orchestration = await this.openOn(this.store);
    return this;
  }

  /** An event core over the store, with this world's clock, nodes and chance. */
  async openOn(store: Store, options: Partial<OrchestrationOptions> = {}): Promise<Orchestration> {
    const orchestration = await openOrchestration({
      store,
      clock: this.time,
      timers: this.time,
      ids: createIds(this.time, this.#random),
      random: this.#random,
      generation: GENERATION,
      connections: this.nodes,
      hubPrincipalId: "hub" as PrincipalId,
      replicaId: "replica",
      onBug: (error) => this.bugs.push(error),
      ...this.#options.core,
      ...options,
    });
    this.#opened.push({ orchestration, store });
    return orchestration;
  }

  /** A second event core on the same database, as another process would be. */
  async another(options: Partial<OrchestrationOptions> = {}): Promise<{ orchestration: Orchestration; store: Store }> {
    const store = await this.#openStore();
    return { orchestration: await this.openOn(store, { replicaId: "another", ...options }), store };
  }

  /** Forgets the running event core without a word to it and starts a new one on the same database. */
  async restart(): Promise<void> {
    await this.store.close();
    this.store = await this.#openStore();
    this.orchestration = await this.openOn(this.store);
  }

  async close(): Promise<void> {
    for (const { orchestration, store } of this.#opened.reverse()) {
      await orchestration.close();
      await store.close();
    }
    await this.#database.dispose();
    const wrong = undeclaredRows.splice(0);
    if (wrong.length > 0) throw new Error(`rows that no statement declares (ORC-14): ${wrong[0]}`);
  }

  dispatch(command: ClientCommand, caller: Caller = OWNER): Promise<DispatchResult> {
    return this.orchestration.dispatch(caller, command);
  }

  /** Dispatches and gives the code of the refusal; fails when it is accepted. */
  async refusal(command: ClientCommand, caller: Caller = OWNER): Promise<string> {
    return refusalOf(this.dispatch(command, caller));
  }

  async ingest(
    firstSequence: number,
    commands: readonly InternalCommand[],
    node: NodeIdentity = nodeIdentity(),
  ): Promise<{ lastSequence: number; error?: ErrorBody }> {
    return this.ingestEntries(firstSequence, entries(firstSequence, commands), node);
  }

  ingestEntries(
    firstSequence: number,
    list: readonly ReceivedEntry[],
    node: NodeIdentity = nodeIdentity(),
  ): Promise<{ lastSequence: number; error?: ErrorBody }> {
    return this.orchestration.ingest(node, { journalId: this.journalId, firstSequence, entries: list });
  }

  /** Rows of a query past the event core; parameters are `?` in either dialect. Whoever asks may know what they are. */
  rows<Found extends object = Row>(sql: string, ...parameters: readonly SqlValue[]): Promise<readonly Found[]> {
    return this.store.read<Found>({ sql: inDialect(this.store.dialect, sql), parameters });
  }

  /** Runs a statement past the event core; parameters are `?` in either dialect. */
  async run(sql: string, ...parameters: readonly SqlValue[]): Promise<void> {
    const statement = { sql: inDialect(this.store.dialect, sql), parameters };
    await this.store.commit({ guards: [], statements: [statement] });
  }

  async eventTypes(streamId = "thread"): Promise<string[]> {
    const rows = await this.rows(
      "SELECT event_type FROM orchestration_events WHERE stream_id = ? ORDER BY sequence",
      streamId,
    );
    return rows.map((row) => String(row["event_type"]));
  }

  async #openStore(): Promise<Store> {
    const store = counted(await this.#database.open());
    return this.#options.wrapStore?.(store) ?? store;
  }
}

export const openWorld = async (options: WorldOptions = {}): Promise<World> => {
  const database = await openTestDatabase(options.database, options.isFile, options.hasThreads ? PREPARER : undefined);
  return new World(options, database).open();
};

/** The code a promise is refused with; throws when it is not. */
export const refusalOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MusterError) return error.code;
    throw error;
  }
  throw new Error("it was accepted");
};

/** Turns of the event loop between looks at a condition; later ones leave the processor to those it depends on. */
const EAGER_TURNS = 100;
const PAUSE_MS = 2;

const turnOfLoop = (turn: number): Promise<void> =>
  new Promise((resolve) => {
    if (turn < EAGER_TURNS) setImmediate(resolve);
    else setTimeout(resolve, PAUSE_MS);
  });

/** Looks until the condition holds. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + PATIENCE_MS;
  for (let turn = 0; performance.now() < end; turn += 1) {
    if (await condition()) return;
    await turnOfLoop(turn);
  }
  throw new Error("the condition never came true");
};

/** What was set going has come to rest when no store has had anything to do for so many turns of the event loop. */
const QUIET_TURNS = 25;

/** Lets everything that was set going come to rest, calls to stores included, however long they take. */
export const settled = async (): Promise<void> => {
  const end = performance.now() + PATIENCE_MS;
  for (let quiet = 0, turn = 0; quiet < QUIET_TURNS; turn += 1) {
    if (performance.now() > end) throw new Error("a store never came to rest");
    quiet = isAtRest() ? quiet + 1 : 0;
    await turnOfLoop(isAtRest() ? 0 : turn);
  }
};

/** Two sessions with an owner each, in two spaces, and a node attached to the first of either. */
async function seed(store: Store): Promise<void> {
  for (const space of ["space", "other-space"]) {
    const insert = (table: keyof typeof HUB_COLUMNS, ...rows: SqlValue[][]) =>
      insertRows(store.dialect, table, HUB_COLUMNS[table], rows);
    await store.commit({
      guards: [],
      statements: [
        ...insert("spaces", [space, "A space", null, AT]),
        ...insert(
          "principals",
          ...["owner", "collaborator", "viewer", "stranger"].map((name) => [space, name, "human", name, AT, null]),
        ),
        ...insert(
          "sessions",
          [space, "session", "Session", "active", null, AT, AT],
          [space, "other-session", "Other", "active", null, AT, AT],
        ),
        ...insert(
          "session_memberships",
          ...["owner", "collaborator", "viewer"].map((role) => [space, "session", role, role, "active", AT, AT]),
          [space, "other-session", "stranger", "owner", "active", AT, AT],
        ),
        ...attachedNode(store, space, "node", "session"),
        ...attachedNode(store, space, "other-node", "session"),
        ...attachedNode(store, space, "strange-node", "other-session"),
      ],
    });
  }
}

function attachedNode(store: Store, space: string, nodeId: string, sessionId: string) {
  const insert = (table: keyof typeof HUB_COLUMNS, row: SqlValue[]) =>
    insertRows(store.dialect, table, HUB_COLUMNS[table], [row]);
  const capabilities = { workspaceRoots: ["/work"], providers: [{ name: "sample" }, { name: "other" }] };
  const owner = sessionId === "session" ? "owner" : "stranger";
  return [
    ...insert("nodes", [space, nodeId, owner, `key of ${nodeId}`, "[]", null, 1, "process", AT]),
    ...insert("runtime_node_attachments", [
      space,
      `attachment-${nodeId}`,
      sessionId,
      owner,
      nodeId,
      JSON.stringify(capabilities),
      "1.0",
      "online",
      1,
      AT,
      null,
      null,
    ]),
    ...insert("runtime_node_presence", [space, nodeId, "connection", AT, "online"]),
  ];
}
