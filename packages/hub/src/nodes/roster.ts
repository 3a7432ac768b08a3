// What readers see of nodes: the slot (may it work here) beside the liveness (is it alive), and the read-only verdict,
// computed from the session's floor each time.
import { NodeCapabilities, type NodeId, type NodeSummary, type SessionId, type SpaceId } from "@muster/contracts";
import { compile, type Row, type Store } from "@muster/store";
import { builderFor } from "./database.ts";
import { isBelowFloor } from "./version.ts";

/** Slots in these sessions, or of one node in all of its sessions; detached ones too, newest first. */
export async function readRoster(
  store: Store,
  spaceId: SpaceId,
  only: { readonly sessionIds: readonly SessionId[] } | { readonly nodeId: NodeId },
): Promise<NodeSummary[]> {
  if ("sessionIds" in only && only.sessionIds.length === 0) return [];
  const slots = builderFor(store)
    .selectFrom("runtime_node_attachments as slot")
    .innerJoin("sessions as session", (join) =>
      join.onRef("session.space_id", "=", "slot.space_id").onRef("session.session_id", "=", "slot.session_id"),
    )
    .leftJoin("runtime_node_presence as presence", (join) =>
      join.onRef("presence.space_id", "=", "slot.space_id").onRef("presence.node_id", "=", "slot.node_id"),
    )
    .select([
      "slot.node_id",
      "slot.session_id",
      "slot.state",
      "slot.client_version",
      "slot.epoch",
      "slot.attached_at",
      "slot.capabilities_json",
      "session.min_client_version",
      "presence.health_state",
      "presence.last_heartbeat_at",
    ])
    .where("slot.space_id", "=", spaceId)
    .orderBy("slot.attached_at", "desc");
  const chosen =
    "sessionIds" in only
      ? slots.where("slot.session_id", "in", [...only.sessionIds])
      : slots.where("slot.node_id", "=", only.nodeId);
  return (await store.read(compile(chosen))).map(summaryOf);
}

function summaryOf(row: Row): NodeSummary {
  const clientVersion = String(row["client_version"]);
  const floor = row["min_client_version"];
  const capabilities = row["capabilities_json"];
  const lastHeartbeatAt = row["last_heartbeat_at"];
  return {
    nodeId: String(row["node_id"]) as NodeId,
    sessionId: String(row["session_id"]) as SessionId,
    state: row["state"] as NodeSummary["state"],
    health: (row["health_state"] ?? "offline") as NodeSummary["health"],
    readOnly: isBelowFloor(clientVersion, typeof floor === "string" ? floor : null),
    clientVersion,
    epoch: Number(row["epoch"]),
    attachedAt: String(row["attached_at"]),
    lastHeartbeatAt: typeof lastHeartbeatAt === "string" ? lastHeartbeatAt : null,
    capabilities: typeof capabilities === "string" ? NodeCapabilities.parse(JSON.parse(capabilities)) : {},
  };
}
