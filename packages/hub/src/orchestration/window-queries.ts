// The queries of a thread's window. However long the thread and however full its turns, what is read is bounded in rows
// and in text, and found by indexes that begin with the thread: nothing here walks a whole thread.
import type { ThreadId } from "@muster/contracts";
import { READ_MAX_BYTES } from "@muster/contracts";
import { type Dialect, integer, pick, type Request, type StatementText, select, text } from "@muster/store";
import { HUB_COLUMNS, HUB_TABLES, ofThread } from "../schema/index.ts";

/** Text of one table that is read for a window, newest first, plus the row that goes beyond. */
const READ_CHARACTERS_MAX = 4 * 1024 * 1024;
/** The same of approvals that wait: they are shown without what makes them large, so that all of them fit. */
const PENDING_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Turns that have approvals that wait. One turn runs at a time, so that there is one. */
const ASKING_TURNS_MAX = 16;
/** Bytes that the JSON of a row has beside its text, at least. */
const ROW_BYTES_MIN = 150;
/** Rows of one table that are read for a window, about: more never fit. */
const READ_ROWS_MAX = Math.ceil(READ_MAX_BYTES / ROW_BYTES_MIN);
/** Text of a row that is shown whole, whatever is cut from others to make the window fit. */
const WHOLE_CHARACTERS = 1024;

type BoundedTable = "projection_thread_messages" | "projection_thread_activities" | "projection_pending_approvals";

interface Bounded<Table extends BoundedTable = BoundedTable> {
  readonly table: Table;
  /** How much text a row holds. */
  readonly length: string;
  /** Makes the order by time whole. */
  readonly id: string;
  /** Of the size that rows usually have, more would not fit. */
  readonly usualRows: number;
}
const MESSAGES: Bounded<"projection_thread_messages"> = {
  table: "projection_thread_messages",
  length: "length(text) + length(attachments_json)",
  id: "message_id",
  usualRows: 1_200,
};
const ACTIVITIES: Bounded<"projection_thread_activities"> = {
  table: "projection_thread_activities",
  length: "length(payload_json)",
  id: "activity_id",
  usualRows: 2_400,
};
const APPROVALS: Bounded<"projection_pending_approvals"> = {
  table: "projection_pending_approvals",
  length: "length(payload_json)",
  id: "request_id",
  usualRows: 1_200,
};
const USUAL_ROWS = {
  messages: MESSAGES.usualRows,
  activities: ACTIVITIES.usualRows,
  approvals: APPROVALS.usualRows,
};

export interface WindowInput {
  readonly threadId: ThreadId;
  readonly turnLimit: number;
  readonly before?: string;
}

/** How many rows of each table are looked at: as many as usually fit, or as many as ever could. */
export type RowLimit = "usual" | "all";

const rowsMax = ({ usualRows }: Bounded, limit: RowLimit): number => (limit === "usual" ? usualRows : READ_ROWS_MAX);

/**
 * Whether the usual number of rows may have left out some that would have fitted: so many came, and they are small. Where
 * they are larger than a window, what is behind them never fits beside them.
 */
export const mayLack = (table: keyof typeof USUAL_ROWS, rowCount: number, bytes: number): boolean =>
  rowCount >= USUAL_ROWS[table] && bytes < READ_MAX_BYTES;

type Place = "newest" | "older";

const ofWindow = { ...ofThread, turnLimit: integer() } as const;
const OF_THREAD = "space_id = :spaceId AND thread_id = :threadId";
const ofThreadIn = (alias: string): string => `${alias}.space_id = :spaceId AND ${alias}.thread_id = :threadId`;
const inBoth = (textIn: (dialect: Dialect) => string): StatementText => ({
  sqlite: textIn("sqlite"),
  postgres: textIn("postgres"),
});

const { projection_thread_activities: activities, projection_thread_turns: turns } = HUB_TABLES;

/** What a turn behind others holds may not take the room of theirs, for their rows come in no other page. */
const withHeld = (held: string): string => `held AS (${held}),
    picked AS (
      SELECT turn_id, requested_at, CASE WHEN place > 1 AND turn_id IN (SELECT turn_id FROM held) THEN 1 ELSE 0 END AS is_held FROM shown_turns
      UNION ALL SELECT turn_id, requested_at, 1 AS is_held FROM held WHERE turn_id NOT IN (SELECT turn_id FROM shown_turns))`;
const WITHOUT_HELD = "picked AS (SELECT turn_id, requested_at, 0 AS is_held FROM shown_turns)";

/** The turn that runs and the turns whose approvals wait, which may lie behind all that are queued. */
const heldTurns = (dialect: Dialect): string => {
  const asking = `SELECT DISTINCT turn_id FROM ${APPROVALS.table} WHERE ${OF_THREAD} AND status = 'pending' LIMIT ${ASKING_TURNS_MAX}`;
  const ofAsking = `${ofThreadIn("t")} AND t.turn_id = asking.turn_id AND t.status <> 'running'`;
  // One status twice: the first condition is the index's own. Parts that share no turn, for making them unlike takes a sort.
  return `SELECT * FROM projection_thread_turns WHERE ${OF_THREAD} AND status IN ('queued', 'running') AND status = 'running'
    UNION ALL SELECT t.* FROM (${asking}) AS asking ${joinEach(dialect, "projection_thread_turns", "t", ofAsking)}`;
};

/**
 * For each row before it, the rows of a table that fit the condition, found one by one by an index. SQLite keeps the order
 * of a CROSS JOIN; PostgreSQL, which may know nothing of rows that are new, does not look behind an OFFSET.
 */
const joinEach = (dialect: Dialect, table: string, alias: string, condition: string): string =>
  dialect === "sqlite"
    ? `CROSS JOIN ${table} ${alias} WHERE ${condition}`
    : `CROSS JOIN LATERAL (SELECT * FROM ${table} ${alias} WHERE ${condition} OFFSET 0) AS ${alias}`;

/**
 * A table's rows in the picked turns. Turns behind so many rows that they cannot fit are left out, and of a turn with more
 * than that its older rows: counting stops at the bound, and all of it stands in the index. Materialized, because what is
 * counted would be counted again for every row.
 */
const rowsOfTurns = (dialect: Dialect, bounded: Bounded, rowsMax: number) => {
  const { table, id, length } = bounded;
  const ofTurn = (alias: string, from: string): string => `${ofThreadIn(alias)} AND ${alias}.turn_id = ${from}.turn_id`;
  const counted = `SELECT turn_id, requested_at, is_held, (SELECT count(*) FROM
    (SELECT 1 AS one FROM ${table} c WHERE ${ofTurn("c", "picked")} LIMIT ${rowsMax + 1}) AS bounded) AS row_count FROM picked`;
  const oldest = `SELECT o.created_at FROM ${table} o WHERE ${ofTurn("o", "counted")} ORDER BY o.created_at DESC LIMIT 1 OFFSET ${rowsMax}`;
  const summed = `SELECT turn_id, is_held, CASE WHEN row_count > ${rowsMax} THEN (${oldest}) ELSE '' END AS oldest_at,
    coalesce(sum(row_count) OVER (ORDER BY requested_at DESC, turn_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS rows_before
    FROM counted`;
  const condition = `${ofTurn("found_row", "summed")} AND found_row.created_at >= summed.oldest_at AND summed.rows_before < ${rowsMax}`;
  return {
    tables: `counted AS MATERIALIZED (${counted}), summed AS MATERIALIZED (${summed})`,
    rows: `SELECT found_row.${id}, found_row.created_at, ${length} AS characters, summed.is_held FROM summed ${joinEach(dialect, table, "found_row", condition)}`,
  };
};

/**
 * Rows in the order of their time, until they hold so much text, or so much that is never cut that no other fits beside
 * them. Sorted by what is short; the rows come at the end.
 */
const newestFirst = (
  dialect: Dialect,
  { table, id }: Bounded,
  tables: readonly string[],
  found: string,
  charactersMax = READ_CHARACTERS_MAX,
): string => {
  const order = (from: string): string => `${from}created_at DESC, ${from}${id} DESC`;
  const columns = HUB_COLUMNS[table].map((column) => `shown.${column}`).join(", ");
  const isShown = `shown.space_id = :spaceId AND shown.${id} = chosen.${id}`;
  return `WITH ${[...tables, `found AS (${found})`].join(", ")},
    weighed AS (SELECT ${id}, created_at, characters, is_held, ${ROW_BYTES_MIN} + CASE WHEN characters > ${WHOLE_CHARACTERS} THEN 0 ELSE characters END AS shown_bytes FROM found),
    sized AS (SELECT ${id}, created_at, sum(characters) OVER newest_first - characters AS read_before,
      sum(shown_bytes) OVER newest_first - shown_bytes AS shown_before FROM weighed WINDOW newest_first AS (PARTITION BY is_held ORDER BY ${order("")})),
    chosen AS (SELECT ${id}, created_at FROM sized WHERE read_before < ${charactersMax} AND shown_before < ${READ_MAX_BYTES})
    SELECT ${columns} FROM chosen ${joinEach(dialect, table, "shown", isShown)} ORDER BY ${order("chosen.")}`;
};

/**
 * Of the newest turns, or of those before a place in a thread's time: the turns and what belongs to them. What has many
 * rows is declared for each limit of rows.
 */
const windowOf = <const Asked extends Request>(request: Asked, place: Place) => {
  const turnsBefore =
    place === "newest" ? "" : "AND (requested_at < :time OR (requested_at = :time AND turn_id < :turn))";
  const fromTurns = `FROM projection_thread_turns WHERE ${OF_THREAD} ${turnsBefore} ORDER BY requested_at DESC, turn_id DESC`;
  // The window's turns are chosen inside the same read transaction by tables that every query makes anew.
  const pickedIn = (dialect: Dialect): string =>
    `newest AS (SELECT turn_id, requested_at ${fromTurns} LIMIT CAST(:turnLimit AS BIGINT) + 1),
    numbered AS (SELECT turn_id, requested_at, row_number() OVER (ORDER BY requested_at DESC, turn_id DESC) AS place FROM newest),
    shown_turns AS (SELECT turn_id, requested_at, place FROM numbered WHERE place <= :turnLimit),
    ${place === "newest" ? withHeld(heldTurns(dialect)) : WITHOUT_HELD}`;
  const rowsIn = <Table extends BoundedTable>(bounded: Bounded<Table>, limit: RowLimit, more = "") =>
    select({
      request,
      row: HUB_TABLES[bounded.table],
      sql: inBoth((dialect) => {
        const { tables, rows } = rowsOfTurns(dialect, bounded, rowsMax(bounded, limit));
        return newestFirst(dialect, bounded, [pickedIn(dialect), tables], `${rows} ${more}`);
      }),
    });
  // What belongs to no turn lies in the window by its time, and before the first turn in the last page.
  const begins =
    "SELECT CASE WHEN max(place) > :turnLimit THEN max(CASE WHEN place = :turnLimit THEN requested_at END) ELSE '' END FROM numbered";
  const ofNoTurn = (
    limit: RowLimit,
  ): string => `SELECT * FROM (SELECT ${ACTIVITIES.id}, created_at, ${ACTIVITIES.length} AS characters, 0 AS is_held FROM ${ACTIVITIES.table} WHERE ${OF_THREAD} AND turn_id IS NULL
    AND created_at >= (${begins}) ${place === "newest" ? "" : "AND created_at < :time"} ORDER BY created_at DESC LIMIT ${rowsMax(ACTIVITIES, limit)}) AS of_no_turn`;
  const limitedTo = (limit: RowLimit) => ({
    messages: rowsIn(MESSAGES, limit),
    activities: rowsIn(ACTIVITIES, limit, `UNION ALL ${ofNoTurn(limit)}`),
    approvals: rowsIn(APPROVALS, limit),
  });
  return {
    turns: select({ request, row: turns, sql: `SELECT * ${fromTurns} LIMIT CAST(:turnLimit AS BIGINT) + 1` }),
    // One row per turn.
    checkpoints: select({
      request,
      row: HUB_TABLES.projection_checkpoints,
      sql: inBoth(
        (dialect) =>
          `WITH ${pickedIn(dialect)} SELECT c.* FROM picked
       ${joinEach(dialect, "projection_checkpoints", "c", `${ofThreadIn("c")} AND c.turn_id = picked.turn_id`)} ORDER BY c.checkpoint_turn_count DESC`,
      ),
    }),
    usual: limitedTo("usual"),
    all: limitedTo("all"),
  };
};

const pending = `SELECT ${APPROVALS.id}, created_at, ${APPROVALS.length} AS characters, 0 AS is_held FROM ${APPROVALS.table}
    WHERE ${OF_THREAD} AND status = 'pending' ORDER BY created_at DESC LIMIT ${READ_ROWS_MAX}`;

/** The queries of a window: those of its place, and those that have one text for all of them. */
export const windowQueries = {
  newest: windowOf(ofWindow, "newest"),
  older: windowOf({ ...ofWindow, time: text(), turn: text() }, "older"),
  thread: select({
    request: ofThread,
    row: HUB_TABLES.projection_threads,
    sql: `SELECT * FROM projection_threads WHERE ${OF_THREAD} AND deleted_at IS NULL`,
  }),
  project: select({
    request: ofThread,
    row: HUB_TABLES.projection_projects,
    sql: `SELECT p.* FROM projection_threads t JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
       WHERE ${ofThreadIn("t")} AND p.deleted_at IS NULL`,
  }),
  session: select({
    request: ofThread,
    row: HUB_TABLES.projection_thread_sessions,
    sql: `SELECT * FROM projection_thread_sessions WHERE ${OF_THREAD}`,
  }),
  plan: select({
    request: ofThread,
    row: pick(activities, "payload_json"),
    sql: `SELECT payload_json FROM projection_thread_activities WHERE ${OF_THREAD} AND kind = 'plan.updated'
       ORDER BY created_at DESC, activity_id DESC LIMIT 1`,
  }),
  /** Of the newest window alone: the turns that it holds however many wait behind them. */
  held: select({ request: ofThread, row: turns, sql: inBoth(heldTurns) }),
  /** Of the newest window alone: the approvals that wait for an answer. */
  pending: select({
    request: ofThread,
    row: HUB_TABLES.projection_pending_approvals,
    sql: inBoth((dialect) => newestFirst(dialect, APPROVALS, [], pending, PENDING_CHARACTERS_MAX)),
  }),
};
