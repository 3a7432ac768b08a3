// Snapshot and event pages: from projection tables and log alone, the snapshot in one read transaction together with
// the projector cursors, so that the feed continues exactly where the answer ends.
import type { EventsPage, ProjectId, Snapshot, ThreadId, ThreadSummary } from "@muster/contracts";
import { MusterError, READ_MAX_BYTES } from "@muster/contracts";
import type { Row, Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import { fromSql } from "./columns.ts";
import { logQueries } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import { query } from "./placeholders.ts";
import { ENVELOPE_BYTES, fitSnapshot, jsonBytes } from "./read-budget.ts";
import type { Visibility } from "./visibility.ts";

/** Projects in one snapshot. */
export const SNAPSHOT_PROJECTS_MAX = 500;

export interface ReadParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly visibility: Visibility;
  readonly generation: string;
}

export const CURSOR =
  "SELECT coalesce(min(last_applied_sequence), 0) AS sequence, max(updated_at) AS updated_at FROM projection_state";

const sessionsOf = (caller: Caller): string[] => [...caller.roles.keys()];
const listHoles = (values: readonly unknown[]): string => values.map(() => "?").join(", ");

export async function getSnapshot(
  { store, generation }: ReadParts,
  caller: Caller,
  input: { archived?: boolean; before?: string; projectId?: ProjectId; limit: number },
): Promise<Snapshot> {
  const sessions = sessionsOf(caller);
  if (sessions.length === 0) throw new MusterError("permission_denied");
  const before = input.before === undefined ? null : cursorOf(input.before);
  const projectFilter = input.projectId === undefined ? "" : " AND p.project_id = ?";
  const beforeFilter = before === null ? "" : " AND (c.updated_at < ? OR (c.updated_at = ? AND c.thread_id < ?))";
  const mine = [caller.spaceId, ...sessions, ...(input.projectId === undefined ? [] : [input.projectId])];
  const [cursor, projects, threads] = await store.readTransaction([
    query(store.dialect, CURSOR),
    query(
      store.dialect,
      `SELECT p.* FROM projection_projects p WHERE p.space_id = ? AND p.session_id IN (${listHoles(sessions)})${projectFilter}
       AND p.deleted_at IS NULL ORDER BY p.created_at, p.project_id LIMIT ${SNAPSHOT_PROJECTS_MAX}`,
      ...mine,
    ),
    // The page is chosen from what stands in the threads alone; what surrounds a thread is read for those of the page.
    query(
      store.dialect,
      `SELECT t.*, s.status AS session_status,
         (SELECT count(*) FROM projection_pending_approvals a WHERE a.space_id = t.space_id AND a.thread_id = t.thread_id AND a.status = 'pending') AS pending_approval_count,
         (SELECT count(*) FROM projection_thread_turns q WHERE q.space_id = t.space_id AND q.thread_id = t.thread_id AND q.status IN ('queued', 'running') AND q.status = 'queued') AS queued_turn_count,
         l.turn_id AS l_turn_id, l.thread_id AS l_thread_id, l.turn_count AS l_turn_count, l.status AS l_status, l.reason AS l_reason,
         l.queue_position AS l_queue_position, l.model AS l_model, l.effort AS l_effort, l.user_message_id AS l_user_message_id,
         l.assistant_message_id AS l_assistant_message_id, l.requested_at AS l_requested_at, l.started_at AS l_started_at, l.completed_at AS l_completed_at
       FROM (SELECT c.space_id, c.thread_id FROM projection_projects p
         CROSS JOIN projection_threads c WHERE c.space_id = p.space_id AND c.project_id = p.project_id
         AND p.space_id = ? AND p.session_id IN (${listHoles(sessions)})${projectFilter} AND p.deleted_at IS NULL AND c.deleted_at IS NULL
         AND c.archived_at IS ${input.archived === true ? "NOT " : ""}NULL${beforeFilter}
         ORDER BY c.updated_at DESC, c.thread_id DESC LIMIT ${input.limit + 1}) AS page
       CROSS JOIN projection_threads t
       LEFT JOIN projection_thread_sessions s ON s.space_id = t.space_id AND s.thread_id = t.thread_id
       LEFT JOIN projection_thread_turns l ON l.space_id = t.space_id AND l.turn_id = t.latest_turn_id
       WHERE t.space_id = page.space_id AND t.thread_id = page.thread_id
       ORDER BY t.updated_at DESC, t.thread_id DESC`,
      ...mine,
      ...(before === null ? [] : [before.time, before.time, before.id]),
    ),
  ]);
  const rows = threads ?? [];
  const fitted = fitSnapshot(
    (projects ?? []).map((row) => fromSql("projection_projects", row)),
    rows.slice(0, input.limit).map(summaryOf),
  );
  const shown = fitted.threads;
  const last = shown.at(-1);
  const hasMore = rows.length > shown.length;
  return {
    generation,
    snapshotSequence: Number(cursor?.[0]?.["sequence"] ?? 0),
    projects: fitted.projects,
    threads: shown,
    page: { before: hasMore && last !== undefined ? `${last.updatedAt}~${last.threadId}` : null, hasMore },
    updatedAt: (cursor?.[0]?.["updated_at"] as string | null | undefined) ?? null,
  };
}

function summaryOf(row: Row): ThreadSummary {
  const thread: Record<string, Row[string]> = {};
  const turn: Record<string, Row[string]> = {};
  for (const [column, value] of Object.entries(row)) {
    if (column.startsWith("l_")) turn[column.slice(2)] = value;
    else if (column !== "session_status" && column !== "pending_approval_count" && column !== "queued_turn_count")
      thread[column] = value;
  }
  return {
    ...fromSql("projection_threads", thread as Row),
    latestTurn: turn["turn_id"] === null ? null : fromSql("projection_thread_turns", turn as Row),
    sessionStatus: (row["session_status"] ?? "idle") as ThreadSummary["sessionStatus"],
    pendingApprovalCount: Number(row["pending_approval_count"]),
    queuedTurnCount: Number(row["queued_turn_count"]),
  };
}

/** A page's cursor: `<ISO time>~<id>`. */
export function cursorOf(text: string): { time: string; id: string } {
  const match = /^(\d{4}-\d{2}-\d{2}T[\d:.]+Z)~([A-Za-z0-9_-]{1,64})$/.exec(text);
  if (match === null)
    throw new MusterError("validation_failed", "That is no cursor of a page; give back what `page.before` held.", {
      before: text,
    });
  return { time: match[1] ?? "", id: match[2] ?? "" };
}

export async function getEventsPage(
  { store, readEvent, visibility, generation }: ReadParts,
  caller: Caller,
  input: { after: number; limit: number; threadId?: ThreadId },
): Promise<EventsPage> {
  const { threadId, after, limit } = input;
  if (threadId !== undefined && !(await visibility.canSeeThread(caller, threadId)))
    throw new MusterError("thread_not_found");
  const page = { spaceId: caller.spaceId, after, limit: limit + 1 };
  const rows = await store.read(
    threadId === undefined
      ? logQueries.ofSpace(store.dialect, page)
      : logQueries.ofStream(store.dialect, { ...page, kind: "thread", streamId: threadId }),
  );
  const read = rows.slice(0, limit).map(readEvent);
  const events: EventsPage["events"] = [];
  let bytes = ENVELOPE_BYTES;
  let nextAfter = after;
  for (const event of read) {
    bytes += jsonBytes(event);
    if (bytes > READ_MAX_BYTES && events.length > 0) break;
    nextAfter = event.sequence;
    if (await visibility.canSee(caller, event)) events.push(event);
  }
  return {
    generation,
    events,
    nextAfter,
    hasMore: rows.length > limit || nextAfter < (read.at(-1)?.sequence ?? after),
  };
}
