// The statements of enrolled nodes and of their slots; those of liveness are in presence.ts.
import type { NodeId, PrincipalId, SessionId } from "@muster/contracts";
import { change, integer, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace, type SlotState } from "../schema/index.ts";

const { nodes, runtime_node_attachments: slots, sessions } = HUB_TABLES;

export const ofNode = { ...ofSpace, nodeId: text<NodeId>() } as const;
const ofSlot = { ...ofSpace, slotId: text() } as const;
const declared = { capabilities: text(), clientVersion: text() } as const;

export const nodeOf = select({
  request: ofNode,
  row: pick(nodes, "owner", "public_key", "epoch"),
  sql: "SELECT owner, public_key, epoch FROM nodes WHERE space_id = :spaceId AND node_id = :nodeId",
});

const newest = {
  ...pick(slots, "id", "session_id", "state", "detach_reason"),
  session_state: sessions.state,
  min_client_version: sessions.min_client_version,
};
export type NewestSlot = RowOf<typeof newest>;

/** The order in which the one slot that counts comes before all that ended, and of those the newest. */
export const activeFirst = (slot: string): string =>
  `CASE WHEN ${slot}.state IN ('registering', 'online', 'degraded') THEN 0 ELSE 1 END, ${slot}.attached_at DESC, ${slot}.id DESC`;

/** The node's active slot; where it has none, the one that it had last. */
export const newestSlot = select({
  request: ofNode,
  row: newest,
  sql: `SELECT slot.id, slot.session_id, slot.state, slot.detach_reason, session.state AS session_state,
      session.min_client_version
    FROM runtime_node_attachments slot
    JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
    WHERE slot.space_id = :spaceId AND slot.node_id = :nodeId
    ORDER BY ${activeFirst("slot")} LIMIT 1`,
});

/** It may work in its session, or is about to. */
export const isActive = (state: SlotState): boolean => state !== "offline" && state !== "revoked";

export const startIncarnation = change({
  request: { ...ofNode, epoch: integer(), incarnation: text() },
  sql: "UPDATE nodes SET epoch = :epoch, incarnation = :incarnation WHERE space_id = :spaceId AND node_id = :nodeId",
});

/** A slot that is kept stays as it is: only what its node says of itself may be new. */
export const redeclareSlot = change({
  request: { ...ofSlot, ...declared },
  sql: `UPDATE runtime_node_attachments SET capabilities_json = :capabilities, client_version = :clientVersion
    WHERE space_id = :spaceId AND id = :slotId`,
});

/** Makes the slot, or takes again the one that is there; never one that was revoked. */
export const takeSlot = change({
  request: {
    ...ofNode,
    ...ofSlot,
    ...declared,
    sessionId: text<SessionId>(),
    ownerId: text<PrincipalId>(),
    epoch: integer(),
    at: text(),
  },
  sql: `INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, capabilities_json,
      client_version, state, epoch, attached_at, detached_at, detach_reason)
    VALUES (:spaceId, :slotId, :sessionId, :ownerId, :nodeId, :capabilities, :clientVersion, 'registering', :epoch, :at, NULL, NULL)
    ON CONFLICT (space_id, node_id, session_id) DO UPDATE SET participant_id = excluded.participant_id,
      capabilities_json = excluded.capabilities_json, client_version = excluded.client_version, state = excluded.state,
      epoch = excluded.epoch, attached_at = excluded.attached_at, detached_at = excluded.detached_at,
      detach_reason = excluded.detach_reason
    WHERE runtime_node_attachments.state <> 'revoked'`,
});

export const openSlot = change({
  request: ofSlot,
  sql: `UPDATE runtime_node_attachments SET state = 'online'
    WHERE space_id = :spaceId AND id = :slotId AND state = 'registering'`,
});
