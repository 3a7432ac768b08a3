// Snapshot and event pages: from projection tables and log alone, the snapshot in one read transaction together with
// the projector cursors, so that the feed continues exactly where the answer ends.
import type { EventsPage, ProjectId, SessionId, Snapshot, SpaceId, ThreadId, ThreadSummary } from "@muster/contracts";
import { MusterError, READ_MAX_BYTES } from "@muster/contracts";
import type { QueryOf, SqlValue, Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import type { HubRow } from "../schema/index.ts";
import { fromSql } from "./columns.ts";
import { logQueries } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import { ENVELOPE_BYTES, fitSnapshot, jsonBytes } from "./read-budget.ts";
import { LATEST, projectionCursor, type SummaryRow, snapshotQueries } from "./snapshot-queries.ts";
import type { Visibility } from "./visibility.ts";

/** Projects in one snapshot. */
export const SNAPSHOT_PROJECTS_MAX = 500;

export interface ReadParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly visibility: Visibility;
  readonly generation: string;
}

interface SnapshotInput {
  readonly archived?: boolean;
  readonly before?: string;
  readonly projectId?: ProjectId;
  readonly limit: number;
}

export async function getSnapshot(
  { store, generation }: ReadParts,
  caller: Caller,
  input: SnapshotInput,
): Promise<Snapshot> {
  const sessionIds = [...caller.roles.keys()];
  if (sessionIds.length === 0) throw new MusterError("permission_denied");
  const { dialect } = store;
  const mine = { spaceId: caller.spaceId, sessionIds, limit: SNAPSHOT_PROJECTS_MAX };
  const [[cursor], projects, threads] = await store.readTransaction([
    projectionCursor(dialect, {}),
    input.projectId === undefined
      ? snapshotQueries.projects.all(dialect, mine)
      : snapshotQueries.projects.ofProject(dialect, { ...mine, projectId: input.projectId }),
    threadsOf(dialect, { ...mine, limit: input.limit + 1 }, input),
  ]);
  const fitted = fitSnapshot(
    projects.map((row) => fromSql("projection_projects", row)),
    threads.slice(0, input.limit).map(summaryOf),
  );
  const shown = fitted.threads;
  const last = shown.at(-1);
  const hasMore = threads.length > shown.length;
  return {
    generation,
    snapshotSequence: cursor?.sequence ?? 0,
    projects: fitted.projects,
    threads: shown,
    page: { before: hasMore && last !== undefined ? `${last.updatedAt}~${last.threadId}` : null, hasMore },
    updatedAt: cursor?.updated_at ?? null,
  };
}

function threadsOf(
  dialect: Store["dialect"],
  mine: { readonly spaceId: SpaceId; readonly sessionIds: readonly SessionId[]; readonly limit: number },
  { archived, before, projectId }: Pick<SnapshotInput, "archived" | "before" | "projectId">,
): QueryOf<SummaryRow> {
  const that = snapshotQueries.threads[archived === true ? "archived" : "live"];
  const { all, ofProject } = before === undefined ? that.newest : that.before;
  const values = { ...mine, ...(before === undefined ? { time: "", id: "" } : cursorOf(before)) };
  return projectId === undefined ? all(dialect, values) : ofProject(dialect, { ...values, projectId });
}

function summaryOf(row: SummaryRow): ThreadSummary {
  const thread: Record<string, SqlValue> = {};
  const turn: Record<string, SqlValue> = {};
  for (const [column, value] of Object.entries(row)) {
    if (column.startsWith(LATEST)) turn[column.slice(LATEST.length)] = value;
    else if (column !== "session_status" && column !== "pending_approval_count" && column !== "queued_turn_count")
      thread[column] = value;
  }
  return {
    // Told apart like this they have the columns of their tables; the space is the caller's own.
    ...fromSql("projection_threads", thread as HubRow<"projection_threads">),
    latestTurn:
      row.l_turn_id === null ? null : fromSql("projection_thread_turns", turn as HubRow<"projection_thread_turns">),
    sessionStatus: row.session_status ?? "idle",
    pendingApprovalCount: row.pending_approval_count,
    queuedTurnCount: row.queued_turn_count,
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
