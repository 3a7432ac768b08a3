// The five procedures of runtime nodes, and revoke. Requests are narrow: a node may call itself `online` or `degraded` and
// nothing else. Responses are broad: they carry every state. An unknown key is refused.
import { z } from "zod";
import { NodeId, SessionId } from "./ids.ts";
import { procedure } from "./procedure.ts";
import { DeclaredCapabilities, NodeState, NodeSummary } from "./reads.ts";
import { namingText } from "./text.ts";

export const NODE_REASON_MAX_CHARACTERS = 512;

/** What a node may say about its health. */
export const DeclaredHealth = z.enum(["online", "degraded"]);
export type DeclaredHealth = z.infer<typeof DeclaredHealth>;

/** What an owner says of a machine that has told of itself nowhere yet: it is below every floor until its next hello. */
export const UNKNOWN_CLIENT_VERSION = "unknown";

const epoch = z.int().min(1);
const reason = namingText.max(NODE_REASON_MAX_CHARACTERS);
const ofNode = z.strictObject({ nodeId: NodeId });

export const AttachInput = ofNode.extend({
  sessionId: SessionId,
  clientVersion: namingText.min(1).max(64),
  capabilities: DeclaredCapabilities,
  healthState: DeclaredHealth,
});
export type AttachInput = z.infer<typeof AttachInput>;

export const Attached = z.object({
  attachmentId: z.string(),
  epoch: z.int().min(0),
  /** Always `registering`, also on the caller's own active slot. */
  state: NodeState,
  readOnly: z.boolean(),
  attachedAt: z.string(),
});
export type Attached = z.infer<typeof Attached>;

export const HeartbeatInput = ofNode.extend({ epoch, healthState: DeclaredHealth });
export type HeartbeatInput = z.infer<typeof HeartbeatInput>;

export const CapabilityUpdateInput = ofNode.extend({
  epoch,
  /** All of them: what is left out is gone. */
  capabilities: DeclaredCapabilities,
  /**
   * The state becomes the slot's. The reason is checked and kept nowhere: a slot keeps why it ended, which one that goes on has
   * not, and presence has no place for words.
   */
  healthChanges: z.strictObject({ state: DeclaredHealth, reason: reason.optional() }).optional(),
});
export type CapabilityUpdateInput = z.infer<typeof CapabilityUpdateInput>;

export const CapabilityUpdated = z.object({ nodeId: NodeId, state: NodeState, updatedAt: z.string() });
export type CapabilityUpdated = z.infer<typeof CapabilityUpdated>;

export const DetachInput = ofNode.extend({ epoch: epoch.optional(), reason: reason.optional() });
export type DetachInput = z.infer<typeof DetachInput>;

export const RevokeInput = ofNode.extend({ sessionId: SessionId, reason: reason.optional() });
export type RevokeInput = z.infer<typeof RevokeInput>;

const route = (name: string, summary: string) =>
  ({ method: "POST", path: `/runtime-nodes/${name}`, summary, tags: ["nodes"] }) as const;

export const runtimeNodeProcedures = {
  attach: procedure("runtimeNode.attach")
    .route(route("attach", "Give a node a slot in a session"))
    .input(AttachInput)
    .output(Attached),
  heartbeat: procedure("runtimeNode.heartbeat")
    .route(route("heartbeat", "Say that a node is alive"))
    .input(HeartbeatInput)
    .output(z.null()),
  capabilityUpdate: procedure("runtimeNode.capabilityUpdate")
    .route(route("capability-update", "Say anew what a node can do"))
    .input(CapabilityUpdateInput)
    .output(CapabilityUpdated),
  /** Null also for a node that is unknown or another's. */
  detach: procedure("runtimeNode.detach")
    .route(route("detach", "Give a node's slot back"))
    .input(DetachInput)
    .output(z.null()),
  roster: procedure("runtimeNode.roster")
    .route({ method: "GET", path: "/runtime-nodes/roster", summary: "Nodes of a session", tags: ["nodes"] })
    .input(z.strictObject({ sessionId: SessionId }))
    .output(z.object({ nodes: z.array(NodeSummary) })),
  /** Terminal: the node never gets a slot in this session again. */
  revoke: procedure("runtimeNode.revoke")
    .route(route("revoke", "Shut a node out of a session for good"))
    .input(RevokeInput)
    .output(z.null()),
};
