// The window of a thread: its newest turns, or those before a page, with everything that belongs to them. Read in one
// transaction together with the projector cursors; what the database hands over is bounded there already.
import type { PlanEntry, ThreadId, ThreadWindow } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { ProjectionRows, ProjectionTable } from "@muster/core";
import type { Query, Row } from "@muster/store";
import type { Caller } from "../ports.ts";
import { HUB_COLUMNS } from "../schema/index.ts";
import { fromSql, weightOfRow } from "./columns.ts";
import { query } from "./placeholders.ts";
import { fitWindow, setWeight, type WindowParts } from "./read-budget.ts";
import { CURSOR, cursorOf, type ReadParts } from "./reads.ts";

/** Text of one table that is read for a window, newest first, plus the row that goes beyond. */
const READ_CHARACTERS_MAX = 4 * 1024 * 1024;

/** Where the text of a row is, and what orders the rows. */
const BOUNDED = {
  projection_thread_messages: {
    length: "length(text) + length(attachments_json)",
    order: ["created_at", "message_id"],
  },
  projection_thread_activities: { length: "length(payload_json)", order: ["created_at", "activity_id"] },
  projection_checkpoints: { length: "length(files_json)", order: ["checkpoint_turn_count"] },
  projection_pending_approvals: { length: "length(payload_json)", order: ["created_at", "request_id"] },
} as const satisfies { readonly [Table in ProjectionTable]?: { length: string; order: readonly string[] } };

interface WindowInput {
  readonly threadId: ThreadId;
  readonly turnLimit: number;
  readonly before?: string;
}

export async function getThread(
  { store, visibility, generation }: ReadParts,
  caller: Caller,
  input: WindowInput,
): Promise<ThreadWindow> {
  if (!(await visibility.canSeeThread(caller, input.threadId))) throw new MusterError("thread_not_found");
  const [cursor, threads, projects, sessions, turns, messages, activities, checkpoints, approvals, plans] =
    await store.readTransaction(windowQueries(store.dialect, caller, input));
  const thread = threads?.[0];
  const project = projects?.[0];
  const session = sessions?.[0];
  if (thread === undefined || project === undefined || session === undefined) throw new MusterError("thread_not_found");
  const turnRows = turns ?? [];
  const parts: WindowParts = {
    turns: turnRows.slice(0, input.turnLimit).map((row) => weighed("projection_thread_turns", row)),
    messages: (messages ?? []).map((row) => weighed("projection_thread_messages", row)).reverse(),
    activities: (activities ?? []).map((row) => weighed("projection_thread_activities", row)).reverse(),
    checkpoints: (checkpoints ?? []).map((row) => weighed("projection_checkpoints", row)).reverse(),
    approvals: (approvals ?? []).map((row) => weighed("projection_pending_approvals", row)).reverse(),
    plan: planOf(plans?.[0]?.["payload_json"]),
    isCut: turnRows.length > input.turnLimit,
  };
  const surroundings = {
    generation,
    snapshotSequence: Number(cursor?.[0]?.["sequence"] ?? 0),
    thread: fromSql("projection_threads", thread),
    project: fromSql("projection_projects", project),
    session: fromSql("projection_thread_sessions", session),
  };
  const { isCut, turns: kept, ...rest } = fitWindow(parts, surroundings);
  const oldest = kept.at(-1);
  const before = isCut && oldest !== undefined ? `${oldest.requestedAt}~${oldest.turnId}` : null;
  return { ...surroundings, ...rest, turns: [...kept].reverse(), page: { before, hasMore: isCut } };
}

function weighed<Table extends ProjectionTable>(table: Table, row: Row): ProjectionRows[Table] {
  const shown = fromSql(table, row);
  setWeight(shown, weightOfRow(row));
  return shown;
}

const planOf = (payload: unknown): PlanEntry[] =>
  typeof payload === "string" ? ((JSON.parse(payload) as { entries?: PlanEntry[] }).entries ?? []) : [];

/** All queries of a window, in the order in which their answers are taken apart. */
function windowQueries(
  dialect: ReadParts["store"]["dialect"],
  caller: Caller,
  { threadId, turnLimit, before: beforeText }: WindowInput,
): Query[] {
  const before = beforeText === undefined ? null : cursorOf(beforeText);
  const ids = [caller.spaceId, threadId];
  const of = (sql: string, ...more: (string | number)[]): Query => query(dialect, sql, ...ids, ...more);
  // The window's turns are chosen inside the same read transaction by a subquery that every table repeats.
  const beforeFilter = before === null ? "" : " AND (requested_at < ? OR (requested_at = ? AND turn_id < ?))";
  const beforeValues = before === null ? [] : [before.time, before.time, before.id];
  const turns = `FROM projection_thread_turns WHERE space_id = ? AND thread_id = ?${beforeFilter} ORDER BY requested_at DESC, turn_id DESC`;
  const inTurns = `turn_id IN (SELECT turn_id ${turns} LIMIT ${turnLimit})`;
  const turnValues = [...ids, ...beforeValues];
  const bounded = (table: keyof typeof BOUNDED, condition: string, values: readonly string[]): Query => {
    const { length, order } = BOUNDED[table];
    const newestFirst = order.map((column) => `${column} DESC`).join(", ");
    const columns = HUB_COLUMNS[table].join(", ");
    const sized = `SELECT *, sum(${length}) OVER (ORDER BY ${newestFirst}) - (${length}) AS read_before FROM ${table}
      WHERE space_id = ? AND thread_id = ? AND (${condition})`;
    return of(
      `SELECT ${columns} FROM (${sized}) AS sized WHERE read_before < ${READ_CHARACTERS_MAX} ORDER BY ${newestFirst}`,
      ...values,
    );
  };
  // What belongs to no turn lies in the window by its time, and before the first turn in the last page.
  const numbered = `SELECT requested_at, row_number() OVER (ORDER BY requested_at DESC, turn_id DESC) AS place ${turns} LIMIT ${turnLimit + 1}`;
  const begins = `SELECT CASE WHEN max(place) > ${turnLimit} THEN max(CASE WHEN place = ${turnLimit} THEN requested_at END) ELSE '' END FROM (${numbered}) AS numbered`;
  const byTime = `turn_id IS NULL AND created_at >= (${begins})${before === null ? "" : " AND created_at < ?"}`;
  return [
    query(dialect, CURSOR),
    of("SELECT * FROM projection_threads WHERE space_id = ? AND thread_id = ? AND deleted_at IS NULL"),
    of(
      `SELECT p.* FROM projection_threads t JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
       WHERE t.space_id = ? AND t.thread_id = ? AND p.deleted_at IS NULL`,
    ),
    of("SELECT * FROM projection_thread_sessions WHERE space_id = ? AND thread_id = ?"),
    of(`SELECT * ${turns} LIMIT ${turnLimit + 1}`, ...beforeValues),
    bounded("projection_thread_messages", inTurns, turnValues),
    bounded("projection_thread_activities", `${inTurns} OR (${byTime})`, [
      ...turnValues,
      ...turnValues,
      ...(before === null ? [] : [before.time]),
    ]),
    bounded("projection_checkpoints", inTurns, turnValues),
    bounded("projection_pending_approvals", inTurns, turnValues),
    of(
      `SELECT payload_json FROM projection_thread_activities WHERE space_id = ? AND thread_id = ? AND kind = 'plan.updated'
       ORDER BY created_at DESC, activity_id DESC LIMIT 1`,
    ),
  ];
}
