// Slots as people change them: a node's owner attaches and detaches it, an owner of the session revokes it. None of them
// touches memberships; attach alone begins presence. What is unknown and what is another's are one answer.
import {
  type Attached,
  type AttachInput,
  type DetachInput,
  MusterError,
  type NodeId,
  type PrincipalId,
  type RevokeInput,
  SESSION_NODES_MAX,
  type SpaceId,
} from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { type Guard, returnedRows, type Statement, type Store, StoreError } from "@muster/store";
import { audited } from "../identity/index.ts";
import type { NodeCaller } from "../ports.ts";
import { logSlot } from "./history.ts";
import { CONNECT_ATTEMPTS, LEASE_EXPIRED } from "./limits.ts";
import { attachPresence } from "./presence.ts";
import {
  activeSlot,
  attachFacts,
  attachSlot,
  detachSlot,
  logAttached,
  openIfUp,
  raiseEpoch,
  revokeSlot,
  slotInSession,
} from "./slot-statements.ts";
import { nodeOf } from "./statements.ts";
import { isBelowFloor } from "./version.ts";

/** The partial unique index that allows one active slot per node. */
const ONE_ACTIVE_SLOT = "runtime_node_attachments_active_node_key";

export const isActiveElsewhere = (error: unknown): boolean =>
  error instanceof StoreError && error.code === "constraint_violated" && error.constraint === ONE_ACTIVE_SLOT;

export interface SlotTools {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What other hubs hear of a node that changed, for `Batch.announcements`. */
  readonly announcement: (spaceId: SpaceId, nodeId: NodeId) => string;
}

/** Decides anew where something that was read changed before it was written; each gives null then. */
export async function persist<Result>(attempt: () => Promise<Result | null>): Promise<Result> {
  for (let count = 1; count <= CONNECT_ATTEMPTS; count += 1) {
    const result = await attempt();
    if (result !== null) return result;
  }
  throw new MusterError("concurrency_conflict");
}

/**
 * One upsert on node and session. It answers `registering` also where the uplink is up and the slot opened in the same commit.
 * @throws MusterError `runtimenode.permission_denied`, `runtimenode.attach_revoked`, `runtimenode.attach_conflict`,
 *   `resource.limit_exceeded`.
 */
export const attach = (tools: SlotTools, by: NodeCaller, input: AttachInput): Promise<Attached> =>
  persist(async () => {
    const { store, clock, ids } = tools;
    const { dialect } = store;
    const { spaceId, ownerId, actorId } = by;
    const { nodeId, sessionId, clientVersion, healthState } = input;
    const at = isoTime(clock.now());
    const [session] = await store.read(attachFacts(dialect, { spaceId, nodeId, sessionId }));
    // A floor that is none admits nobody: it throws before anything is written.
    const readOnly = isBelowFloor(clientVersion, session?.min_client_version ?? null);
    const upsert = attachSlot(
      dialect,
      {
        spaceId,
        nodeId,
        sessionId,
        slotId: ids.next(),
        ownerId,
        capabilities: JSON.stringify(input.capabilities),
        clientVersion,
        at,
        slotsMax: SESSION_NODES_MAX,
      },
      { expectChanges: 1 },
    );
    const statements: Statement[] = [
      upsert,
      // Before presence is told anything: what this caller says is no socket.
      openIfUp(dialect, { spaceId, nodeId }),
      attachPresence(dialect, { spaceId, nodeId, at, healthState }),
      logAttached(dialect, { spaceId, nodeId, sessionId, logId: ids.next(), at }),
      ...audit(tools, { spaceId, actorId, action: "node.attached", nodeId, details: { sessionId }, at }),
    ];
    const announcements = [tools.announcement(spaceId, nodeId)];
    const result = await store.commit({ guards: [], statements, announcements }).catch((error: unknown) => {
      throw isActiveElsewhere(error) ? new MusterError("runtimenode.attach_conflict") : error;
    });
    const [slot] = returnedRows(result, statements, upsert);
    if (slot !== undefined)
      return {
        attachmentId: slot.id,
        epoch: slot.epoch,
        state: "registering",
        readOnly,
        attachedAt: slot.attached_at,
      };
    await refuseAttach(store, by, input);
    return null;
  });

/** Says why an attach changed nothing, or nothing where the reason has gone meanwhile. */
async function refuseAttach(store: Store, { spaceId, ownerId }: NodeCaller, input: AttachInput): Promise<void> {
  const { nodeId, sessionId } = input;
  const { dialect } = store;
  const [[node], [slot], [session]] = await store.readTransaction([
    nodeOf(dialect, { spaceId, nodeId }),
    slotInSession(dialect, { spaceId, nodeId, sessionId }),
    attachFacts(dialect, { spaceId, nodeId, sessionId }),
  ]);
  if (node?.owner !== ownerId) throw new MusterError("runtimenode.permission_denied");
  if (slot?.state === "revoked") throw new MusterError("runtimenode.attach_revoked");
  if (session?.state !== "active") throw new MusterError("runtimenode.permission_denied");
  if (session.slots >= SESSION_NODES_MAX) throw sessionFull(session.slots);
}

export const sessionFull = (current: number): MusterError =>
  new MusterError("resource.limit_exceeded", undefined, { resource: "nodes", limit: SESSION_NODES_MAX, current });

/**
 * Gives the node's active slot back. Nothing happens, and nothing is said, where there is none or the node is not the caller's.
 * @throws MusterError `runtimenode.stale_epoch` where an epoch is given that is not the newest.
 * @returns whether a slot was given back.
 */
export const detach = (tools: SlotTools, by: NodeCaller, input: DetachInput): Promise<boolean> => {
  // The hub alone takes slots for that reason, and gives them back at the next hello.
  if (input.reason === LEASE_EXPIRED) throw new MusterError("validation_failed", "That reason is the hub's own.");
  return persist(async () => {
    const { store, clock, ids } = tools;
    const { dialect } = store;
    const { spaceId, ownerId, actorId } = by;
    const { nodeId, epoch, reason = "detached" } = input;
    const [nodeQuery, slotQuery] = [nodeOf(dialect, { spaceId, nodeId }), activeSlot(dialect, { spaceId, nodeId })];
    const [nodeRows, slotRows] = await store.readTransaction([nodeQuery, slotQuery]);
    const [[node], [slot]] = [nodeRows, slotRows];
    if (node?.owner !== ownerId) return false;
    if (epoch !== undefined && epoch !== node.epoch) throw staleEpoch(epoch, node.epoch);
    if (slot === undefined) return false;
    const at = isoTime(clock.now());
    const sessionId = slot.session_id;
    const result = await store.commit({
      announcements: [tools.announcement(spaceId, nodeId)],
      guards: [
        { query: nodeQuery, expected: nodeRows },
        { query: slotQuery, expected: slotRows },
      ],
      statements: [
        detachSlot(dialect, { spaceId, slotId: slot.id, at, reason }, { expectChanges: 1 }),
        ...logSlot(dialect, {
          spaceId,
          nodeId,
          logId: ids.next(),
          slot,
          action: "detached",
          epoch: node.epoch,
          reason,
          at,
        }),
        ...audit(tools, { spaceId, actorId, action: "node.detached", nodeId, details: { sessionId, reason }, at }),
      ],
    });
    return result.status === "committed" ? true : null;
  });
};

/**
 * Ends the node's slot in the session for good. Its epoch grows, so that nothing its processes say counts any more, unless
 * the node works in another session. Again is no error.
 * @throws MusterError `runtimenode.permission_denied` where the node has no slot in the session.
 * @returns whether something changed.
 */
export const revoke = (
  tools: SlotTools,
  by: Pick<NodeCaller, "spaceId" | "actorId">,
  input: RevokeInput,
): Promise<boolean> =>
  persist(async () => {
    const { store, clock, ids } = tools;
    const { dialect } = store;
    const { spaceId, actorId } = by;
    const { nodeId, sessionId, reason = "revoked" } = input;
    const nodeQuery = nodeOf(dialect, { spaceId, nodeId });
    const slotQuery = slotInSession(dialect, { spaceId, nodeId, sessionId });
    const activeQuery = activeSlot(dialect, { spaceId, nodeId });
    const [nodeRows, slotRows, activeRows] = await store.readTransaction([nodeQuery, slotQuery, activeQuery]);
    const [[node], [slot], [active]] = [nodeRows, slotRows, activeRows];
    if (node === undefined || slot === undefined) throw new MusterError("runtimenode.permission_denied");
    if (slot.state === "revoked") return false;
    const at = isoTime(clock.now());
    const worksElsewhere = active !== undefined && active.id !== slot.id;
    const epoch = node.epoch + (worksElsewhere ? 0 : 1);
    const guards: Guard[] = [
      { query: nodeQuery, expected: nodeRows },
      { query: slotQuery, expected: slotRows },
      { query: activeQuery, expected: activeRows },
    ];
    const statements = [
      revokeSlot(dialect, { spaceId, slotId: slot.id, at, reason }, { expectChanges: 1 }),
      ...(worksElsewhere ? [] : [raiseEpoch(dialect, { spaceId, nodeId, epoch: node.epoch }, { expectChanges: 1 })]),
      ...logSlot(dialect, { spaceId, nodeId, logId: ids.next(), slot, action: "revoked", epoch, reason, at }),
      ...audit(tools, { spaceId, actorId, action: "node.revoked", nodeId, details: { sessionId, reason }, at }),
    ];
    const result = await store.commit({ guards, statements, announcements: [tools.announcement(spaceId, nodeId)] });
    return result.status === "committed" ? true : null;
  });

export const staleEpoch = (epoch: number, current: number): MusterError =>
  new MusterError("runtimenode.stale_epoch", undefined, { epoch, current });

interface NodeAct {
  readonly spaceId: SpaceId;
  readonly actorId: PrincipalId;
  readonly action: "node.attached" | "node.detached" | "node.revoked";
  readonly nodeId: NodeId;
  readonly details: Readonly<Record<string, string>>;
  readonly at: string;
}

const audit = ({ store: { dialect }, ids }: SlotTools, { nodeId, ...act }: NodeAct): readonly Statement[] =>
  audited({ dialect, ids }, { ...act, subject: nodeId });
