// What readers see of nodes: the slot (may it work here) beside the liveness (is it alive), and what follows for it
// from the session's floor and members, computed each time.
import {
  IN_NO_SESSION_MAX,
  NodeCapabilities,
  type NodeId,
  type NodeInNoSession,
  type NodeSummary,
  type PrincipalId,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { integer, list, nullable, pick, type Request, type RowOf, type Store, select, text } from "@muster/store";
import type { WholeFleet } from "../ports.ts";
import { HUB_TABLES, ofSessions, ofSpace } from "../schema/index.ts";
import { CONTRIBUTES } from "./standing.ts";
import { activeFirst, isActive, ofNode } from "./statements.ts";
import { isBelowFloor } from "./version.ts";

const { nodes, principals, runtime_node_attachments: slots, runtime_node_presence: presence, sessions } = HUB_TABLES;

const rosterRow = {
  ...pick(slots, "node_id", "session_id", "state", "client_version", "epoch", "attached_at"),
  ...pick(slots, "detached_at", "detach_reason", "capabilities_json"),
  ...pick(nodes, "owner"),
  ...pick(principals, "display_name"),
  min_client_version: sessions.min_client_version,
  health_state: nullable(presence.health_state),
  last_heartbeat_at: nullable(presence.last_heartbeat_at),
  contributes: integer(),
};

const rosterWhere = <const Asked extends Request>(request: Asked, condition: string) =>
  select({
    request,
    row: rosterRow,
    sql: `SELECT slot.node_id, slot.session_id, slot.state, slot.client_version, slot.epoch, slot.attached_at,
        slot.detached_at, slot.detach_reason, slot.capabilities_json, node.owner, owner.display_name,
        session.min_client_version, presence.health_state, presence.last_heartbeat_at, ${CONTRIBUTES} AS contributes
      FROM runtime_node_attachments slot
      JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
      JOIN nodes node ON node.space_id = slot.space_id AND node.node_id = slot.node_id
      JOIN principals owner ON owner.space_id = node.space_id AND owner.principal_id = node.owner
      LEFT JOIN runtime_node_presence presence
        ON presence.space_id = slot.space_id AND presence.node_id = slot.node_id
      WHERE slot.space_id = :spaceId AND ${condition} ORDER BY slot.attached_at DESC`,
  });

const rosterOfSessions = rosterWhere(ofSessions, "slot.session_id IN (:sessionIds)");
const rosterOfNode = rosterWhere(ofNode, "slot.node_id = :nodeId");

/** Nodes whose slots are read at once. */
export const ROSTER_NODES_MAX = 512;
const rosterOfNodes = rosterWhere(
  { ...ofSpace, nodeIds: list(text<NodeId>(), ROSTER_NODES_MAX) },
  "slot.node_id IN (:nodeIds)",
);

/** Slots in these sessions, or of one node or some in all of their sessions; detached ones too, newest first. */
export async function readRoster(
  store: Store,
  spaceId: SpaceId,
  only:
    | { readonly sessionIds: readonly SessionId[] }
    | { readonly nodeId: NodeId }
    | { readonly nodeIds: readonly NodeId[] },
): Promise<NodeSummary[]> {
  if ("sessionIds" in only && only.sessionIds.length === 0) return [];
  return (await store.read(chosenOf(store.dialect, spaceId, only))).map(summaryOf);
}

function chosenOf(dialect: Store["dialect"], spaceId: SpaceId, only: Parameters<typeof readRoster>[2]) {
  if ("sessionIds" in only) return rosterOfSessions(dialect, { spaceId, sessionIds: only.sessionIds });
  if ("nodeIds" in only) return rosterOfNodes(dialect, { spaceId, nodeIds: only.nodeIds });
  return rosterOfNode(dialect, { spaceId, nodeId: only.nodeId });
}

const inNoSessionRow = {
  ...pick(nodes, "node_id", "owner", "created_at"),
  ...pick(principals, "display_name"),
  health_state: nullable(presence.health_state),
  last_heartbeat_at: nullable(presence.last_heartbeat_at),
  state: nullable(slots.state),
  client_version: nullable(slots.client_version),
  capabilities_json: slots.capabilities_json,
};

/** Machines of one owner that no slot in these sessions names, each with its active slot, else its newest one. */
export const nodesInNoSession = select({
  request: { ...ofSessions, ownerId: text<PrincipalId>() },
  row: inNoSessionRow,
  sql: `SELECT node.node_id, node.owner, node.created_at, owner.display_name, presence.health_state,
      presence.last_heartbeat_at, slot.state, slot.client_version, slot.capabilities_json
    FROM nodes node
    JOIN principals owner ON owner.space_id = node.space_id AND owner.principal_id = node.owner
    LEFT JOIN runtime_node_presence presence
      ON presence.space_id = node.space_id AND presence.node_id = node.node_id
    LEFT JOIN runtime_node_attachments slot ON slot.space_id = node.space_id AND slot.id = (SELECT newest.id
      FROM runtime_node_attachments newest WHERE newest.space_id = node.space_id AND newest.node_id = node.node_id
      ORDER BY ${activeFirst("newest")} LIMIT 1)
    WHERE node.space_id = :spaceId AND node.owner = :ownerId
      AND NOT EXISTS (SELECT listed.id FROM runtime_node_attachments listed
        WHERE listed.space_id = node.space_id AND listed.node_id = node.node_id AND listed.session_id IN (:sessionIds))
    ORDER BY node.created_at DESC, node.node_id LIMIT ${IN_NO_SESSION_MAX}`,
});

/** All that one who belongs to these sessions sees of machines: a slot in one of them, or the machine because it is theirs. */
export async function readFleet(
  store: Store,
  { spaceId, ownerId }: { readonly spaceId: SpaceId; readonly ownerId: PrincipalId },
  sessionIds: readonly SessionId[],
): Promise<WholeFleet> {
  const [listed, own] = await store.readTransaction([
    rosterOfSessions(store.dialect, { spaceId, sessionIds }),
    nodesInNoSession(store.dialect, { spaceId, ownerId, sessionIds }),
  ]);
  return { nodes: listed.map(summaryOf), inNoSession: own.map(inNoSessionOf) };
}

const capabilitiesOf = (json: string | null): NodeCapabilities =>
  json === null ? {} : NodeCapabilities.parse(JSON.parse(json));

const inNoSessionOf = (row: RowOf<typeof inNoSessionRow>): NodeInNoSession => ({
  nodeId: row.node_id,
  isElsewhere: row.state !== null && isActive(row.state),
  health: row.health_state ?? "offline",
  ownerId: row.owner,
  ownerName: row.display_name,
  clientVersion: row.client_version,
  enrolledAt: row.created_at,
  lastHeartbeatAt: row.last_heartbeat_at,
  capabilities: capabilitiesOf(row.capabilities_json),
});

const summaryOf = (row: RowOf<typeof rosterRow>): NodeSummary => ({
  nodeId: row.node_id,
  sessionId: row.session_id,
  state: row.state,
  health: row.health_state ?? "offline",
  readOnly: isBelowFloor(row.client_version, row.min_client_version),
  suspended: row.contributes !== 1,
  ownerId: row.owner,
  ownerName: row.display_name,
  clientVersion: row.client_version,
  epoch: row.epoch,
  attachedAt: row.attached_at,
  detachedAt: row.detached_at,
  detachReason: row.detach_reason,
  lastHeartbeatAt: row.last_heartbeat_at,
  capabilities: capabilitiesOf(row.capabilities_json),
});
