// A proven hello becomes one commit: the epoch by incarnation, the slot in the default session through `registering` to
// `online`, the history, and presence bound to the connection. No check-then-act: what the decision read is guarded.
import {
  MusterError,
  type NodeCapabilities,
  type NodeId,
  type PrincipalId,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { isoTime } from "@muster/core";
import { type Guard, insertInto, type Statement } from "@muster/store";
import { HUB_TABLES, type HubRow } from "../schema/index.ts";
import { connectPresence } from "./presence.ts";
import { isActiveElsewhere, persist, type SlotTools } from "./slots.ts";
import { connectingNode, openSlot, redeclareSlot, slotOf, startIncarnation, takeSlot } from "./statements.ts";

export interface ConnectedInput {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly incarnation: string;
  readonly connectionId: string;
  readonly clientVersion: string;
  readonly capabilities: NodeCapabilities;
}

/** @throws MusterError `runtimenode.permission_denied`, `runtimenode.attach_revoked`, `runtimenode.attach_conflict`. */
export async function attachOnConnect(tools: SlotTools, input: ConnectedInput): Promise<{ epoch: number }> {
  return { epoch: await persist(() => connectOnce(tools, input)) };
}

/** The epoch, or null where something it rested on changed meanwhile. */
async function connectOnce(tools: SlotTools, input: ConnectedInput): Promise<number | null> {
  const { store, clock, ids, announcement } = tools;
  const { spaceId, nodeId, incarnation } = input;
  const { dialect } = store;
  const facts = connectingNode(dialect, { spaceId, nodeId });
  const rows = await store.read(facts);
  const [node] = rows;
  if (node === undefined) throw new MusterError("runtimenode.permission_denied");
  const sessionId = node.default_session_id;
  if (sessionId === null) throw new MusterError("unavailable", "The space has no default session yet.");
  const slotQuery = slotOf(dialect, { spaceId, nodeId, sessionId });
  const slots = await store.read(slotQuery);
  const [slot] = slots;
  if (slot?.state === "revoked") throw new MusterError("runtimenode.attach_revoked");
  const isSameProcess = node.incarnation === incarnation;
  const epoch = node.epoch + (isSameProcess ? 0 : 1);
  const guards: Guard[] = [
    { query: facts, expected: rows },
    { query: slotQuery, expected: slots },
  ];
  const place: Place = { sessionId, owner: node.owner, epoch, at: isoTime(clock.now()), slot };
  const statements = [
    ...slotStatements({ store, ids }, input, { ...place, keepsSlot: isSameProcess && slot?.state === "online" }),
    connectPresence(dialect, {
      spaceId,
      nodeId,
      connectionId: input.connectionId,
      at: place.at,
      healthState: "online",
    }),
  ];
  if (!isSameProcess) statements.push(startIncarnation(dialect, { spaceId, nodeId, epoch, incarnation }));
  try {
    const result = await store.commit({ guards, statements, announcements: [announcement(spaceId, nodeId)] });
    return result.status === "committed" ? epoch : null;
  } catch (error) {
    throw isActiveElsewhere(error) ? new MusterError("runtimenode.attach_conflict") : error;
  }
}

interface Place {
  readonly sessionId: SessionId;
  readonly owner: PrincipalId;
  readonly epoch: number;
  readonly at: string;
  readonly slot: Pick<HubRow<"runtime_node_attachments">, "id"> | undefined;
}

function slotStatements(
  { store, ids }: Pick<SlotTools, "store" | "ids">,
  input: ConnectedInput,
  { sessionId, owner, epoch, at, slot, keepsSlot }: Place & { readonly keepsSlot: boolean },
): Statement[] {
  const { spaceId, nodeId, clientVersion } = input;
  const { dialect } = store;
  const slotId = slot?.id ?? ids.next();
  const ofSlot = { spaceId, slotId };
  const declared = { capabilities: JSON.stringify(input.capabilities), clientVersion };
  // The same process came back.
  if (keepsSlot) return [redeclareSlot(dialect, { ...ofSlot, ...declared }, { expectChanges: 1 })];
  const taken = { ...ofSlot, ...declared, nodeId, sessionId, ownerId: owner, epoch, at };
  return [
    takeSlot(dialect, taken, { expectChanges: 1 }),
    // The uplink is up and capabilities came with the hello: the slot may work.
    openSlot(dialect, ofSlot, { expectChanges: 1 }),
    ...insertInto(dialect, HUB_TABLES, "runtime_node_attachment_log", [
      {
        space_id: spaceId,
        log_id: ids.next(),
        attachment_id: slotId,
        session_id: sessionId,
        participant_id: owner,
        node_id: nodeId,
        action: "attached",
        epoch,
        reason: null,
        at,
      },
    ]),
  ];
}
