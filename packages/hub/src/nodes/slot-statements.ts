// The statements by which a node that connects, its owner, or the owner of a session, changes slots. Each decides and writes at once: whose node it
// is, whether the session takes it, and that a revoked slot is never touched.
import type { PrincipalId, SessionId } from "@muster/contracts";
import { change, integer, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { CONTRIBUTES } from "./standing.ts";
import { ofNode } from "./statements.ts";

const { nodes, runtime_node_attachments: slots, sessions, spaces } = HUB_TABLES;

const ofSlot = { ...ofSpace, slotId: text() } as const;
const ofNodeInSession = { ...ofNode, sessionId: text<SessionId>() } as const;

/** The uplink is up: a socket carries the node, and it has not been silent for as long as takes it for dead. */
const IS_UP = `EXISTS (SELECT presence.node_id FROM runtime_node_presence presence
  WHERE presence.space_id = :spaceId AND presence.node_id = :nodeId AND presence.connection_id IS NOT NULL
    AND presence.health_state <> 'offline')`;

const connecting = {
  ...pick(nodes, "epoch", "incarnation", "owner"),
  default_session_id: spaces.default_session_id,
  min_client_version: sessions.min_client_version,
  contributes: integer(),
};
export type ConnectingNode = RowOf<typeof connecting>;

/** What a node that connects is measured by; the session is the space's default one. */
export const connectingNode = select({
  request: ofNode,
  row: connecting,
  sql: `SELECT node.epoch, node.incarnation, node.owner, spaces.default_session_id, session.min_client_version,
      ${CONTRIBUTES} AS contributes
    FROM nodes node JOIN spaces ON spaces.space_id = node.space_id
    LEFT JOIN sessions session ON session.space_id = spaces.space_id AND session.session_id = spaces.default_session_id
    WHERE node.space_id = :spaceId AND node.node_id = :nodeId`,
});

/** Makes the slot or takes it again, for the owner of the node alone, in a session that is active and not full. */
export const attachSlot = change({
  request: {
    ...ofNodeInSession,
    slotId: text(),
    ownerId: text<PrincipalId>(),
    capabilities: text(),
    clientVersion: text(),
    at: text(),
    slotsMax: integer(),
  },
  row: pick(slots, "id", "epoch", "attached_at"),
  sql: `INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, capabilities_json,
      client_version, state, epoch, attached_at, detached_at, detach_reason)
    SELECT nodes.space_id, :slotId, sessions.session_id, nodes.owner, nodes.node_id, :capabilities, :clientVersion,
      'registering', nodes.epoch, :at, NULL, NULL
    FROM nodes
    JOIN sessions ON sessions.space_id = nodes.space_id AND sessions.session_id = :sessionId AND sessions.state = 'active'
    WHERE nodes.space_id = :spaceId AND nodes.node_id = :nodeId AND nodes.owner = :ownerId
      AND (SELECT count(*) FROM runtime_node_attachments other WHERE other.space_id = :spaceId
        AND other.session_id = :sessionId AND other.state <> 'revoked' AND other.node_id <> :nodeId) < :slotsMax
    ON CONFLICT (space_id, node_id, session_id) DO UPDATE SET participant_id = excluded.participant_id,
      capabilities_json = excluded.capabilities_json, client_version = excluded.client_version, state = excluded.state,
      epoch = excluded.epoch, attached_at = excluded.attached_at, detached_at = excluded.detached_at,
      detach_reason = excluded.detach_reason
    WHERE runtime_node_attachments.state <> 'revoked'
    RETURNING id, epoch, attached_at`,
});

/** What a slot waits for is there: capabilities were declared, and the uplink is up. */
export const openIfUp = change({
  request: ofNode,
  sql: `UPDATE runtime_node_attachments SET state = 'online'
    WHERE space_id = :spaceId AND node_id = :nodeId AND state = 'registering' AND capabilities_json IS NOT NULL AND ${IS_UP}`,
});

export const logAttached = change({
  request: { ...ofNodeInSession, logId: text(), at: text() },
  sql: `INSERT INTO runtime_node_attachment_log (space_id, log_id, attachment_id, session_id, participant_id, node_id,
      action, epoch, reason, at)
    SELECT space_id, :logId, id, session_id, participant_id, node_id, 'attached', epoch, NULL, :at
    FROM runtime_node_attachments WHERE space_id = :spaceId AND node_id = :nodeId AND session_id = :sessionId`,
});

/** What an attach is measured by. */
export const attachFacts = select({
  request: ofNodeInSession,
  row: { ...pick(sessions, "state", "min_client_version"), slots: integer() },
  sql: `SELECT sessions.state, sessions.min_client_version, (SELECT count(*) FROM runtime_node_attachments slot WHERE slot.space_id = :spaceId
      AND slot.session_id = :sessionId AND slot.state <> 'revoked' AND slot.node_id <> :nodeId) AS slots
    FROM sessions WHERE sessions.space_id = :spaceId AND sessions.session_id = :sessionId`,
});

const slot = pick(slots, "id", "session_id", "participant_id", "state", "epoch");

/** There is at most one. */
export const activeSlot = select({
  request: ofNode,
  row: slot,
  sql: `SELECT id, session_id, participant_id, state, epoch FROM runtime_node_attachments
    WHERE space_id = :spaceId AND node_id = :nodeId AND state IN ('registering', 'online', 'degraded')`,
});

export const slotInSession = select({
  request: ofNodeInSession,
  row: slot,
  sql: `SELECT id, session_id, participant_id, state, epoch FROM runtime_node_attachments
    WHERE space_id = :spaceId AND node_id = :nodeId AND session_id = :sessionId`,
});

const endSlot = (state: "offline" | "revoked") =>
  change({
    request: { ...ofSlot, at: text(), reason: text() },
    sql: `UPDATE runtime_node_attachments SET state = '${state}', detached_at = :at, detach_reason = :reason
      WHERE space_id = :spaceId AND id = :slotId AND state <> 'revoked'`,
  });

export const detachSlot = endSlot("offline");
export const revokeSlot = endSlot("revoked");

/** Whatever the node's processes knew until now is out of date. */
export const raiseEpoch = change({
  request: { ...ofNode, epoch: nodes.epoch },
  sql: "UPDATE nodes SET epoch = epoch + 1 WHERE space_id = :spaceId AND node_id = :nodeId AND epoch = :epoch",
});

/** Declares everything anew. A slot that registered opens when the uplink is up; any other state is what `healthState` says. */
export const declareCapabilities = change({
  request: { ...ofNode, ...ofSlot, capabilities: text(), healthState: text<"online" | "degraded">() },
  row: pick(slots, "state"),
  sql: `UPDATE runtime_node_attachments SET capabilities_json = :capabilities,
      state = CASE WHEN state <> 'registering' THEN :healthState WHEN ${IS_UP} THEN 'online' ELSE state END
    WHERE space_id = :spaceId AND node_id = :nodeId AND id = :slotId AND state IN ('registering', 'online', 'degraded')
    RETURNING state`,
});
