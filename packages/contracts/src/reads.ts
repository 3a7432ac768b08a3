// What the hub answers to readers: snapshot, thread window, diff, nodes, and the feed that continues a snapshot.
// Each answer is at most 1 MiB; a snapshot names the sequence from which the feed goes on without gap or repeat.
import { z } from "zod";
import { WireEvent } from "./events.ts";
import { MessageId, NodeId, PrincipalId, SessionId, SpaceId, ThreadId, TurnId } from "./ids.ts";
import {
  ActivityRow,
  ApprovalRow,
  CheckpointRow,
  MessageRow,
  ProjectRow,
  ThreadRow,
  ThreadSessionRow,
  TurnRow,
} from "./rows.ts";
import { DiffFile, PlanEntry, ToolCall } from "./runtime.ts";
import { byteLength, isShallowJson, JSON_DEPTH_MAX, spokenText, storableJson } from "./text.ts";

export const READ_MAX_BYTES = 1024 * 1024;
export const THREAD_TURNS_MAX = 50;
export const THREAD_TURNS_DEFAULT = 10;
export const SNAPSHOT_THREADS_MAX = 200;
export const EVENTS_PAGE_MAX = 500;
/** A feed that lies further behind than this is told to take a snapshot. */
export const FEED_GAP_MAX_EVENTS = 1_000;
export const FEED_GAP_MAX_BYTES = 8 * 1024 * 1024;
export const FEED_KEEP_ALIVE_MS = 15_000;

export const ThreadSummary = ThreadRow.extend({
  latestTurn: TurnRow.nullable(),
  sessionStatus: ThreadSessionRow.shape.status,
  pendingApprovalCount: z.int().min(0),
  queuedTurnCount: z.int().min(0),
});
export type ThreadSummary = z.infer<typeof ThreadSummary>;

export const Page = z.object({
  /** Give it as `before` to read what lies before this window; null at the beginning. */
  before: z.string().nullable(),
  hasMore: z.boolean(),
});

export const Snapshot = z.object({
  generation: z.string(),
  snapshotSequence: z.int().min(0),
  projects: z.array(ProjectRow),
  threads: z.array(ThreadSummary),
  page: Page,
  updatedAt: z.string().nullable(),
});
export type Snapshot = z.infer<typeof Snapshot>;

/**
 * Turns of a thread without a gap, newest at the end, and everything that belongs to them. The newest window (no `before`)
 * also holds the turn that runs and every approval that waits, with its turn, whatever `turnLimit` is and however many turns
 * are queued behind: such a turn then stands before a gap, and comes again in a page of its own. So readers that page tell
 * rows apart by id, and every turn comes at least once. At most 1 MiB; what is cut for that has a read of its own.
 */
export const ThreadWindow = z.object({
  generation: z.string(),
  snapshotSequence: z.int().min(0),
  thread: ThreadRow,
  project: ProjectRow,
  session: ThreadSessionRow,
  turns: z.array(TurnRow),
  messages: z.array(MessageRow),
  activities: z.array(ActivityRow),
  checkpoints: z.array(CheckpointRow),
  approvals: z.array(ApprovalRow),
  plan: z.array(PlanEntry),
  page: Page,
});
export type ThreadWindow = z.infer<typeof ThreadWindow>;

export const TurnDiff = z.object({
  threadId: ThreadId,
  fromTurnCount: z.int().min(0),
  toTurnCount: z.int().min(0),
  files: z.array(DiffFile),
  /** Unified diff text; empty when the two are equal. */
  diff: z.string(),
  truncated: z.boolean(),
});
export type TurnDiff = z.infer<typeof TurnDiff>;

export const NodeState = z.enum(["registering", "online", "degraded", "offline", "revoked"]);
export type NodeState = z.infer<typeof NodeState>;
export const NodeHealth = z.enum(["online", "degraded", "offline"]);
export type NodeHealth = z.infer<typeof NodeHealth>;

export const DetectedProvider = z.object({
  name: z.string(),
  title: z.string(),
  command: z.string(),
  found: z.boolean(),
  path: z.string().nullable(),
  installHint: z.string().nullable(),
});
export type DetectedProvider = z.infer<typeof DetectedProvider>;

/** What a node may declare about itself: keys, and bytes of JSON. */
export const CAPABILITIES_MAX_KEYS = 64;
export const CAPABILITIES_MAX_BYTES = 32 * 1024;

/** What a node declares about itself; readers ignore keys they do not know. */
export const NodeCapabilities = z
  .looseObject({
    hostname: z.string().max(256).optional(),
    platform: z.string().max(64).optional(),
    /** Folders below which projects may lie; absolute paths. */
    workspaceRoots: z.array(z.string().max(4_096)).max(64).optional(),
    providers: z.array(DetectedProvider).max(64).optional(),
    /** It answers questions about files of its workspaces. */
    files: z.object({ version: z.int().min(1) }).optional(),
  })
  .refine((value) => isShallowJson(value), `capabilities nest at most ${JSON_DEPTH_MAX} deep`)
  .overwrite(storableJson);
export type NodeCapabilities = z.infer<typeof NodeCapabilities>;

/** The same, with its limits: for requests. */
export const DeclaredCapabilities = NodeCapabilities.refine(
  (value) => Object.keys(value).length <= CAPABILITIES_MAX_KEYS,
  `capabilities have at most ${CAPABILITIES_MAX_KEYS} keys`,
).refine(
  (value) => byteLength(JSON.stringify(value)) <= CAPABILITIES_MAX_BYTES,
  `capabilities have at most ${CAPABILITIES_MAX_BYTES} bytes`,
);

export const NodeSummary = z.object({
  nodeId: NodeId,
  sessionId: SessionId,
  /** The slot: may it work here. */
  state: NodeState,
  /** The liveness: is it alive. */
  health: NodeHealth,
  /** Its version is below the session's floor. Derived, like `suspended`: what it may not do is refused, and its slot stays. */
  readOnly: z.boolean(),
  /** Its owner may contribute no machine to the session, or the session is not active. */
  suspended: z.boolean(),
  ownerId: PrincipalId,
  ownerName: z.string(),
  clientVersion: z.string(),
  epoch: z.int(),
  attachedAt: z.string(),
  /** Of a slot that is offline or revoked. */
  detachedAt: z.string().nullable(),
  detachReason: z.string().nullable(),
  lastHeartbeatAt: z.string().nullable(),
  capabilities: NodeCapabilities,
});
export type NodeSummary = z.infer<typeof NodeSummary>;

/** A machine of the caller's that never had a slot in any session the caller belongs to now: no roster of theirs shows it. */
export const NodeInNoSession = z.object({
  nodeId: NodeId,
  /** It has an active slot where the caller is no member any more: `runtimeNode.detach` ends that. */
  isElsewhere: z.boolean(),
  health: NodeHealth,
  ownerId: PrincipalId,
  ownerName: z.string(),
  /** As its newest slot has it; null where it never had one. */
  clientVersion: z.string().nullable(),
  enrolledAt: z.string(),
  lastHeartbeatAt: z.string().nullable(),
  /** As its newest slot has them; empty where it never had one. */
  capabilities: NodeCapabilities,
});
export type NodeInNoSession = z.infer<typeof NodeInNoSession>;

/** Machines of one owner that one answer lists although none of the owner's sessions does. */
export const IN_NO_SESSION_MAX = 500;

export const Fleet = z.object({
  /** Slots in the caller's sessions, ended ones too. */
  nodes: z.array(NodeSummary),
  /** The caller's own machines that are not among these; of too many, those that were enrolled last. Older hubs tell nothing. */
  inNoSession: z.array(NodeInNoSession).max(IN_NO_SESSION_MAX).optional(),
});
export type Fleet = z.infer<typeof Fleet>;

export const Me = z.object({
  spaceId: SpaceId,
  principalId: PrincipalId,
  principalKind: z.enum(["human", "agent", "node", "service"]),
  displayName: z.string(),
  defaultSessionId: SessionId,
  role: z.enum(["owner", "collaborator", "viewer", "runtime_contributor"]),
});
export type Me = z.infer<typeof Me>;

export const Health = z.object({
  status: z.enum(["ok", "starting", "stopping", "failing"]),
  version: z.string(),
  generation: z.string(),
  headSequence: z.int().min(0),
  uptimeMs: z.int().min(0),
  /** What the check of its file found. `unchecked` where there is none, or where it could not be made. Older hubs tell nothing. */
  database: z.enum(["ok", "checking", "damaged", "unchecked"]).optional(),
});
export type Health = z.infer<typeof Health>;

/** Live text of a streaming message: never persisted, merged by offset (UTF-16 code units); persisted text wins. */
export const LiveDelta = z.object({
  threadId: ThreadId,
  turnId: TurnId,
  messageId: MessageId,
  offset: z.int().min(0),
  text: spokenText,
});
export type LiveDelta = z.infer<typeof LiveDelta>;

/** A call of a tool that has begun and is not recorded yet: never persisted; what is recorded of the call replaces it. */
export const LiveCall = z.object({ threadId: ThreadId, turnId: TurnId, tool: ToolCall });
export type LiveCall = z.infer<typeof LiveCall>;

/** One message of the feed. Only `event` carries an SSE id, `<generation>:<sequence>`. */
export const FeedMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("event"), event: WireEvent }),
  /** Take a snapshot and follow again from its sequence. */
  z.object({
    type: z.literal("reset"),
    reason: z.enum(["gap", "generation", "beyond-head", "slow-reader", "membership", "stopping"]),
    generation: z.string(),
    headSequence: z.int().min(0),
  }),
  /** Everything up to `sequence` has been sent; from here on it is live. */
  z.object({ type: z.literal("synchronized"), generation: z.string(), sequence: z.int().min(0) }),
  z.object({ type: z.literal("delta"), delta: LiveDelta }),
  z.object({ type: z.literal("call"), call: LiveCall }),
  z.object({ type: z.literal("presence"), node: NodeSummary }),
]);
export type FeedMessage = z.infer<typeof FeedMessage>;

export const EventsPage = z.object({
  generation: z.string(),
  events: z.array(WireEvent),
  /** Give it as `after` to go on. */
  nextAfter: z.int().min(0),
  hasMore: z.boolean(),
});
export type EventsPage = z.infer<typeof EventsPage>;
