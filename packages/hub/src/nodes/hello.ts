// A proven hello becomes one commit: the epoch by incarnation, presence bound to the connection, and the slot that the node
// has or waits for, through `registering` to `online`. No check-then-act: what the decision read is guarded.
import {
  MusterError,
  type NodeCapabilities,
  type NodeId,
  type PrincipalId,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Statement } from "@muster/store";
import { logSlot } from "./history.ts";
import { LEASE_EXPIRED } from "./limits.ts";
import { connectPresence } from "./presence.ts";
import { isActiveElsewhere, persist, type SlotTools } from "./slots.ts";
import {
  connectingNode,
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

/** @throws MusterError `runtimenode.permission_denied`, `runtimenode.attach_revoked`, `runtimenode.attach_conflict`. */
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
  const plan = planOf(slot, node.default_session_id, isSameProcess);
  // A floor that is none admits nobody: it throws before anything is written. Any other only tells what the node may do.
  isBelowFloor(input.clientVersion, (slot ?? node).min_client_version);
  const statements = [
    ...slotStatements(tools, input, { plan, owner: node.owner, epoch, at }),
    connectPresence(dialect, { spaceId, nodeId, connectionId, at, healthState: "online" }),
    ...(isSameProcess ? [] : [startIncarnation(dialect, { spaceId, nodeId, epoch, incarnation })]),
  ];
  const guards = [
    { query: nodeQuery, expected: nodeRows },
    { query: slotQuery, expected: slotRows },
  ];
  const announcements = [announcement(spaceId, nodeId)];
  const result = await store.commit({ guards, statements, announcements }).catch((error: unknown) => {
    throw isActiveElsewhere(error) ? new MusterError("runtimenode.attach_conflict") : error;
  });
  return result.status === "committed" ? { epoch, hasSlot: plan.kind !== "none" } : null;
}

type Plan =
  | { readonly kind: "none" }
  /** The same process came back to a slot that is open. */
  | { readonly kind: "keep"; readonly slotId: string }
  /** The same process came back to a slot that somebody attached meanwhile. */
  | { readonly kind: "open"; readonly slotId: string }
  | { readonly kind: "take"; readonly sessionId: SessionId; readonly slotId: string | undefined };

/**
 * What a hello does to slots. An active one is taken again; one that was lost to its lease comes back; a node that never
 * had one works in the default session. One that a person ended stays ended: the node is connected and waits.
 */
function planOf(slot: NewestSlot | undefined, defaultSessionId: SessionId | null, isSameProcess: boolean): Plan {
  if (slot === undefined) {
    if (defaultSessionId === null) throw new MusterError("unavailable", "The space has no default session yet.");
    return { kind: "take", sessionId: defaultSessionId, slotId: undefined };
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
  const slotId = plan.slotId ?? ids.next();
  const redeclare = redeclareSlot(dialect, { spaceId, slotId, capabilities, clientVersion }, { expectChanges: 1 });
  if (plan.kind === "keep") return [redeclare];
  // The uplink is up and capabilities came with the hello: the slot may work.
  const open = openSlot(dialect, { spaceId, slotId }, { expectChanges: 1 });
  if (plan.kind === "open") return [redeclare, open];
  const { sessionId } = plan;
  const taken = { spaceId, slotId, nodeId, sessionId, ownerId: owner, capabilities, clientVersion, epoch, at };
  const slot = { id: slotId, session_id: sessionId, participant_id: owner };
  return [
    takeSlot(dialect, taken, { expectChanges: 1 }),
    open,
    ...logSlot(dialect, { spaceId, nodeId, logId: ids.next(), slot, action: "attached", epoch, reason: null, at }),
  ];
}
