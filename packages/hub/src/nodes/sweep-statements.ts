// The sweep's statements: who has been silent, who was away for too long, and what becomes of them.
import type { NodeId } from "@muster/contracts";
import { change, list, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { DEMOTIONS_MAX, RELEASES_PER_COMMIT_MAX } from "./limits.ts";

const { nodes, runtime_node_attachments: slots, runtime_node_presence: presence } = HUB_TABLES;

const silence = { degradedBefore: text(), offlineBefore: text() } as const;

/**
 * The silent of one state, by the index, the longest silent first. The order and the limit are for PostgreSQL: all it knows of
 * these times is old, so that by its guess every machine is silent, and it would rather read the whole table.
 */
const silentOf = (columns: string, state: "online" | "degraded", max: number): string =>
  `SELECT ${columns} FROM runtime_node_presence
    WHERE health_state = '${state}' AND last_heartbeat_at < ${state === "online" ? ":degradedBefore" : ":offlineBefore"}
    ORDER BY last_heartbeat_at LIMIT ${max}`;

/** More than a demotion takes: then it is not known here whom it will change. */
const KNOWN_MAX = DEMOTIONS_MAX + 1;

/** Whom the demotion will change; more than may be announced where it will leave some to the next. */
export const silentNodes = select({
  request: silence,
  row: pick(presence, "space_id", "node_id"),
  sql: `SELECT space_id, node_id FROM (${silentOf("space_id, node_id", "online", KNOWN_MAX)}) AS online
    UNION ALL
    SELECT space_id, node_id FROM (${silentOf("space_id, node_id", "degraded", KNOWN_MAX)}) AS degraded`,
});

const DEMOTED = "CASE WHEN last_heartbeat_at < :offlineBefore THEN 'offline' ELSE 'degraded' END";

/** Demotes what has been silent too long, and gives back the rows it changed; both branches walk the index on health and time. */
export const demoteSilent = change({
  request: silence,
  row: pick(presence, "space_id", "node_id", "last_heartbeat_at"),
  sql: {
    // Unlikely, because one that was analyzed takes all machines of a state for silent, and would rather read them all.
    sqlite: `UPDATE runtime_node_presence SET health_state = ${DEMOTED}
      WHERE (health_state = 'online' AND unlikely(last_heartbeat_at < :degradedBefore))
        OR (health_state = 'degraded' AND unlikely(last_heartbeat_at < :offlineBefore))
      RETURNING space_id, node_id, last_heartbeat_at`,
    // By the places of the rows: whatever is thought of their number, nothing else is looked at.
    postgres: `UPDATE runtime_node_presence SET health_state = ${DEMOTED}
      WHERE ctid = ANY (ARRAY(${silentOf("ctid", "online", DEMOTIONS_MAX)}))
        OR ctid = ANY (ARRAY(${silentOf("ctid", "degraded", DEMOTIONS_MAX)}))
      RETURNING space_id, node_id, last_heartbeat_at`,
  },
});

const overdue = { ...pick(slots, "space_id", "id", "session_id", "participant_id", "node_id"), epoch: nodes.epoch };

export type OverdueSlot = RowOf<typeof overdue>;

/**
 * Of nodes that were last heard in this time. From presence, by its index: CROSS JOIN, because SQLite keeps to its order. The
 * beginning of the time keeps it short, because machines that were given up stay in presence for ever.
 */
export const overdueSlots = select({
  request: { since: text(), before: text() },
  row: overdue,
  sql: `SELECT slot.space_id, slot.id, slot.session_id, slot.participant_id, slot.node_id, node.epoch
    FROM runtime_node_presence presence CROSS JOIN runtime_node_attachments slot CROSS JOIN nodes node
    WHERE presence.health_state = 'offline' AND presence.last_heartbeat_at >= :since AND presence.last_heartbeat_at < :before
      AND slot.space_id = presence.space_id AND slot.node_id = presence.node_id
      AND slot.state IN ('registering', 'online', 'degraded')
      AND node.space_id = slot.space_id AND node.node_id = slot.node_id
    ORDER BY presence.last_heartbeat_at LIMIT ${RELEASES_PER_COMMIT_MAX}`,
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
