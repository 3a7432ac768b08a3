// The window of a thread: its newest turns, or those before a page, with everything that belongs to them. Read in one
// transaction together with the projector cursors; what the database hands over is bounded there already. Read once
// more only where thousands of rows are so small that more of them fit.
import type { PlanEntry, ThreadWindow } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { ProjectionRows, ProjectionTable } from "@muster/core";
import type { Row } from "@muster/store";
import type { Caller } from "../ports.ts";
import { fromSql, weightOfRow } from "./columns.ts";
import { fitWindow, setWeight, type WindowParts, weighAll } from "./read-budget.ts";
import type { ReadParts } from "./reads.ts";
import { mayLack, type RowLimit, type WindowInput, windowQueries } from "./window-queries.ts";

export async function getThread(parts: ReadParts, caller: Caller, input: WindowInput): Promise<ThreadWindow> {
  if (!(await parts.visibility.canSeeThread(caller, input.threadId))) throw new MusterError("thread_not_found");
  const found = await readWindow(parts, caller, input, "usual");
  const { surroundings, window } = found.mayLackRows ? await readWindow(parts, caller, input, "all") : found;
  const { isCut, turns: kept, ...rest } = fitWindow(window, surroundings);
  const oldest = kept.at(-1);
  const before = isCut && oldest !== undefined ? `${oldest.requestedAt}~${oldest.turnId}` : null;
  return { ...surroundings, ...rest, turns: [...kept].reverse(), page: { before, hasMore: isCut } };
}

async function readWindow({ store, generation }: ReadParts, caller: Caller, input: WindowInput, limit: RowLimit) {
  const [cursor, threads, projects, sessions, turns, messages, activities, checkpoints, approvals, plans] =
    await store.readTransaction(windowQueries(store.dialect, caller, input, limit));
  const thread = threads?.[0];
  const project = projects?.[0];
  const session = sessions?.[0];
  if (thread === undefined || project === undefined || session === undefined) throw new MusterError("thread_not_found");
  const turnRows = turns ?? [];
  const window: WindowParts = {
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
  const mayLackRows = (["messages", "activities", "approvals"] as const).some((list) =>
    mayLack(list, window[list].length, weighAll(window[list])),
  );
  return { surroundings, window, mayLackRows: limit === "usual" && mayLackRows };
}

function weighed<Table extends ProjectionTable>(table: Table, row: Row): ProjectionRows[Table] {
  const shown = fromSql(table, row);
  setWeight(shown, weightOfRow(row));
  return shown;
}

const planOf = (payload: unknown): PlanEntry[] =>
  typeof payload === "string" ? ((JSON.parse(payload) as { entries?: PlanEntry[] }).entries ?? []) : [];
