// What a node may do in a session beside its slot, derived each time and never stored: below the session's version floor it
// may only read; where its owner may contribute no machine, or the session is not active, it is suspended.
import { MusterError } from "@muster/contracts";
import { integer, pick, type RowOf, select } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { ofNode } from "./statements.ts";
import { isBelowFloor } from "./version.ts";

const { runtime_node_attachments: slots, sessions } = HUB_TABLES;

/** 1 where the session `session` is active and the owner of the node `node` has a contributing membership in it, else 0. */
export const CONTRIBUTES = `CASE WHEN session.state = 'active' AND EXISTS (SELECT member.role FROM session_memberships member
    WHERE member.space_id = session.space_id AND member.session_id = session.session_id AND member.participant_id = node.owner
      AND member.state = 'active' AND member.role IN ('owner', 'runtime_contributor')) THEN 1 ELSE 0 END`;

const standing = {
  ...pick(slots, "id", "state", "client_version"),
  min_client_version: sessions.min_client_version,
  contributes: integer(),
};
export type Standing = RowOf<typeof standing>;

/** Of the node's active slot: none or one. */
export const standingOf = select({
  request: ofNode,
  row: standing,
  sql: `SELECT slot.id, slot.state, slot.client_version, session.min_client_version, ${CONTRIBUTES} AS contributes
    FROM runtime_node_attachments slot
    JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
    JOIN nodes node ON node.space_id = slot.space_id AND node.node_id = slot.node_id
    WHERE slot.space_id = :spaceId AND slot.node_id = :nodeId AND slot.state IN ('registering', 'online', 'degraded')`,
});

/**
 * Throws `runtimenode.permission_denied` for a suspended node, `version.floor_exceeded` for one below the floor. A stored
 * floor that is none throws whatever it is: it admits nobody.
 */
export function refuseWithoutStanding({
  client_version: version,
  min_client_version: floor,
  contributes,
}: Standing): void {
  const isBelow = isBelowFloor(version, floor);
  if (contributes !== 1) throw new MusterError("runtimenode.permission_denied");
  if (isBelow) throw new MusterError("version.floor_exceeded", undefined, { version, floor });
}
