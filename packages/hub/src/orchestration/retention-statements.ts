// The statements of retention over threads: who has something to lose, how far each was pruned, what comes next of
// events, diffs and receipts, and how a row goes. Pages are bounded by rows and bytes, so that no thread is too long.
import type { CommandId } from "@muster/contracts";
import { change, integer, list, nullable, pick, type Request, type StatementText, select, text } from "@muster/store";
import { HUB_TABLES, ofSessions, ofSpace, ofThread } from "../schema/index.ts";
import { STILL_WANTED } from "./retention-effect-statements.ts";

const {
  checkpoint_diff_blobs: diffs,
  orchestration_command_receipts: receipts,
  orchestration_events: events,
  projection_thread_activities: activities,
  projection_threads: threads,
  thread_retention: retention,
} = HUB_TABLES;

/** Candidates of one question. */
const THREADS_PAGE = 50;
/** In one question for events by their sequences. */
export const SEQUENCES_MAX = 500;

const OF_THREAD = "space_id = :spaceId AND aggregate_kind = 'thread' AND stream_id = :threadId";
const IS_REMOVED = "t.deleted_at IS NOT NULL";

const candidatesWhere = <Asked extends Request>(request: Asked, within: string, comparison: ">" | ">=") =>
  select({
    request,
    row: pick(threads, "space_id", "thread_id"),
    sql: `SELECT t.space_id, t.thread_id FROM projection_threads t
       LEFT JOIN thread_retention r ON r.space_id = t.space_id AND r.thread_id = t.thread_id
       WHERE (t.space_id > :placeSpaceId OR (t.space_id = :placeSpaceId AND t.thread_id ${comparison} :placeThreadId))
         AND ((t.deleted_at IS NULL AND t.archived_at < :archived) OR t.deleted_at < :removed) ${within}
         AND (EXISTS (SELECT 1 FROM orchestration_events e WHERE e.space_id = t.space_id AND e.aggregate_kind = 'thread'
             AND e.stream_id = t.thread_id AND e.occurred_at < CASE WHEN ${IS_REMOVED} THEN :removed ELSE :archived END
             AND e.sequence > coalesce(CASE WHEN ${IS_REMOVED} THEN r.stubbed_through ELSE r.pruned_through END, 0))
           OR EXISTS (SELECT 1 FROM checkpoint_diff_blobs d WHERE d.space_id = t.space_id AND d.thread_id = t.thread_id
             AND d.created_at < CASE WHEN ${IS_REMOVED} THEN :removed ELSE :archived END)
           OR (EXISTS (SELECT 1 FROM orchestration_command_receipts c WHERE c.space_id = t.space_id AND c.aggregate_kind = 'thread'
               AND c.aggregate_id = t.thread_id
               AND c.accepted_at < CASE WHEN ${IS_REMOVED} THEN :removedReceipts ELSE :archivedReceipts END)
             AND NOT EXISTS (SELECT 1 FROM orchestration_effects f WHERE f.space_id = t.space_id AND f.thread_id = t.thread_id
               AND ${STILL_WANTED})))
       ORDER BY t.space_id, t.thread_id LIMIT ${THREADS_PAGE}`,
  });

const candidatesRequest = {
  placeSpaceId: text(),
  placeThreadId: text(),
  archived: text(),
  removed: text(),
  archivedReceipts: text(),
  removedReceipts: text(),
  waiting: text(),
} as const;

/** Of everybody: with the thread of the place, or behind it. */
export const candidates = {
  from: candidatesWhere(candidatesRequest, "", ">="),
  behind: candidatesWhere(candidatesRequest, "", ">"),
};

const sessionsRequest = { ...candidatesRequest, ...ofSessions } as const;

const WITHIN_SESSIONS = `AND t.space_id = :spaceId AND EXISTS (SELECT 1 FROM projection_projects p
           WHERE p.space_id = t.space_id AND p.project_id = t.project_id AND p.session_id IN (:sessionIds))`;

/** The same, of some sessions. */
export const candidatesOfSessions = {
  from: candidatesWhere(sessionsRequest, WITHIN_SESSIONS, ">="),
  behind: candidatesWhere(sessionsRequest, WITHIN_SESSIONS, ">"),
};

export const threadState = select({
  request: ofThread,
  row: pick(threads, "archived_at", "deleted_at"),
  sql: "SELECT archived_at, deleted_at FROM projection_threads WHERE space_id = :spaceId AND thread_id = :threadId",
});

export const markOf = select({
  request: ofThread,
  row: pick(retention, "pruned_through", "stubbed_through"),
  sql: "SELECT pruned_through, stubbed_through FROM thread_retention WHERE space_id = :spaceId AND thread_id = :threadId",
});

export const versionOf = select({
  request: ofThread,
  row: { version: integer() },
  sql: `SELECT coalesce(max(stream_version), 0) AS version FROM orchestration_events WHERE ${OF_THREAD}`,
});

/** A row where an effect of the thread is still wanted, else none. */
export const unfinishedEffects = select({
  request: { ...ofThread, waiting: text() },
  row: { one: integer() },
  sql: `SELECT 1 AS one FROM orchestration_effects f
    WHERE f.space_id = :spaceId AND f.thread_id = :threadId AND ${STILL_WANTED} LIMIT 1`,
});

/** The last sequence of the thread before the first one that is young; one row. */
export const endOf = select({
  request: { ...ofThread, after: integer(), cutoff: text() },
  row: { sequence: integer() },
  sql: `SELECT coalesce((SELECT min(sequence) - 1 FROM orchestration_events WHERE ${OF_THREAD}
      AND sequence > :after AND occurred_at >= :cutoff),
    (SELECT max(sequence) FROM orchestration_events WHERE ${OF_THREAD}), 0) AS sequence`,
});

const sizedEvent = { ...events, bytes: integer() } as const;
const eventsRequest = { ...ofThread, after: integer(), end: integer(), limit: integer(), bytesMax: integer() } as const;

const eventsWhere = <Asked extends Request>(request: Asked, condition: string) => {
  const page = `SELECT *, octet_length(payload_json) AS bytes FROM orchestration_events WHERE ${OF_THREAD}
    AND sequence > :after AND sequence <= :end${condition} ORDER BY sequence LIMIT :limit`;
  const sized = `SELECT *, sum(bytes) OVER (ORDER BY sequence) - bytes AS read_before FROM (${page}) AS page`;
  return select({
    request,
    row: { ...sizedEvent, read_before: integer() },
    sql: `SELECT * FROM (${sized}) AS sized WHERE read_before < :bytesMax ORDER BY sequence`,
  });
};

/** The thread's next events after a sequence, at most so many and so large; one that is larger comes alone. */
export const eventsPage = eventsWhere(eventsRequest, "");
export const eventsPageOfType = eventsWhere({ ...eventsRequest, eventType: text() }, " AND event_type = :eventType");

export const eventsBySequence = select({
  request: { sequences: list(integer(), SEQUENCES_MAX) },
  row: sizedEvent,
  sql: `SELECT *, octet_length(payload_json) AS bytes FROM orchestration_events WHERE sequence IN (:sequences)
    ORDER BY sequence`,
});

export const metaUpdates = select({
  request: ofThread,
  row: pick(events, "sequence"),
  sql: `SELECT sequence FROM orchestration_events WHERE ${OF_THREAD} AND event_type = 'thread.meta-updated' ORDER BY sequence`,
});

/** The payload of a stub begins so. */
const STUBS = `'{"pruned":true,%'`;

const checkpointsBy = (turnCount: string): string =>
  `SELECT sequence, ${turnCount} AS turn_count FROM orchestration_events WHERE ${OF_THREAD}
    AND event_type = 'thread.turn-diff-completed' AND payload_json NOT LIKE ${STUBS} ORDER BY sequence`;

/** Checkpoints that are no stubs yet. The turn count is text, as the payload has it; null where it tells none. */
export const checkpointEvents = select({
  request: ofThread,
  row: { sequence: events.sequence, turn_count: nullable(text()) },
  sql: {
    sqlite: checkpointsBy(
      "CASE WHEN json_valid(payload_json) THEN CAST(json_extract(payload_json, '$.turnCount') AS TEXT) END",
    ),
    postgres: checkpointsBy(`substring(payload_json, '"turnCount":([0-9]+)')`),
  },
});

/** The newest plan of each turn. */
export const newestPlans = select({
  request: ofThread,
  row: pick(activities, "activity_id"),
  sql: `SELECT activity_id FROM (SELECT activity_id, row_number() OVER (PARTITION BY turn_id ORDER BY created_at DESC, activity_id DESC) AS place
      FROM projection_thread_activities WHERE space_id = :spaceId AND thread_id = :threadId AND kind = 'plan.updated') AS plans WHERE place = 1`,
});

export const diffsPage = select({
  request: { ...ofThread, cutoff: text(), afterFrom: integer(), afterTo: integer(), limit: integer() },
  row: { ...pick(diffs, "from_turn_count", "to_turn_count"), bytes: integer() },
  sql: `SELECT from_turn_count, to_turn_count, octet_length(diff) AS bytes FROM checkpoint_diff_blobs
    WHERE space_id = :spaceId AND thread_id = :threadId AND created_at < :cutoff
      AND (from_turn_count > :afterFrom OR (from_turn_count = :afterFrom AND to_turn_count > :afterTo))
    ORDER BY from_turn_count, to_turn_count LIMIT :limit`,
});

export const deleteDiff = change({
  request: { ...ofThread, fromTurnCount: integer(), toTurnCount: integer() },
  sql: `DELETE FROM checkpoint_diff_blobs WHERE space_id = :spaceId AND thread_id = :threadId
    AND from_turn_count = :fromTurnCount AND to_turn_count = :toTurnCount`,
});

export const receiptsPage = select({
  request: { ...ofThread, cutoff: text(), after: text(), limit: integer() },
  row: { command_id: receipts.command_id, bytes: integer() },
  sql: `SELECT command_id, octet_length(command_id) + octet_length(command_type) + octet_length(request_fingerprint)
      + octet_length(accepted_at) + octet_length(coalesce(error_json, '')) AS bytes
    FROM orchestration_command_receipts WHERE space_id = :spaceId AND aggregate_kind = 'thread' AND aggregate_id = :threadId
    AND accepted_at < :cutoff AND command_id > :after ORDER BY command_id LIMIT :limit`,
});

export const deleteReceipt = change({
  request: { ...ofSpace, commandId: text<CommandId>() },
  sql: "DELETE FROM orchestration_command_receipts WHERE space_id = :spaceId AND command_id = :commandId",
});

const STORE_SIZE: StatementText = {
  sqlite: `SELECT page_count * page_size AS size, freelist_count * page_size AS reusable
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count`,
  postgres: `SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) AS size, CAST(NULL AS BIGINT) AS reusable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`,
};

/** Bytes of the database, and of those that are free in it; null where the database does not tell. */
export const storeSize = select({
  request: {},
  row: { size: integer(), reusable: nullable(integer()) },
  sql: STORE_SIZE,
});
