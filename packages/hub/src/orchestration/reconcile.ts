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

/** Turns that a node says it runs and that have ended here. */
export async function turnsToStop(
  store: Store,
  node: NodeIdentity,
  claimed: readonly TurnPlace[],
): Promise<TurnPlace[]> {
  const stop: TurnPlace[] = [];
  for (const turn of claimed) {
    const rows = await store.read(
      query(
        store.dialect,
        "SELECT status FROM projection_thread_turns WHERE space_id = ? AND turn_id = ?",
        node.spaceId,
        turn.turnId,
      ),
    );
    if (rows[0]?.["status"] !== "running") stop.push(turn);
  }
  return stop;
}

/** Turns to settle when a journal has been ingested far enough. */
export class Forgotten {
  readonly #waiting = new Map<string, { readonly journalSequence: number; readonly turns: readonly TurnPlace[] }>();

  wait(node: NodeIdentity, journalId: JournalId, journalSequence: number, turns: readonly TurnPlace[]): void {
    const key = keyOf(node, journalId);
    if (turns.length === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, { journalSequence, turns });
  }

  /** The turns whose wait is over. */
  ingested(node: NodeIdentity, journalId: JournalId, lastSequence: number): readonly TurnPlace[] {
    const key = keyOf(node, journalId);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || lastSequence < waiting.journalSequence) return [];
    this.#waiting.delete(key);
    return waiting.turns;
  }
}

const keyOf = (node: NodeIdentity, journalId: JournalId): string => `${node.spaceId}/${node.nodeId}/${journalId}`;
