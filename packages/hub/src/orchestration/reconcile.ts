// What a node's hello means for running turns and for reverts. Turns the node runs and the hub does not are named to be stopped; turns
// the hub counts as running and the node has forgotten are settled, once its journal is in: it may tell how they ended.
import type { JournalId, NodeId, ThreadId, TurnId } from "@muster/contracts";
import { pick, type Store, select, text } from "@muster/store";
import type { NodeIdentity } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

export interface TurnPlace {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
}

/** Said so that the small index of turns that have not ended serves it. */
const RUNNING = "u.status IN ('queued', 'running') AND u.status = 'running'";

const { ingest_cursors: cursors, orchestration_effects: effects, projection_thread_turns: turns } = HUB_TABLES;

const ofNode = { ...ofSpace, nodeId: text<NodeId>() } as const;

const startedTurnsOf = select({
  request: ofNode,
  row: pick(turns, "thread_id", "turn_id"),
  sql: `SELECT u.thread_id, u.turn_id FROM projection_thread_turns u
    JOIN projection_threads t ON t.space_id = u.space_id AND t.thread_id = u.thread_id
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    WHERE u.space_id = :spaceId AND p.node_id = :nodeId AND ${RUNNING} AND EXISTS (
      SELECT 1 FROM orchestration_effects e WHERE e.space_id = u.space_id AND e.thread_id = u.thread_id AND e.turn_id = u.turn_id
      AND e.kind = 'node.turn.start' AND e.status = 'succeeded')`,
});

const journalsOf = select({
  request: ofNode,
  row: pick(cursors, "journal_id"),
  sql: "SELECT journal_id FROM ingest_cursors WHERE space_id = :spaceId AND node_id = :nodeId",
});

const untoldRevertsOf = select({
  request: ofNode,
  row: pick(effects, "thread_id", "payload_json"),
  sql: `SELECT e.thread_id, e.payload_json FROM orchestration_effects e
    WHERE e.space_id = :spaceId AND e.node_id = :nodeId AND e.status = 'succeeded' AND e.kind = 'node.checkpoint.revert'
    AND NOT EXISTS (SELECT 1 FROM orchestration_events x WHERE x.space_id = e.space_id AND x.aggregate_kind = 'thread'
      AND x.stream_id = e.thread_id AND x.event_type = 'thread.reverted' AND x.sequence > e.event_sequence)`,
});

const runningTurnsOf = select({
  request: ofNode,
  row: pick(turns, "turn_id"),
  sql: `SELECT u.turn_id FROM projection_projects p
    JOIN projection_threads t ON t.space_id = p.space_id AND t.project_id = p.project_id
    JOIN projection_thread_turns u ON u.space_id = t.space_id AND u.thread_id = t.thread_id AND ${RUNNING}
    WHERE p.space_id = :spaceId AND p.node_id = :nodeId`,
});

/** Running turns of a node whose start it has taken over. */
export async function startedTurns(store: Store, { spaceId, nodeId }: NodeIdentity): Promise<TurnPlace[]> {
  const rows = await store.read(startedTurnsOf(store.dialect, { spaceId, nodeId }));
  return rows.map((row) => ({ threadId: row.thread_id, turnId: row.turn_id }));
}

export interface OpenRevert {
  readonly threadId: ThreadId;
  readonly turnCount: number;
  readonly mode: "both" | "files" | "conversation";
}

/**
 * Reverts that their node took over and did, and never told of: its journal, which they stood in, is gone. Asked only
 * for a node that comes with a journal never seen here.
 */
export async function untoldReverts(
  store: Store,
  { spaceId, nodeId }: NodeIdentity,
  journalId: JournalId,
): Promise<OpenRevert[]> {
  const journals = await store.read(journalsOf(store.dialect, { spaceId, nodeId }));
  if (journals.length === 0 || journals.some((row) => row.journal_id === journalId)) return [];
  const rows = await store.read(untoldRevertsOf(store.dialect, { spaceId, nodeId }));
  return rows.map((row) => {
    const { turnCount, mode } = JSON.parse(row.payload_json) as Omit<OpenRevert, "threadId">;
    return { threadId: row.thread_id, turnCount, mode };
  });
}

/** Of the turns that a node says it runs, those that do not run here, or not on it. */
export async function turnsToStop(
  store: Store,
  { spaceId, nodeId }: NodeIdentity,
  claimed: readonly TurnPlace[],
): Promise<TurnPlace[]> {
  if (claimed.length === 0) return [];
  const rows = await store.read(runningTurnsOf(store.dialect, { spaceId, nodeId }));
  const running = new Set(rows.map((row) => row.turn_id));
  return claimed.filter((turn) => !running.has(turn.turnId));
}

export interface Lost {
  readonly turns: readonly TurnPlace[];
  readonly reverts: readonly OpenRevert[];
}
const NOTHING: Lost = { turns: [], reverts: [] };

/** What to end when a journal has been ingested far enough. One hello counts per node: the newest. */
export class Forgotten {
  readonly #waiting = new Map<
    string,
    { readonly journalId: JournalId; readonly journalSequence: number; readonly lost: Lost }
  >();

  wait(node: NodeIdentity, journalId: JournalId, journalSequence: number, lost: Lost): void {
    if (lost.turns.length + lost.reverts.length === 0) this.#waiting.delete(keyOf(node));
    else this.#waiting.set(keyOf(node), { journalId, journalSequence, lost });
  }

  /** What has been waited for long enough. */
  ingested(node: NodeIdentity, journalId: JournalId, lastSequence: number): Lost {
    const waiting = this.#waiting.get(keyOf(node));
    if (waiting === undefined || waiting.journalId !== journalId || lastSequence < waiting.journalSequence)
      return NOTHING;
    this.#waiting.delete(keyOf(node));
    return waiting.lost;
  }
}

const keyOf = (node: NodeIdentity): string => `${node.spaceId}/${node.nodeId}`;
