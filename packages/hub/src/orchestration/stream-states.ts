// States that decisions are made on, with the stream version each was read at. Loaded from the projections in one
// read transaction, kept in a bounded cache, and proven by a version guard inside every append, so that a stale entry
// can cost a retry but never a wrong decision.
import type { AggregateKind, ProjectId, SpaceId, ThreadId } from "@muster/contracts";
import type { ProjectState, ThreadState } from "@muster/core";
import { type Guard, integer, pick, type RowOf, required, type Store, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace, ofThread } from "../schema/index.ts";
import { type EventRow, knownEvent } from "./event-log.ts";
import { type ReadEvent, readEvent as readEventOfToday } from "./event-reader.ts";

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

const versionOf = select({
  request: { ...ofSpace, kind: text<AggregateKind>(), streamId: text() },
  row: { version: integer() },
  sql: `SELECT coalesce(max(stream_version), 0) AS version FROM orchestration_events
    WHERE space_id = :spaceId AND aggregate_kind = :kind AND stream_id = :streamId`,
});

/** What must still be the newest version of each stream when the append holds its lock. */
export function versionGuards(
  dialect: Store["dialect"],
  spaceId: SpaceId,
  streams: readonly { readonly kind: AggregateKind; readonly id: string; readonly version: number }[],
): Guard[] {
  return streams.map(({ kind, id, version }) => ({
    query: versionOf(dialect, { spaceId, kind, streamId: id }),
    expected: [{ version }],
  }));
}

const projectOf = select({
  request: { ...ofSpace, projectId: text<ProjectId>() },
  row: pick(HUB_TABLES.projection_projects, "session_id", "node_id", "workspace_root", "deleted_at"),
  sql: `SELECT session_id, node_id, workspace_root, deleted_at FROM projection_projects
    WHERE space_id = :spaceId AND project_id = :projectId`,
});

export async function loadProject(
  store: Store,
  spaceId: SpaceId,
  projectId: ProjectId,
): Promise<Versioned<ProjectState>> {
  const [[version], [row]] = await store.readTransaction([
    versionOf(store.dialect, { spaceId, kind: "project", streamId: projectId }),
    projectOf(store.dialect, { spaceId, projectId }),
  ]);
  return {
    version: version?.version ?? 0,
    state:
      row === undefined
        ? null
        : {
            sessionId: row.session_id,
            nodeId: row.node_id,
            workspaceRoot: row.workspace_root,
            isDeleted: row.deleted_at !== null,
          },
  };
}

const { projection_thread_messages: messageColumns } = HUB_TABLES;

const threadOf = select({
  request: ofThread,
  row: pick(
    HUB_TABLES.projection_threads,
    "project_id",
    "provider",
    "model",
    "runtime_mode",
    "archived_at",
    "deleted_at",
    "latest_turn_id",
  ),
  sql: `SELECT project_id, provider, model, runtime_mode, archived_at, deleted_at, latest_turn_id FROM projection_threads
    WHERE space_id = :spaceId AND thread_id = :threadId`,
});

const openTurn = pick(
  HUB_TABLES.projection_thread_turns,
  "turn_id",
  "turn_count",
  "status",
  "queue_position",
  "model",
  "effort",
  "user_message_id",
);

const openTurnsOf = select({
  request: ofThread,
  row: openTurn,
  sql: `SELECT turn_id, turn_count, status, queue_position, model, effort, user_message_id FROM projection_thread_turns
    WHERE space_id = :spaceId AND thread_id = :threadId AND status IN ('queued', 'running') ORDER BY queue_position`,
});

const turnCountOf = select({
  request: ofThread,
  row: { turn_count: integer() },
  sql: `SELECT coalesce(max(turn_count), 0) AS turn_count FROM projection_thread_turns
    WHERE space_id = :spaceId AND thread_id = :threadId`,
});

const openApprovalsOf = select({
  request: ofThread,
  row: pick(HUB_TABLES.projection_pending_approvals, "request_id", "turn_id"),
  sql: `SELECT request_id, turn_id FROM projection_pending_approvals
    WHERE space_id = :spaceId AND thread_id = :threadId AND status = 'pending' ORDER BY request_id`,
});

const runningMessagesOf = select({
  request: ofThread,
  row: {
    message_id: messageColumns.message_id,
    turn_id: required(messageColumns.turn_id),
    text: messageColumns.text,
    is_streaming: messageColumns.is_streaming,
  },
  sql: `SELECT m.message_id, m.turn_id, m.text, m.is_streaming FROM projection_thread_turns u
    JOIN projection_thread_messages m ON m.space_id = u.space_id AND m.thread_id = u.thread_id AND m.turn_id = u.turn_id
    WHERE u.space_id = :spaceId AND u.thread_id = :threadId AND u.status = 'running' AND m.role = 'assistant'
    ORDER BY m.message_id`,
});

/**
 * The newest events that may tell of a revert. A name that an event had before belongs here too. The kind of the aggregate
 * is left out, which the types say: with it SQLite takes the index of the stream and walks through the whole thread.
 */
const revertsOf = select({
  request: { ...ofThread, before: integer(), limit: integer() },
  row: HUB_TABLES.orchestration_events,
  sql: `SELECT * FROM orchestration_events WHERE space_id = :spaceId AND stream_id = :threadId
    AND event_type IN ('thread.checkpoint-revert-requested', 'thread.reverted') AND sequence < :before
    ORDER BY sequence DESC LIMIT :limit`,
});
const REVERTS_PAGE = 4;

export async function loadThread(
  store: Store,
  spaceId: SpaceId,
  threadId: ThreadId,
  readEvent: ReadEvent = readEventOfToday,
): Promise<Versioned<ThreadState>> {
  const { dialect } = store;
  const ids = { spaceId, threadId };
  const versionQuery = versionOf(dialect, { spaceId, kind: "thread", streamId: threadId });
  // Most threads that are looked for and not cached are about to be created.
  const [[known], [found]] = await store.readTransaction([versionQuery, threadOf(dialect, ids)]);
  if (found === undefined) return { version: known?.version ?? 0, state: null };
  const [[newest], [row], open, [counted], approvals, messages, reverts] = await store.readTransaction([
    versionQuery,
    threadOf(dialect, ids),
    openTurnsOf(dialect, ids),
    turnCountOf(dialect, ids),
    openApprovalsOf(dialect, ids),
    runningMessagesOf(dialect, ids),
    revertsOf(dialect, { ...ids, before: Number.MAX_SAFE_INTEGER, limit: REVERTS_PAGE }),
  ]);
  const version = newest?.version ?? 0;
  if (row === undefined) return { version, state: null };
  const running = open.find((turn) => turn.status === "running");
  return {
    version,
    state: {
      projectId: row.project_id,
      provider: row.provider,
      model: row.model,
      runtimeMode: row.runtime_mode,
      isArchived: row.archived_at !== null,
      isDeleted: row.deleted_at !== null,
      turnCount: counted?.turn_count ?? 0,
      latestTurnId: row.latest_turn_id,
      running: running === undefined ? null : { turnId: running.turn_id, turnCount: Number(running.turn_count) },
      queue: open.filter((turn) => turn.status === "queued").map(queuedTurnOf),
      pendingApprovals: approvals.map((approval) => ({ requestId: approval.request_id, turnId: approval.turn_id })),
      messages: messages.map((message) => ({
        messageId: message.message_id,
        turnId: message.turn_id,
        length: message.text.length,
        isStreaming: message.is_streaming === 1,
      })),
      reverting: await openRevert(store, { ...ids, readEvent }, reverts),
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
  newest: readonly EventRow[],
): Promise<ThreadState["reverting"]> {
  const { spaceId, threadId, readEvent } = search;
  for (let rows = newest; rows.length > 0; ) {
    for (const row of rows) {
      const event = knownEvent(readEvent(row));
      if (event?.eventType === "thread.reverted") return null;
      if (event?.eventType === "thread.checkpoint-revert-requested")
        return { turnCount: event.payload.turnCount, mode: event.payload.mode };
    }
    const before = rows.at(-1)?.sequence ?? 0;
    rows = await store.read(revertsOf(store.dialect, { spaceId, threadId, before, limit: REVERTS_PAGE }));
  }
  return null;
}

const queuedTurnOf = (row: RowOf<typeof openTurn>): ThreadState["queue"][number] => ({
  turnId: row.turn_id,
  messageId: row.user_message_id,
  model: row.model,
  effort: row.effort,
  position: Number(row.queue_position),
});
