// The hub's nodes: enrolled keys, slots in sessions, and liveness. Every write decides and writes in one commit, fenced
// by the node's epoch; what changes in liveness is told to the feed and never becomes an event.
import {
  byteLength,
  MusterError,
  type NodeCapabilities,
  type NodeId,
  type NodeSummary,
  type SpaceId,
} from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { compile, compileStatement, type Store } from "@muster/store";
import type { Nodes } from "../ports.ts";
import { attachOnConnect } from "./attach.ts";
import { builderFor } from "./database.ts";
import {
  CAPABILITIES_MAX_BYTES,
  CAPABILITIES_MAX_KEYS,
  DEGRADED_AFTER_MS,
  OFFLINE_AFTER_MS,
  SWEEP_INTERVAL_MS,
} from "./limits.ts";
import { disconnectStatement, heartbeatStatement, sweepStatement } from "./presence.ts";
import { readRoster } from "./roster.ts";

export interface NodesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called after a commit that changed liveness or slots, with the nodes as they are now. */
  readonly onPresence: (spaceId: SpaceId, nodes: readonly NodeSummary[]) => void;
  /** What a sweep in the background threw; the next one runs nevertheless. */
  readonly onBug: (error: unknown) => void;
  /** Between two sweeps; null: the caller sweeps. */
  readonly sweepIntervalMs?: number | null;
}

export interface SweepingNodes extends Nodes {
  /** Demotes what has been silent too long; resolves with how many changed. */
  sweep(): Promise<number>;
}

export function createNodes(options: NodesOptions): SweepingNodes {
  const { store, clock, ids } = options;
  const builder = builderFor(store);
  const { sweepIntervalMs = SWEEP_INTERVAL_MS } = options;

  const tell = async (spaceId: SpaceId, nodeId: NodeId): Promise<void> => {
    options.onPresence(spaceId, await readRoster(store, spaceId, { nodeId }));
  };

  const nodeRow = async (spaceId: SpaceId, nodeId: NodeId) => {
    const [row] = await store.read(
      compile(
        builder
          .selectFrom("nodes")
          .select(["owner", "public_key", "epoch"])
          .where("space_id", "=", spaceId)
          .where("node_id", "=", nodeId),
      ),
    );
    return row;
  };

  const healthOf = async (spaceId: SpaceId, nodeId: NodeId): Promise<unknown> => {
    const [row] = await store.read(
      compile(
        builder
          .selectFrom("runtime_node_presence")
          .select("health_state")
          .where("space_id", "=", spaceId)
          .where("node_id", "=", nodeId),
      ),
    );
    return row?.["health_state"];
  };

  const refuseStale = async (spaceId: SpaceId, nodeId: NodeId, epoch: number): Promise<void> => {
    const row = await nodeRow(spaceId, nodeId);
    if (row === undefined) throw new MusterError("runtimenode.permission_denied");
    if (Number(row["epoch"]) !== epoch)
      throw new MusterError("runtimenode.stale_epoch", undefined, { epoch, current: Number(row["epoch"]) });
  };

  const sweep = async (): Promise<number> => {
    const now = clock.now();
    const statement = sweepStatement(builder, {
      degradedBefore: isoTime(now - DEGRADED_AFTER_MS),
      offlineBefore: isoTime(now - OFFLINE_AFTER_MS),
    });
    const result = await store.commit({ guards: [], statements: [statement] });
    const changed = result.status === "committed" ? (result.rows[0] ?? []) : [];
    for (const row of changed) await tell(String(row["space_id"]) as SpaceId, String(row["node_id"]) as NodeId);
    return changed.length;
  };

  let closed = false;
  let sweeping: Promise<unknown> = Promise.resolve();
  const timer =
    sweepIntervalMs === null
      ? undefined
      : setInterval(() => {
          sweeping = sweeping.then(() => (closed ? 0 : sweep())).catch(options.onBug);
        }, sweepIntervalMs);
  timer?.unref();

  return {
    sweep,

    async enrol({ spaceId, nodeId, ownerId, publicKey }) {
      if (Buffer.from(publicKey, "base64").byteLength !== 32)
        throw new MusterError("validation_failed", "A node's key is 32 bytes in base64.");
      const row = {
        space_id: spaceId,
        node_id: nodeId,
        owner: ownerId,
        public_key: publicKey,
        archived_keys_json: "[]",
        encryption_key: null,
        epoch: 0,
        incarnation: null,
        created_at: isoTime(clock.now()),
      };
      await store.commit({
        guards: [],
        statements: [
          compileStatement(
            builder
              .insertInto("nodes")
              .values(row)
              .onConflict((conflict) => conflict.doNothing()),
          ),
        ],
      });
      const enrolled = await nodeRow(spaceId, nodeId);
      if (enrolled?.["public_key"] !== publicKey || enrolled["owner"] !== ownerId)
        throw new MusterError("runtimenode.permission_denied");
    },

    async publicKey(spaceId, nodeId) {
      const row = await nodeRow(spaceId, nodeId);
      return row === undefined ? null : String(row["public_key"]);
    },

    async connected(input) {
      checkCapabilities(input.capabilities);
      const attached = await attachOnConnect({ store, clock, ids }, input);
      await tell(input.spaceId, input.nodeId);
      return attached;
    },

    async heartbeat(beat) {
      const { spaceId, nodeId } = beat;
      const before = await healthOf(spaceId, nodeId);
      const result = await store.commit({
        guards: [],
        statements: [heartbeatStatement(builder, { ...beat, at: isoTime(clock.now()) })],
      });
      if (result.status === "committed" && result.changes[0] === 1) {
        if (before !== beat.healthState) await tell(spaceId, nodeId);
        return;
      }
      // The right epoch on a connection that was replaced changes nothing and is no error.
      await refuseStale(spaceId, nodeId, beat.epoch);
    },

    async capabilities({ spaceId, nodeId, epoch, capabilities }) {
      checkCapabilities(capabilities);
      const statement = compileStatement(
        builder
          .updateTable("runtime_node_attachments")
          // Declaring what it can is what a registering node waits for; other states stay.
          .set((set) => ({
            capabilities_json: JSON.stringify(capabilities),
            state: set
              .case()
              .when("state", "=", "registering")
              .then("online" as const)
              .else(set.ref("state"))
              .end(),
          }))
          .where("space_id", "=", spaceId)
          .where("node_id", "=", nodeId)
          .where("epoch", "=", epoch)
          .where("state", "in", ["registering", "online", "degraded"])
          .where((where) =>
            where.exists(
              where
                .selectFrom("nodes")
                .select("nodes.node_id")
                .where("nodes.space_id", "=", spaceId)
                .where("nodes.node_id", "=", nodeId)
                .where("nodes.epoch", "=", epoch),
            ),
          ),
      );
      const result = await store.commit({ guards: [], statements: [statement] });
      if (result.status === "committed" && result.changes[0] === 1) {
        await tell(spaceId, nodeId);
        return;
      }
      await refuseStale(spaceId, nodeId, epoch);
      throw new MusterError("runtimenode.capabilityupdate_conflict");
    },

    async disconnected({ spaceId, nodeId, connectionId, expected }) {
      if (expected) return;
      const result = await store.commit({
        guards: [],
        statements: [disconnectStatement(builder, { spaceId, nodeId, connectionId })],
      });
      if (result.status === "committed" && result.changes[0] === 1) await tell(spaceId, nodeId);
    },

    list: (spaceId, sessionIds) => readRoster(store, spaceId, { sessionIds }),

    async close() {
      closed = true;
      clearInterval(timer);
      await sweeping;
    },
  };
}

function checkCapabilities(capabilities: NodeCapabilities): void {
  const keys = Object.keys(capabilities).length;
  const bytes = byteLength(JSON.stringify(capabilities));
  if (keys > CAPABILITIES_MAX_KEYS || bytes > CAPABILITIES_MAX_BYTES) {
    throw new MusterError("validation_failed", "A node declares too much about itself.", {
      keys,
      bytes,
      maxKeys: CAPABILITIES_MAX_KEYS,
      maxBytes: CAPABILITIES_MAX_BYTES,
    });
  }
}
