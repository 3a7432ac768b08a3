// The window of a thread: its newest turns, or those before a page, with everything that belongs to them. The newest
// window also holds what runs and what waits for an answer, however many turns are queued behind it. Read in one
// transaction together with the projector cursors; what the database hands over is bounded there already. Read once
// more only where thousands of rows are so small that more of them fit.
import type { PlanEntry, SpaceId, ThreadWindow } from "@muster/contracts";
import type { ProjectionRows, ProjectionTable } from "@muster/core";
import type { Store } from "@muster/store";
import type { HubRow } from "../schema/index.ts";
import { fromSql, weightOfRow } from "./columns.ts";
import { behind, fitWindow, setWeight, type WindowParts, weighAll } from "./read-budget.ts";
import { cursorOf } from "./reads.ts";
import { projectionCursor } from "./snapshot-queries.ts";
import { mayLack, type RowLimit, type WindowInput, windowQueries } from "./window-queries.ts";

/** Plain data, for it may travel to a thread of the store. */
export interface WindowRequest {
  readonly generation: string;
  readonly spaceId: SpaceId;
  readonly input: WindowInput;
}

type Reads = Pick<Store, "dialect" | "readTransaction">;

/** Null where there is no such thread, or none any more. */
export async function readWindow(reads: Reads, request: WindowRequest): Promise<ThreadWindow | null> {
  const usual = await readRows(reads, request, "usual");
  const found = usual?.mayLackRows ? await readRows(reads, request, "all") : usual;
  if (found === null) return null;
  const { surroundings, window } = found;
  const { isCut, turns: kept, heldTurns, ...rest } = fitWindow(window, surroundings);
  // Held turns stand before a gap: the next page begins behind the others, and has them again where they belong.
  const oldest = kept.at(-1);
  const before = isCut && oldest !== undefined ? `${oldest.requestedAt}~${oldest.turnId}` : null;
  return {
    ...surroundings,
    ...rest,
    turns: [...kept, ...behind(kept, heldTurns)].reverse(),
    page: { before, hasMore: isCut },
  };
}

async function readRows(reads: Reads, { generation, spaceId, input }: WindowRequest, limit: RowLimit) {
  const [
    [cursor],
    [thread],
    [project],
    [session],
    turns,
    messages,
    activities,
    checkpoints,
    approvals,
    plans,
    held,
    pending,
  ] = await rowsOf(reads, spaceId, input, limit);
  if (thread === undefined || project === undefined || session === undefined) return null;
  const window: WindowParts = {
    turns: turns.slice(0, input.turnLimit).map((row) => weighed("projection_thread_turns", row)),
    heldTurns: held.map((row) => weighed("projection_thread_turns", row)),
    messages: messages.map((row) => weighed("projection_thread_messages", row)).reverse(),
    activities: activities.map((row) => weighed("projection_thread_activities", row)).reverse(),
    checkpoints: checkpoints.map((row) => weighed("projection_checkpoints", row)).reverse(),
    approvals: merged(approvals, pending).map((row) => weighed("projection_pending_approvals", row)),
    plan: planOf(plans[0]?.payload_json),
    isCut: turns.length > input.turnLimit,
  };
  const surroundings = {
    generation,
    snapshotSequence: cursor?.sequence ?? 0,
    thread: fromSql("projection_threads", thread),
    project: fromSql("projection_projects", project),
    session: fromSql("projection_thread_sessions", session),
  };
  const mayLackRows = (["messages", "activities", "approvals"] as const).some((list) =>
    mayLack(list, window[list].length, weighAll(window[list])),
  );
  return { surroundings, window, mayLackRows: limit === "usual" && mayLackRows };
}

/** The answers of all queries of a window. The newest has two more: what it holds and what waits for an answer. */
async function rowsOf(
  reads: Reads,
  spaceId: SpaceId,
  { threadId, turnLimit, before: beforeText }: WindowInput,
  limit: RowLimit,
) {
  const { dialect } = reads;
  const before = beforeText === undefined ? null : cursorOf(beforeText);
  const ids = { spaceId, threadId };
  const values = { ...ids, turnLimit, time: before?.time ?? "", turn: before?.id ?? "" };
  const ofTurns = before === null ? windowQueries.newest : windowQueries.older;
  const rows = ofTurns[limit];
  const usual = [
    projectionCursor(dialect, {}),
    windowQueries.thread(dialect, ids),
    windowQueries.project(dialect, ids),
    windowQueries.session(dialect, ids),
    ofTurns.turns(dialect, values),
    rows.messages(dialect, values),
    rows.activities(dialect, values),
    ofTurns.checkpoints(dialect, values),
    rows.approvals(dialect, values),
    windowQueries.plan(dialect, ids),
  ] as const;
  return before === null
    ? reads.readTransaction([...usual, windowQueries.held(dialect, ids), windowQueries.pending(dialect, ids)])
    : ([...(await reads.readTransaction(usual)), [], []] as const);
}

/** Approvals of the window's turns and those that wait, each once and oldest first. */
function merged(
  ofTurns: readonly HubRow<"projection_pending_approvals">[],
  pending: readonly HubRow<"projection_pending_approvals">[],
): HubRow<"projection_pending_approvals">[] {
  const known = new Set(ofTurns.map((row) => row.request_id));
  const missing = pending.filter((row) => !known.has(row.request_id));
  const place = (row: HubRow<"projection_pending_approvals">): string => `${row.created_at}~${row.request_id}`;
  return [...ofTurns, ...missing].sort((first, second) => (place(first) < place(second) ? -1 : 1));
}

function weighed<Table extends ProjectionTable>(table: Table, row: HubRow<Table>): ProjectionRows[Table] {
  const shown = fromSql(table, row);
  setWeight(shown, weightOfRow(row));
  return shown;
}

const planOf = (payload: string | undefined): PlanEntry[] =>
  payload === undefined ? [] : ((JSON.parse(payload) as { entries?: PlanEntry[] }).entries ?? []);
