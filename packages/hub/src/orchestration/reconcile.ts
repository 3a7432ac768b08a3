// What a node's hello means for running turns. Turns the node runs and the hub does not are named to be stopped; turns
// the hub counts as running and the node has forgotten are settled, once its journal is in: it may tell how they ended.
import type { JournalId, ThreadId, TurnId } from "@muster/contracts";
import type { Store } from "@muster/store";
import type { NodeIdentity } from "../ports.ts";
import { query } from "./placeholders.ts";

export interface TurnPlace {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
}

/** Running turns of a node whose start it has taken over. */
export async function startedTurns(store: Store, node: NodeIdentity): Promise<TurnPlace[]> {
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT u.thread_id, u.turn_id FROM projection_thread_turns u
       JOIN projection_threads t ON t.space_id = u.space_id AND t.thread_id = u.thread_id
       JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
       WHERE u.space_id = ? AND p.node_id = ? AND u.status = 'running' AND EXISTS (
         SELECT 1 FROM orchestration_effects e WHERE e.space_id = u.space_id AND e.thread_id = u.thread_id AND e.turn_id = u.turn_id
         AND e.kind = 'node.turn.start' AND e.status = 'succeeded')`,
      node.spaceId,
      node.nodeId,
    ),
  );
  return rows.map((row) => ({ threadId: row["thread_id"] as ThreadId, turnId: row["turn_id"] as TurnId }));
}

/** Of the turns that a node says it runs, those that do not run here, or not on it. */
export async function turnsToStop(
  store: Store,
  node: NodeIdentity,
  claimed: readonly TurnPlace[],
): Promise<TurnPlace[]> {
  if (claimed.length === 0) return [];
  const rows = await store.read(
    query(
      store.dialect,
      `SELECT u.turn_id FROM projection_projects p
       JOIN projection_threads t ON t.space_id = p.space_id AND t.project_id = p.project_id
       JOIN projection_thread_turns u ON u.space_id = t.space_id AND u.thread_id = t.thread_id AND u.status = 'running'
       WHERE p.space_id = ? AND p.node_id = ?`,
      node.spaceId,
      node.nodeId,
    ),
  );
  const running = new Set(rows.map((row) => row["turn_id"]));
  return claimed.filter((turn) => !running.has(turn.turnId));
}

/** Turns to settle when a journal has been ingested far enough. One hello counts per node: the newest. */
export class Forgotten {
  readonly #waiting = new Map<
    string,
    { readonly journalId: JournalId; readonly journalSequence: number; readonly turns: readonly TurnPlace[] }
  >();

  wait(node: NodeIdentity, journalId: JournalId, journalSequence: number, turns: readonly TurnPlace[]): void {
    if (turns.length === 0) this.#waiting.delete(keyOf(node));
    else this.#waiting.set(keyOf(node), { journalId, journalSequence, turns });
  }

  /** The turns whose wait is over. */
  ingested(node: NodeIdentity, journalId: JournalId, lastSequence: number): readonly TurnPlace[] {
    const waiting = this.#waiting.get(keyOf(node));
    if (waiting === undefined || waiting.journalId !== journalId || lastSequence < waiting.journalSequence) return [];
    this.#waiting.delete(keyOf(node));
    return waiting.turns;
  }
}

const keyOf = (node: NodeIdentity): string => `${node.spaceId}/${node.nodeId}`;
