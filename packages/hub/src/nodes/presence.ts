// Liveness: statements on `runtime_node_presence`, each one that decides and writes at once. The clock is the hub's.
import type { NodeHealth, PrincipalId } from "@muster/contracts";
import { change, integer, pick, select, text } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { ofNode } from "./statements.ts";

const { runtime_node_presence: presence } = HUB_TABLES;

const onConnection = { ...ofNode, connectionId: text() } as const;
const beat = { ...onConnection, at: text(), healthState: text<NodeHealth>() } as const;

export const healthOf = select({
  request: ofNode,
  row: pick(presence, "health_state"),
  sql: "SELECT health_state FROM runtime_node_presence WHERE space_id = :spaceId AND node_id = :nodeId",
});

export const connectionOf = select({
  request: ofNode,
  row: pick(presence, "connection_id"),
  sql: "SELECT connection_id FROM runtime_node_presence WHERE space_id = :spaceId AND node_id = :nodeId",
});

/** The node is alive on this connection, whatever was known of it. */
export const connectPresence = change({
  request: beat,
  sql: `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
    VALUES (:spaceId, :nodeId, :connectionId, :at, :healthState)
    ON CONFLICT (space_id, node_id) DO UPDATE SET connection_id = excluded.connection_id,
      last_heartbeat_at = excluded.last_heartbeat_at, health_state = excluded.health_state`,
});

/** Writes only where the epoch is the node's newest and presence carries this connection; else it changes no row. */
export const beatPresence = change({
  request: { ...beat, epoch: integer() },
  sql: `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
    SELECT space_id, node_id, :connectionId, :at, :healthState FROM nodes
    WHERE space_id = :spaceId AND node_id = :nodeId AND epoch = :epoch
    ON CONFLICT (space_id, node_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at,
      health_state = excluded.health_state
    WHERE runtime_node_presence.connection_id = :connectionId`,
});

/**
 * The node is about to connect, which is a sign of life: in doubt from now on, so that one that never comes is given up like any
 * other, and one that was given up before has its time anew. What is known of a node that is there stays.
 */
export const awaitPresence = change({
  request: { ...ofNode, at: text() },
  sql: `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
    VALUES (:spaceId, :nodeId, NULL, :at, 'degraded')
    ON CONFLICT (space_id, node_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at,
      connection_id = CASE WHEN runtime_node_presence.health_state <> 'offline' THEN runtime_node_presence.connection_id END,
      health_state = CASE WHEN runtime_node_presence.health_state <> 'offline' THEN runtime_node_presence.health_state
        ELSE excluded.health_state END`,
});

/** A sign of life that came with no connection; the one that carries the node stays. */
export const attachPresence = change({
  request: { ...ofNode, at: text(), healthState: text<NodeHealth>() },
  sql: `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
    VALUES (:spaceId, :nodeId, NULL, :at, :healthState)
    ON CONFLICT (space_id, node_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at,
      health_state = excluded.health_state`,
});

/** As the node's owner says it, for the node's newest epoch; else it changes no row. */
export const beatPresenceByOwner = change({
  request: { ...ofNode, ownerId: text<PrincipalId>(), epoch: integer(), at: text(), healthState: text<NodeHealth>() },
  sql: `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
    SELECT space_id, node_id, NULL, :at, :healthState FROM nodes
    WHERE space_id = :spaceId AND node_id = :nodeId AND owner = :ownerId AND epoch = :epoch
    ON CONFLICT (space_id, node_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at,
      health_state = excluded.health_state`,
});

/**
 * The connection is no more, and the node is doubted. Only where presence still carries it: a late notice never demotes a
 * node that has moved.
 */
export const doubtPresence = change({
  request: onConnection,
  sql: `UPDATE runtime_node_presence SET connection_id = NULL,
      health_state = CASE WHEN health_state = 'online' THEN 'degraded' ELSE health_state END
    WHERE space_id = :spaceId AND node_id = :nodeId AND connection_id = :connectionId`,
});
