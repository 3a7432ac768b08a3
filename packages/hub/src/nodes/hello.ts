// A proven hello becomes one commit: the epoch by incarnation, presence bound to the connection, and the slot that the node
// has or waits for, through `registering` to `online`. No check-then-act: what the decision read is guarded.
import {
  MusterError,
  type NodeCapabilities,
  type NodeId,
  type PrincipalId,
  SESSION_NODES_MAX,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Statement, Store } from "@muster/store";
import { logSlot } from "./history.ts";
import { LEASE_EXPIRED } from "./limits.ts";
import { connectPresence } from "./presence.ts";
import { attachFacts, attachSlot, type ConnectingNode, connectingNode } from "./slot-statements.ts";
import { isActiveElsewhere, persist, type SlotTools, sessionFull } from "./slots.ts";
import {
  isActive,
  type NewestSlot,
  newestSlot,
  openSlot,
  redeclareSlot,
  startIncarnation,
  takeSlot,
} from "./statements.ts";
import { isBelowFloor } from "./version.ts";

export interface ConnectedInput {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly incarnation: string;
  readonly connectionId: string;
  readonly clientVersion: string;
  readonly capabilities: NodeCapabilities;
}

export interface Connected {
  readonly epoch: number;
  /** False: connected, and without a session to work in until somebody attaches it. */
  readonly hasSlot: boolean;
}

/**
 * @throws MusterError `runtimenode.permission_denied`, `runtimenode.attach_revoked`, `runtimenode.attach_conflict`,
 *   `resource.limit_exceeded` for a first slot where the default session is full.
 */
export const connect = (tools: SlotTools, input: ConnectedInput): Promise<Connected> =>
  persist(() => connectOnce(tools, input));

/** Null where something it rested on changed meanwhile. */
async function connectOnce(tools: SlotTools, input: ConnectedInput): Promise<Connected | null> {
  const { store, clock, announcement } = tools;
  const { spaceId, nodeId, incarnation, connectionId } = input;
  const { dialect } = store;
  const nodeQuery = connectingNode(dialect, { spaceId, nodeId });
  const slotQuery = newestSlot(dialect, { spaceId, nodeId });
  const [nodeRows, slotRows] = await store.readTransaction([nodeQuery, slotQuery]);
  const [[node], [slot]] = [nodeRows, slotRows];
  if (node === undefined) throw new MusterError("runtimenode.permission_denied");
  const isSameProcess = node.incarnation === incarnation;
  const epoch = node.epoch + (isSameProcess ? 0 : 1);
  const at = isoTime(clock.now());
  const plan = planOf(slot, node, isSameProcess);
  // A floor that is none admits nobody: it throws before anything is written. Any other only tells what the node may do.
  isBelowFloor(input.clientVersion, (slot ?? node).min_client_version);
  const statements = [
    ...(isSameProcess ? [] : [startIncarnation(dialect, { spaceId, nodeId, epoch, incarnation })]),
    ...slotStatements(tools, input, { plan, owner: node.owner, epoch, at }),
    connectPresence(dialect, { spaceId, nodeId, connectionId, at, healthState: "online" }),
  ];
  const guards = [
    { query: nodeQuery, expected: nodeRows },
    { query: slotQuery, expected: slotRows },
  ];
  const announcements = [announcement(spaceId, nodeId)];
  const result = await store.commit({ guards, statements, announcements }).catch((error: unknown) => {
    throw isActiveElsewhere(error) ? new MusterError("runtimenode.attach_conflict") : error;
  });
  if (result.status === "committed") return { epoch, hasSlot: plan.kind !== "none" };
  if (plan.kind === "begin") await refuseFull(tools.store, { spaceId, nodeId, sessionId: plan.sessionId });
  return null;
}

/** Nothing where the commit failed for another reason, or there is room now. */
async function refuseFull(store: Store, of: Parameters<typeof attachFacts>[1]): Promise<void> {
  const [session] = await store.read(attachFacts(store.dialect, of));
  if (session !== undefined && session.slots >= SESSION_NODES_MAX) throw sessionFull(session.slots);
}

type Plan =
  | { readonly kind: "none" }
  /** The same process came back to a slot that is open. */
  | { readonly kind: "keep"; readonly slotId: string }
  /** The same process came back to a slot that somebody attached meanwhile. */
  | { readonly kind: "open"; readonly slotId: string }
  | { readonly kind: "take"; readonly sessionId: SessionId; readonly slotId: string }
  /** It never had a slot in any session. */
  | { readonly kind: "begin"; readonly sessionId: SessionId };

/**
 * What a hello does to slots. An active one is taken again; one that was lost to its lease comes back; a node that never
 * had one works in the default session, where its owner may bring machines. One that a person ended stays ended: the node is
 * connected and waits, as does one that nobody may bring.
 */
function planOf(slot: NewestSlot | undefined, node: ConnectingNode, isSameProcess: boolean): Plan {
  if (slot === undefined) {
    const { default_session_id: sessionId, contributes } = node;
    if (sessionId === null) throw new MusterError("unavailable", "The space has no default session yet.");
    return contributes === 1 ? { kind: "begin", sessionId } : { kind: "none" };
  }
  const { id: slotId, session_id: sessionId, state } = slot;
  if (state === "revoked") throw new MusterError("runtimenode.attach_revoked");
  if (isActive(state)) {
    if (!isSameProcess) return { kind: "take", sessionId, slotId };
    return { kind: state === "registering" ? "open" : "keep", slotId };
  }
  const comesBack = slot.detach_reason === LEASE_EXPIRED && slot.session_state === "active";
  return comesBack ? { kind: "take", sessionId, slotId } : { kind: "none" };
}

function slotStatements(
  { store, ids }: SlotTools,
  { spaceId, nodeId, clientVersion, capabilities: declared }: ConnectedInput,
  {
    plan,
    owner,
    epoch,
    at,
  }: { readonly plan: Plan; readonly owner: PrincipalId; readonly epoch: number; readonly at: string },
): Statement[] {
  const { dialect } = store;
  if (plan.kind === "none") return [];
  const capabilities = JSON.stringify(declared);
  const slotId = plan.kind === "begin" ? ids.next() : plan.slotId;
  const redeclare = redeclareSlot(dialect, { spaceId, slotId, capabilities, clientVersion }, { expectChanges: 1 });
  if (plan.kind === "keep") return [redeclare];
  // The uplink is up and capabilities came with the hello: the slot may work.
  const open = openSlot(dialect, { spaceId, slotId }, { expectChanges: 1 });
  if (plan.kind === "open") return [redeclare, open];
  const { sessionId } = plan;
  const taken = { spaceId, slotId, nodeId, sessionId, ownerId: owner, capabilities, clientVersion, at };
  const slot = { id: slotId, session_id: sessionId, participant_id: owner };
  return [
    plan.kind === "begin"
      ? // In the node's newest epoch, which was written before.
        attachSlot(dialect, { ...taken, slotsMax: SESSION_NODES_MAX }, { expectChanges: 1 })
      : takeSlot(dialect, { ...taken, epoch }, { expectChanges: 1 }),
    open,
    ...logSlot(dialect, { spaceId, nodeId, logId: ids.next(), slot, action: "attached", epoch, reason: null, at }),
  ];
}
