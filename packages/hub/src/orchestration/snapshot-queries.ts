// The queries of a snapshot, and where the projections stand, with which every answer from their tables begins.
import type { ProjectId } from "@muster/contracts";
import { type Column, type Columns, integer, nullable, type Request, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSessions } from "../schema/index.ts";

const { projection_thread_sessions: sessions, projection_threads: threads } = HUB_TABLES;

/** One row, whatever happened. */
export const projectionCursor = select({
  request: {},
  row: { sequence: integer(), updated_at: nullable(HUB_TABLES.projection_state.updated_at) },
  sql: "SELECT coalesce(min(last_applied_sequence), 0) AS sequence, max(updated_at) AS updated_at FROM projection_state",
});

const { space_id: _ofThread, ...turns } = HUB_TABLES.projection_thread_turns;

/** Stands before the names of the latest turn's columns. */
export const LATEST = "l_";

/** The latest turn's columns beside its thread's; nulls where it has none. */
const latestTurn = Object.fromEntries(
  Object.entries<Columns[string]>(turns).map(([name, column]) => [`${LATEST}${name}`, nullable(column)]),
) as { readonly [Name in keyof typeof turns as `l_${Name}`]: Column<RowOf<typeof turns>[Name] | null> };

const latestColumns = Object.keys(turns)
  .map((name) => `l.${name} AS ${LATEST}${name}`)
  .join(", ");

const summary = {
  ...threads,
  session_status: nullable(sessions.status),
  pending_approval_count: integer(),
  queued_turn_count: integer(),
  ...latestTurn,
};

export type SummaryRow = RowOf<typeof summary>;

const ofProject = { projectId: text<ProjectId>() } as const;
const limited = { ...ofSessions, limit: integer() } as const;
const before = { time: text(), id: text() } as const;

interface ThreadsChosen {
  readonly isOfProject: boolean;
  readonly isArchived: boolean;
  readonly isBefore: boolean;
}

const OF_PROJECT = " AND p.project_id = :projectId";
const BEFORE = " AND (c.updated_at < :time OR (c.updated_at = :time AND c.thread_id < :id))";

/** The page is chosen from what stands in the threads alone; what surrounds a thread is read for those of the page. */
const threadsWhere = <const Asked extends Request>(
  request: Asked,
  { isOfProject, isArchived, isBefore }: ThreadsChosen,
) =>
  select({
    request,
    row: summary,
    sql: `SELECT t.*, s.status AS session_status,
         (SELECT count(*) FROM projection_pending_approvals a WHERE a.space_id = t.space_id AND a.thread_id = t.thread_id AND a.status = 'pending') AS pending_approval_count,
         (SELECT count(*) FROM projection_thread_turns q WHERE q.space_id = t.space_id AND q.thread_id = t.thread_id AND q.status IN ('queued', 'running') AND q.status = 'queued') AS queued_turn_count,
         ${latestColumns}
       FROM (SELECT c.space_id, c.thread_id FROM projection_projects p
         CROSS JOIN projection_threads c WHERE c.space_id = p.space_id AND c.project_id = p.project_id
         AND p.space_id = :spaceId AND p.session_id IN (:sessionIds)${isOfProject ? OF_PROJECT : ""} AND p.deleted_at IS NULL AND c.deleted_at IS NULL
         AND c.archived_at IS ${isArchived ? "NOT " : ""}NULL${isBefore ? BEFORE : ""}
         ORDER BY c.updated_at DESC, c.thread_id DESC LIMIT :limit) AS page
       CROSS JOIN projection_threads t
       LEFT JOIN projection_thread_sessions s ON s.space_id = t.space_id AND s.thread_id = t.thread_id
       LEFT JOIN projection_thread_turns l ON l.space_id = t.space_id AND l.turn_id = t.latest_turn_id
       WHERE t.space_id = page.space_id AND t.thread_id = page.thread_id
       ORDER BY t.updated_at DESC, t.thread_id DESC`,
  });

const projectsWhere = <const Asked extends Request>(request: Asked, isOfProject: boolean) =>
  select({
    request,
    row: HUB_TABLES.projection_projects,
    sql: `SELECT p.* FROM projection_projects p WHERE p.space_id = :spaceId AND p.session_id IN (:sessionIds)${isOfProject ? OF_PROJECT : ""}
       AND p.deleted_at IS NULL ORDER BY p.created_at, p.project_id LIMIT :limit`,
  });

/** Threads that are archived, or those that are not. */
const threadsThat = (isArchived: boolean) => ({
  newest: {
    all: threadsWhere(limited, { isOfProject: false, isArchived, isBefore: false }),
    ofProject: threadsWhere({ ...limited, ...ofProject }, { isOfProject: true, isArchived, isBefore: false }),
  },
  before: {
    all: threadsWhere({ ...limited, ...before }, { isOfProject: false, isArchived, isBefore: true }),
    ofProject: threadsWhere({ ...limited, ...ofProject, ...before }, { isOfProject: true, isArchived, isBefore: true }),
  },
});

/** In the sessions of a caller: all, or of one project. */
export const snapshotQueries = {
  projects: {
    all: projectsWhere(limited, false),
    ofProject: projectsWhere({ ...limited, ...ofProject }, true),
  },
  threads: { archived: threadsThat(true), live: threadsThat(false) },
};
