// States that decisions are made on, with the stream version each was read at. Loaded from the projections in one
// read transaction, kept in a bounded cache, and proven by a version guard inside every append, so that a stale entry
// can cost a retry but never a wrong decision.
import type {
  ApprovalRequestId,
  MessageId,
  NodeId,
  ProjectId,
  RuntimeMode,
  SessionId,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import type { ProjectState, ThreadState } from "@muster/core";
import type { Guard, Row, Store } from "@muster/store";
import { knownEvent } from "./event-log.ts";
import { type ReadEvent, readEvent as readEventOfToday } from "./event-reader.ts";
import { inDialect, query } from "./placeholders.ts";

/** Streams whose state is kept in memory. A state is small: about 1 KiB. */
export const CACHED_STREAMS_MAX = 20_000;

export interface Versioned<State> {
  readonly version: number;
  readonly state: State | null;
}

export type StreamKey = `${string}/project/${string}` | `${string}/thread/${string}`;
export const projectKey = (spaceId: SpaceId, projectId: ProjectId): StreamKey => `${spaceId}/project/${projectId}`;
export const threadKey = (spaceId: SpaceId, threadId: ThreadId): StreamKey => `${spaceId}/thread/${threadId}`;

/** Least recently used entries fall out. */
export class StateCache {
  readonly #entries = new Map<StreamKey, Versioned<ProjectState | ThreadState>>();

  get<State extends ProjectState | ThreadState>(key: StreamKey): Versioned<State> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry as Versioned<State>;
  }

  set(key: StreamKey, entry: Versioned<ProjectState | ThreadState>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > CACHED_STREAMS_MAX) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
  }

  /** Rows were made anew: what was read from the old ones may be wrong. */
  clear(): void {
    this.#entries.clear();
  }

  drop(key: StreamKey): void {
    this.#entries.delete(key);
  }
}

const VERSION_OF =
  "SELECT coalesce(max(stream_version), 0) AS version FROM orchestration_events WHERE space_id = ? AND aggregate_kind = ? AND stream_id = ?";

/** What must still be the newest version of each stream when the append holds its lock. */
export function versionGuards(
  dialect: Store["dialect"],
  spaceId: SpaceId,
  streams: readonly { readonly kind: "project" | "thread"; readonly id: string; readonly version: number }[],
): Guard[] {
  return streams.map(({ kind, id, version }) => ({
    query: { sql: inDialect(dialect, VERSION_OF), parameters: [spaceId, kind, id] },
    expected: [{ version }],
  }));
}

export async function loadProject(
  store: Store,
  spaceId: SpaceId,
  projectId: ProjectId,
): Promise<Versioned<ProjectState>> {
  const [versions, projects] = await store.readTransaction([
    query(store.dialect, VERSION_OF, spaceId, "project", projectId),
    query(
      store.dialect,
      "SELECT session_id, node_id, workspace_root, deleted_at FROM projection_projects WHERE space_id = ? AND project_id = ?",
      spaceId,
      projectId,
    ),
  ]);
  const row = projects?.[0];
  return {
    version: Number(versions?.[0]?.["version"] ?? 0),
    state:
      row === undefined
        ? null
        : {
            sessionId: row["session_id"] as SessionId,
            nodeId: row["node_id"] as NodeId,
            workspaceRoot: String(row["workspace_root"]),
            isDeleted: row["deleted_at"] !== null,
          },
  };
}

const THREAD_QUERIES = [
  "SELECT project_id, provider, model, runtime_mode, archived_at, deleted_at, latest_turn_id FROM projection_threads WHERE space_id = ? AND thread_id = ?",
  `SELECT turn_id, turn_count, status, queue_position, model, effort, user_message_id FROM projection_thread_turns
   WHERE space_id = ? AND thread_id = ? AND status IN ('queued', 'running') ORDER BY queue_position`,
  "SELECT coalesce(max(turn_count), 0) AS turn_count FROM projection_thread_turns WHERE space_id = ? AND thread_id = ?",
  "SELECT request_id, turn_id FROM projection_pending_approvals WHERE space_id = ? AND thread_id = ? AND status = 'pending' ORDER BY request_id",
  `SELECT m.message_id, m.turn_id, m.text, m.is_streaming FROM projection_thread_turns u
   JOIN projection_thread_messages m ON m.space_id = u.space_id AND m.thread_id = u.thread_id AND m.turn_id = u.turn_id
   WHERE u.space_id = ? AND u.thread_id = ? AND u.status = 'running' AND m.role = 'assistant' ORDER BY m.message_id`,
] as const;

/**
 * The newest events that may tell of a revert. A name that an event had before belongs here too. The kind of the aggregate
 * is left out, which the types say: with it SQLite takes the index of the stream and walks through the whole thread.
 */
const REVERTS = `SELECT * FROM orchestration_events WHERE space_id = ? AND stream_id = ?
  AND event_type IN ('thread.checkpoint-revert-requested', 'thread.reverted') AND sequence < ? ORDER BY sequence DESC LIMIT ?`;
const REVERTS_PAGE = 4;

export async function loadThread(
  store: Store,
  spaceId: SpaceId,
  threadId: ThreadId,
  readEvent: ReadEvent = readEventOfToday,
): Promise<Versioned<ThreadState>> {
  const versionQuery = { sql: inDialect(store.dialect, VERSION_OF), parameters: [spaceId, "thread", threadId] };
  const [first] = THREAD_QUERIES;
  // Most threads that are looked for and not cached are about to be created.
  const [known, found] = await store.readTransaction([
    versionQuery,
    { sql: inDialect(store.dialect, first), parameters: [spaceId, threadId] },
  ]);
  if (found?.length === 0) return { version: Number(known?.[0]?.["version"] ?? 0), state: null };
  const [versions, threads, turns, counts, approvals, messages, reverts] = await store.readTransaction([
    versionQuery,
    ...THREAD_QUERIES.map((sql) => ({ sql: inDialect(store.dialect, sql), parameters: [spaceId, threadId] })),
    query(store.dialect, REVERTS, spaceId, threadId, Number.MAX_SAFE_INTEGER, REVERTS_PAGE),
  ]);
  const version = Number(versions?.[0]?.["version"] ?? 0);
  const row = threads?.[0];
  if (row === undefined) return { version, state: null };
  const running = turns?.find((turn) => turn["status"] === "running");
  return {
    version,
    state: {
      projectId: row["project_id"] as ProjectId,
      provider: String(row["provider"]),
      model: row["model"] as string | null,
      runtimeMode: row["runtime_mode"] as RuntimeMode,
      isArchived: row["archived_at"] !== null,
      isDeleted: row["deleted_at"] !== null,
      turnCount: Number(counts?.[0]?.["turn_count"] ?? 0),
      latestTurnId: row["latest_turn_id"] as TurnId | null,
      running:
        running === undefined
          ? null
          : { turnId: running["turn_id"] as TurnId, turnCount: Number(running["turn_count"]) },
      queue: (turns ?? []).filter((turn) => turn["status"] === "queued").map(queuedTurnOf),
      pendingApprovals: (approvals ?? []).map((approval) => ({
        requestId: approval["request_id"] as ApprovalRequestId,
        turnId: approval["turn_id"] as TurnId,
      })),
      messages: (messages ?? []).map((message) => ({
        messageId: message["message_id"] as MessageId,
        turnId: message["turn_id"] as TurnId,
        length: String(message["text"]).length,
        isStreaming: Number(message["is_streaming"]) === 1,
      })),
      reverting: await openRevert(store, { spaceId, threadId, readEvent }, reverts ?? []),
    },
  };
}

interface RevertSearch {
  readonly spaceId: SpaceId;
  readonly threadId: ThreadId;
  readonly readEvent: ReadEvent;
}

/** The revert that the newest of the two events left open. One that cannot be read counts as little as for projectors. */
async function openRevert(
  store: Store,
  search: RevertSearch,
  newest: readonly Row[],
): Promise<ThreadState["reverting"]> {
  const { spaceId, threadId, readEvent } = search;
  for (let rows = newest; rows.length > 0; ) {
    for (const row of rows) {
      const event = knownEvent(readEvent(row));
      if (event?.eventType === "thread.reverted") return null;
      if (event?.eventType === "thread.checkpoint-revert-requested")
        return { turnCount: event.payload.turnCount, mode: event.payload.mode };
    }
    const oldest = Number(rows.at(-1)?.["sequence"]);
    rows = await store.read(query(store.dialect, REVERTS, spaceId, threadId, oldest, REVERTS_PAGE));
  }
  return null;
}

const queuedTurnOf = (row: Row): ThreadState["queue"][number] => ({
  turnId: row["turn_id"] as TurnId,
  messageId: row["user_message_id"] as MessageId,
  model: row["model"] as string | null,
  effort: row["effort"] as string | null,
  position: Number(row["queue_position"]),
});
