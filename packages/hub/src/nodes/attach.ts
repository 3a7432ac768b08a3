// A proven hello becomes one commit: the epoch by incarnation, the slot in the default session through `registering` to
// `online`, the history, and presence bound to the connection. No check-then-act: what the decision read is guarded.
import { MusterError, type NodeCapabilities, type NodeId, type SessionId, type SpaceId } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { compile, compileStatement, type Guard, type Statement, type Store, StoreError } from "@muster/store";
import type { HubRow } from "../schema/index.ts";
import { builderFor } from "./database.ts";
import { CONNECT_ATTEMPTS } from "./limits.ts";
import { connectStatement } from "./presence.ts";

/** The partial unique index that allows one active slot per node. */
const ONE_ACTIVE_SLOT = "runtime_node_attachments_active_node_key";

export interface ConnectedInput {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly incarnation: string;
  readonly connectionId: string;
  readonly clientVersion: string;
  readonly capabilities: NodeCapabilities;
}

interface Tools {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** @throws MusterError `runtimenode.permission_denied`, `runtimenode.attach_revoked`, `runtimenode.attach_conflict`. */
export async function attachOnConnect(tools: Tools, input: ConnectedInput): Promise<{ epoch: number }> {
  for (let attempt = 1; attempt <= CONNECT_ATTEMPTS; attempt += 1) {
    const epoch = await connectOnce(tools, input);
    if (epoch !== null) return { epoch };
  }
  throw new MusterError("concurrency_conflict");
}

/** The epoch, or null where something it rested on changed meanwhile. */
async function connectOnce({ store, clock, ids }: Tools, input: ConnectedInput): Promise<number | null> {
  const { spaceId, nodeId, incarnation } = input;
  const builder = builderFor(store);
  const facts = compile(
    builder
      .selectFrom("nodes")
      .innerJoin("spaces", "spaces.space_id", "nodes.space_id")
      .select(["nodes.epoch", "nodes.incarnation", "nodes.owner", "spaces.default_session_id"])
      .where("nodes.space_id", "=", spaceId)
      .where("nodes.node_id", "=", nodeId),
  );
  const rows = await store.read(facts);
  const [node] = rows;
  if (node === undefined) throw new MusterError("runtimenode.permission_denied");
  const sessionId = node.default_session_id;
  if (sessionId === null) throw new MusterError("unavailable", "The space has no default session yet.");
  const slotQuery = compile(
    builder
      .selectFrom("runtime_node_attachments")
      .select(["id", "state", "epoch"])
      .where("space_id", "=", spaceId)
      .where("node_id", "=", nodeId)
      .where("session_id", "=", sessionId),
  );
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
    connectStatement(builder, {
      spaceId,
      nodeId,
      connectionId: input.connectionId,
      at: place.at,
      healthState: "online",
    }),
  ];
  if (!isSameProcess) {
    statements.push(
      compileStatement(
        builder
          .updateTable("nodes")
          .set({ epoch, incarnation })
          .where("space_id", "=", spaceId)
          .where("node_id", "=", nodeId),
      ),
    );
  }
  try {
    const result = await store.commit({ guards, statements });
    return result.status === "committed" ? epoch : null;
  } catch (error) {
    if (error instanceof StoreError && error.code === "constraint_violated" && error.constraint === ONE_ACTIVE_SLOT) {
      throw new MusterError("runtimenode.attach_conflict");
    }
    throw error;
  }
}

interface Place {
  readonly sessionId: SessionId;
  readonly owner: string;
  readonly epoch: number;
  readonly at: string;
  readonly slot: Pick<HubRow<"runtime_node_attachments">, "id"> | undefined;
}

function slotStatements(
  { store, ids }: Pick<Tools, "store" | "ids">,
  input: ConnectedInput,
  { sessionId, owner, epoch, at, slot, keepsSlot }: Place & { readonly keepsSlot: boolean },
): Statement[] {
  const { spaceId, nodeId, clientVersion } = input;
  const builder = builderFor(store);
  const capabilities = JSON.stringify(input.capabilities);
  const id = slot?.id ?? ids.next();
  if (keepsSlot) {
    // The same process came back: its slot stays as it is, only what it says of itself may be new.
    return [
      compileStatement(
        builder
          .updateTable("runtime_node_attachments")
          .set({ capabilities_json: capabilities, client_version: clientVersion })
          .where("space_id", "=", spaceId)
          .where("id", "=", id),
        { expectChanges: 1 },
      ),
    ];
  }
  const taken = {
    participant_id: owner,
    capabilities_json: capabilities,
    client_version: clientVersion,
    state: "registering" as const,
    epoch,
    attached_at: at,
    detached_at: null,
    detach_reason: null,
  };
  return [
    compileStatement(
      builder
        .insertInto("runtime_node_attachments")
        .values({ space_id: spaceId, id, session_id: sessionId, node_id: nodeId, ...taken })
        .onConflict((conflict) =>
          conflict
            .columns(["space_id", "node_id", "session_id"])
            .doUpdateSet(taken)
            .where("runtime_node_attachments.state", "<>", "revoked"),
        ),
      { expectChanges: 1 },
    ),
    // The uplink is up and capabilities came with the hello: the slot may work.
    compileStatement(
      builder
        .updateTable("runtime_node_attachments")
        .set({ state: "online" })
        .where("space_id", "=", spaceId)
        .where("id", "=", id)
        .where("state", "=", "registering"),
      { expectChanges: 1 },
    ),
    compileStatement(
      builder.insertInto("runtime_node_attachment_log").values({
        space_id: spaceId,
        log_id: ids.next(),
        attachment_id: id,
        session_id: sessionId,
        participant_id: owner,
        node_id: nodeId,
        action: "attached",
        epoch,
        reason: null,
        at,
      }),
    ),
  ];
}
