// What readers see of nodes: the slot (may it work here) beside the liveness (is it alive), and the read-only verdict,
// computed from the session's floor each time.
import { NodeCapabilities, type NodeId, type NodeSummary, type SessionId, type SpaceId } from "@muster/contracts";
import { nullable, pick, type Request, type RowOf, type Store, select } from "@muster/store";
import { HUB_TABLES, ofSessions } from "../schema/index.ts";
import { ofNode } from "./statements.ts";
import { isBelowFloor } from "./version.ts";

const { runtime_node_attachments: slots, runtime_node_presence: presence, sessions } = HUB_TABLES;

const rosterRow = {
  ...pick(slots, "node_id", "session_id", "state", "client_version", "epoch", "attached_at", "capabilities_json"),
  min_client_version: sessions.min_client_version,
  health_state: nullable(presence.health_state),
  last_heartbeat_at: nullable(presence.last_heartbeat_at),
};

const rosterWhere = <const Asked extends Request>(request: Asked, condition: string) =>
  select({
    request,
    row: rosterRow,
    sql: `SELECT slot.node_id, slot.session_id, slot.state, slot.client_version, slot.epoch, slot.attached_at,
        slot.capabilities_json, session.min_client_version, presence.health_state, presence.last_heartbeat_at
      FROM runtime_node_attachments slot
      JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
      LEFT JOIN runtime_node_presence presence
        ON presence.space_id = slot.space_id AND presence.node_id = slot.node_id
      WHERE slot.space_id = :spaceId AND ${condition} ORDER BY slot.attached_at DESC`,
  });

const rosterOfSessions = rosterWhere(ofSessions, "slot.session_id IN (:sessionIds)");
const rosterOfNode = rosterWhere(ofNode, "slot.node_id = :nodeId");

/** Slots in these sessions, or of one node in all of its sessions; detached ones too, newest first. */
export async function readRoster(
  store: Store,
  spaceId: SpaceId,
  only: { readonly sessionIds: readonly SessionId[] } | { readonly nodeId: NodeId },
): Promise<NodeSummary[]> {
  if ("sessionIds" in only && only.sessionIds.length === 0) return [];
  const chosen =
    "sessionIds" in only
      ? rosterOfSessions(store.dialect, { spaceId, sessionIds: only.sessionIds })
      : rosterOfNode(store.dialect, { spaceId, nodeId: only.nodeId });
  return (await store.read(chosen)).map(summaryOf);
}

const summaryOf = (row: RowOf<typeof rosterRow>): NodeSummary => ({
  nodeId: row.node_id,
  sessionId: row.session_id,
  state: row.state,
  health: row.health_state ?? "offline",
  readOnly: isBelowFloor(row.client_version, row.min_client_version),
  clientVersion: row.client_version,
  epoch: row.epoch,
  attachedAt: row.attached_at,
  lastHeartbeatAt: row.last_heartbeat_at,
  capabilities: row.capabilities_json === null ? {} : NodeCapabilities.parse(JSON.parse(row.capabilities_json)),
});
