// Running turns that their node can no longer end, found in the tables of nodes. Each is settled under a condition that
// the append proves once more, so that a node that comes back in the same moment keeps its turn. A node is missed only for
// as long as this process was there to hear it.
import type { SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { isoTime } from "@muster/core";
import { nullable, pick, type Query, type Store, select, text } from "@muster/store";
import { givenUpBefore, type Look } from "../attention.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

export interface LostTurn {
  readonly spaceId: SpaceId;
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
  readonly reason: "node_lost" | "node_offline";
  /** Gives a row as long as the turn is lost. */
  readonly condition: Query;
}

/** Turns settled by one look; the next look takes the others. */
const LOST_TURNS_MAX = 256;

const LOST = `
  SELECT u.space_id, u.thread_id, u.turn_id, h.last_heartbeat_at,
         CASE WHEN a.state IN ('offline', 'revoked') OR h.last_heartbeat_at < :before THEN 'node_lost' ELSE 'node_offline' END AS reason
    FROM projection_thread_turns u
    JOIN projection_threads t ON t.space_id = u.space_id AND t.thread_id = u.thread_id
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    LEFT JOIN runtime_node_attachments a ON a.space_id = p.space_id AND a.node_id = p.node_id AND a.session_id = p.session_id
    LEFT JOIN runtime_node_presence h ON h.space_id = p.space_id AND h.node_id = p.node_id
   WHERE u.status IN ('queued', 'running') AND u.status = 'running' AND (
         a.state IN ('offline', 'revoked')
      OR (h.health_state = 'offline' AND h.last_heartbeat_at < :before AND u.started_at < :before)
      OR (h.health_state = 'offline' AND EXISTS (
           SELECT 1 FROM orchestration_effects e WHERE e.space_id = u.space_id AND e.thread_id = u.thread_id AND e.turn_id = u.turn_id
              AND e.kind = 'node.turn.interrupt' AND e.status IN ('pending', 'running'))))`;

const lost = {
  ...pick(HUB_TABLES.projection_thread_turns, "space_id", "thread_id", "turn_id"),
  last_heartbeat_at: nullable(HUB_TABLES.runtime_node_presence.last_heartbeat_at),
  reason: text<LostTurn["reason"]>(),
};

const allLost = select({
  request: { before: text() },
  row: lost,
  sql: `${LOST} ORDER BY u.started_at, u.turn_id LIMIT ${LOST_TURNS_MAX}`,
});

const stillLost = select({
  request: { before: text(), ...ofSpace, turnId: text<TurnId>() },
  row: lost,
  sql: `${LOST} AND u.space_id = :spaceId AND u.turn_id = :turnId`,
});

/**
 * A turn that was started while its node was away waits for it as long as one that was under way: its own start counts
 * beside the node's last heartbeat.
 */
export async function lostTurns(store: Store, look: Look, slotLeaseMs: number): Promise<LostTurn[]> {
  const beforeMs = givenUpBefore(look, slotLeaseMs);
  // No time is before the empty one.
  const before = beforeMs === null ? "" : isoTime(beforeMs);
  const rows = await store.read(allLost(store.dialect, { before }));
  return rows.map(({ space_id: spaceId, thread_id: threadId, turn_id: turnId, reason }) => ({
    spaceId,
    threadId,
    turnId,
    reason,
    condition: stillLost(store.dialect, { before, spaceId, turnId }),
  }));
}
