// The sweep's statements beside the demotion, which is in presence.ts.
import type { NodeId } from "@muster/contracts";
import { ANNOUNCEMENTS_MAX, change, list, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { RELEASES_PER_COMMIT_MAX } from "./limits.ts";

const { nodes, runtime_node_attachments: slots, runtime_node_presence: presence } = HUB_TABLES;

/** Whom the demotion will change; one more than may be announced one by one, because then all are announced together. */
export const silentNodes = select({
  request: { degradedBefore: text(), offlineBefore: text() },
  row: pick(presence, "space_id", "node_id"),
  sql: `SELECT space_id, node_id FROM runtime_node_presence
    WHERE (health_state = 'online' AND last_heartbeat_at < :degradedBefore)
      OR (health_state = 'degraded' AND last_heartbeat_at < :offlineBefore)
    LIMIT ${ANNOUNCEMENTS_MAX + 1}`,
});

const overdue = { ...pick(slots, "space_id", "id", "session_id", "participant_id", "node_id"), epoch: nodes.epoch };

export type OverdueSlot = RowOf<typeof overdue>;

/**
 * From the active slots, by their own index: machines that were given up stay in presence for ever, slots do not. CROSS JOIN,
 * because SQLite keeps to its order.
 */
export const overdueSlots = select({
  request: { before: text() },
  row: overdue,
  sql: `SELECT slot.space_id, slot.id, slot.session_id, slot.participant_id, slot.node_id, node.epoch
    FROM runtime_node_attachments slot CROSS JOIN runtime_node_presence presence CROSS JOIN nodes node
    WHERE slot.state IN ('registering', 'online', 'degraded')
      AND presence.space_id = slot.space_id AND presence.node_id = slot.node_id
      AND presence.health_state = 'offline' AND presence.last_heartbeat_at < :before
      AND node.space_id = slot.space_id AND node.node_id = slot.node_id
    ORDER BY slot.space_id LIMIT ${RELEASES_PER_COMMIT_MAX}`,
});

/** Only those whose node has still not been heard. */
export const releaseSlots = change({
  request: { ...ofSpace, slotIds: list(text(), RELEASES_PER_COMMIT_MAX), before: text(), at: text(), reason: text() },
  sql: `UPDATE runtime_node_attachments SET state = 'offline', detached_at = :at, detach_reason = :reason
    WHERE space_id = :spaceId AND id IN (:slotIds) AND state IN ('registering', 'online', 'degraded')
      AND EXISTS (SELECT presence.node_id FROM runtime_node_presence presence
        WHERE presence.space_id = runtime_node_attachments.space_id AND presence.node_id = runtime_node_attachments.node_id
          AND presence.health_state = 'offline' AND presence.last_heartbeat_at < :before)`,
});

/** What their processes knew until now is out of date. */
export const raiseEpochs = change({
  request: { ...ofSpace, nodeIds: list(text<NodeId>(), RELEASES_PER_COMMIT_MAX) },
  sql: "UPDATE nodes SET epoch = epoch + 1 WHERE space_id = :spaceId AND node_id IN (:nodeIds)",
});
