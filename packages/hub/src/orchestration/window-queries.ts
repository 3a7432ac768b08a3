// The queries of a thread's window. However long the thread and however full its turns, what is read is bounded in rows
// and in text, and found by indexes that begin with the thread: nothing here walks a whole thread.
import type { ThreadId } from "@muster/contracts";
import { READ_MAX_BYTES } from "@muster/contracts";
import type { Query, SqlValue, Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import { HUB_COLUMNS } from "../schema/index.ts";
import { query } from "./placeholders.ts";
import { CURSOR, cursorOf } from "./reads.ts";

/** Text of one table that is read for a window, newest first, plus the row that goes beyond. */
const READ_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Rows of one table that are read for a window, about: the JSON of the smallest has more bytes, so more never fit. */
const READ_ROWS_MAX = Math.ceil(READ_MAX_BYTES / 150);

interface Bounded {
  readonly table: keyof typeof HUB_COLUMNS;
  /** How much text a row holds. */
  readonly length: string;
  /** Makes the order by time whole. */
  readonly id: string;
}
const MESSAGES: Bounded = {
  table: "projection_thread_messages",
  length: "length(text) + length(attachments_json)",
  id: "message_id",
};
const ACTIVITIES: Bounded = {
  table: "projection_thread_activities",
  length: "length(payload_json)",
  id: "activity_id",
};
const APPROVALS: Bounded = {
  table: "projection_pending_approvals",
  length: "length(payload_json)",
  id: "request_id",
};

export interface WindowInput {
  readonly threadId: ThreadId;
  readonly turnLimit: number;
  readonly before?: string;
}

/** All queries of a window, in the order in which their answers are taken apart. */
export function windowQueries(
  dialect: Store["dialect"],
  caller: Pick<Caller, "spaceId">,
  { threadId, turnLimit, before: beforeText }: WindowInput,
): Query[] {
  const before = beforeText === undefined ? null : cursorOf(beforeText);
  const values = { space: caller.spaceId, thread: threadId, time: before?.time ?? "", turn: before?.id ?? "" };
  const of = (sql: string): Query => named(dialect, sql, values);
  const turnsBefore = before === null ? "" : "AND (requested_at < :time OR (requested_at = :time AND turn_id < :turn))";
  const turns = `FROM projection_thread_turns WHERE ${ofThread()} ${turnsBefore} ORDER BY requested_at DESC, turn_id DESC`;
  // The window's turns are chosen inside the same read transaction by tables that every query makes anew.
  const picked = `WITH newest AS (SELECT turn_id, requested_at ${turns} LIMIT ${turnLimit + 1}),
    numbered AS (SELECT turn_id, requested_at, row_number() OVER (ORDER BY requested_at DESC, turn_id DESC) AS place FROM newest),
    picked AS (SELECT turn_id, requested_at FROM numbered WHERE place <= ${turnLimit})`;
  const inTurns = (bounded: Bounded): Query => of(newestFirst(bounded, picked, rowsOfTurns(bounded)));
  // What belongs to no turn lies in the window by its time, and before the first turn in the last page.
  const begins = `SELECT CASE WHEN max(place) > ${turnLimit} THEN max(CASE WHEN place = ${turnLimit} THEN requested_at END) ELSE '' END FROM numbered`;
  const ofNoTurn = `SELECT * FROM (SELECT ${ACTIVITIES.id}, created_at, ${ACTIVITIES.length} AS characters FROM ${ACTIVITIES.table} WHERE ${ofThread()} AND turn_id IS NULL
    AND created_at >= (${begins}) ${before === null ? "" : "AND created_at < :time"} ORDER BY created_at DESC LIMIT ${READ_ROWS_MAX}) AS of_no_turn`;
  return [
    query(dialect, CURSOR),
    of(`SELECT * FROM projection_threads WHERE ${ofThread()} AND deleted_at IS NULL`),
    of(
      `SELECT p.* FROM projection_threads t JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
       WHERE ${ofThread("t")} AND p.deleted_at IS NULL`,
    ),
    of(`SELECT * FROM projection_thread_sessions WHERE ${ofThread()}`),
    of(`SELECT * ${turns} LIMIT ${turnLimit + 1}`),
    inTurns(MESSAGES),
    of(newestFirst(ACTIVITIES, picked, `${rowsOfTurns(ACTIVITIES)} UNION ALL ${ofNoTurn}`)),
    // One row per turn.
    of(
      `${picked} SELECT c.* FROM picked CROSS JOIN projection_checkpoints c
       WHERE ${ofThread("c")} AND c.turn_id = picked.turn_id ORDER BY c.checkpoint_turn_count DESC`,
    ),
    inTurns(APPROVALS),
    of(
      `SELECT payload_json FROM projection_thread_activities WHERE ${ofThread()} AND kind = 'plan.updated'
       ORDER BY created_at DESC, activity_id DESC LIMIT 1`,
    ),
  ];
}

const ofThread = (table?: string): string => {
  const prefix = table === undefined ? "" : `${table}.`;
  return `${prefix}space_id = :space AND ${prefix}thread_id = :thread`;
};

/**
 * A table's rows in the picked turns. Turns behind so many rows that they cannot fit are left out, and of a turn with more
 * than that its older rows: counting stops at the bound, and all of it stands in the index. CROSS JOIN is an inner one of
 * which SQLite keeps the order: turns first, then their rows.
 */
const rowsOfTurns = ({ table, id, length }: Bounded): string => {
  const counted = `SELECT turn_id, requested_at, (SELECT count(*) FROM
    (SELECT 1 AS one FROM ${table} c WHERE ${ofThread("c")} AND c.turn_id = picked.turn_id LIMIT ${READ_ROWS_MAX}) AS bounded) AS row_count FROM picked`;
  const summed = `SELECT turn_id, sum(row_count) OVER (ORDER BY requested_at DESC, turn_id DESC) - row_count AS rows_before
    FROM (${counted}) AS counted`;
  const oldest = `SELECT o.created_at FROM ${table} o WHERE ${ofThread("o")} AND o.turn_id = summed.turn_id
    ORDER BY o.created_at DESC LIMIT 1 OFFSET ${READ_ROWS_MAX}`;
  return `SELECT ${id}, created_at, ${length} AS characters FROM (${summed}) AS summed CROSS JOIN ${table} rows_of_turn
    WHERE ${ofThread("rows_of_turn")} AND rows_of_turn.turn_id = summed.turn_id AND summed.rows_before < ${READ_ROWS_MAX} AND rows_of_turn.created_at >= coalesce((${oldest}), '')`;
};

/** Rows in the order of their time until they hold so much text. Sorted by what is short; the rows come at the end. */
const newestFirst = ({ table, id }: Bounded, picked: string, found: string): string => {
  const order = (from: string): string => `${from}created_at DESC, ${from}${id} DESC`;
  const columns = HUB_COLUMNS[table].map((column) => `shown.${column}`).join(", ");
  return `${picked}, found AS (${found}),
    sized AS (SELECT ${id}, created_at, sum(characters) OVER (ORDER BY ${order("")}) - characters AS read_before FROM found)
    SELECT ${columns} FROM sized CROSS JOIN ${table} shown
    WHERE shown.space_id = :space AND shown.${id} = sized.${id} AND sized.read_before < ${READ_CHARACTERS_MAX}
    ORDER BY ${order("sized.")}`;
};

/** With values by name, each as often as it stands there. */
const named = (dialect: Store["dialect"], sql: string, values: Readonly<Record<string, SqlValue>>): Query => {
  const parameters: SqlValue[] = [];
  const text = sql.replace(/:(\w+)/g, (_hole, name: string) => {
    parameters.push(values[name] ?? null);
    return "?";
  });
  return query(dialect, text, ...parameters);
};
