// The hub's nodes: enrolled keys, slots in sessions, and liveness. Every write decides and writes in one commit, fenced
// by the node's epoch; what changes in liveness is told to the feed and never becomes an event.
import {
  type Attached,
  type AttachInput,
  byteLength,
  CAPABILITIES_MAX_BYTES,
  CAPABILITIES_MAX_KEYS,
  type CapabilityUpdated,
  type CapabilityUpdateInput,
  type DetachInput,
  type HeartbeatInput,
  MusterError,
  type NodeCapabilities,
  type NodeId,
  type NodeSummary,
  type RevokeInput,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { insertInto, returnedRows, type Statement, type Store } from "@muster/store";
import type { NodeCaller, Nodes } from "../ports.ts";
import { type HealthState, HUB_TABLES, type HubRow } from "../schema/index.ts";
import { attachOnConnect } from "./attach.ts";
import { declare } from "./declarations.ts";
import { HeartbeatLimiter } from "./heartbeat-limiter.ts";
import { DEGRADED_AFTER_MS, OFFLINE_AFTER_MS, SWEEP_INTERVAL_MS } from "./limits.ts";
import { beatPresence, beatPresenceByOwner, doubtPresence, healthOf, sweepPresence } from "./presence.ts";
import { readRoster } from "./roster.ts";
import { attach, detach, revoke, staleEpoch } from "./slots.ts";
import { nodeOf } from "./statements.ts";

export interface NodesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called after a commit that changed liveness or slots, with the node's slots as they are now. */
  readonly onPresence: (spaceId: SpaceId, nodes: readonly NodeSummary[]) => void;
  /** Called after every sweep: what follows from nodes that are away is decided then. */
  readonly onSwept?: () => Promise<unknown>;
  /** What a sweep in the background threw; the next one runs nevertheless. */
  readonly onBug: (error: unknown) => void;
  /** Between two sweeps; null: the caller sweeps. */
  readonly sweepIntervalMs?: number | null;
}

export interface SweepingNodes extends Nodes {
  /** Demotes what has been silent too long; resolves with how many changed. */
  sweep(): Promise<number>;
}

export const createNodes = (options: NodesOptions): SweepingNodes => new StoredNodes(options);

const PUBLIC_KEY_BYTES = 32;

class StoredNodes implements SweepingNodes {
  readonly #options: NodesOptions;
  readonly #store: Store;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #beats = new HeartbeatLimiter();
  #sweeping: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#store = options.store;
    const { sweepIntervalMs = SWEEP_INTERVAL_MS, onBug } = options;
    if (sweepIntervalMs === null) return;
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => (this.#closed ? 0 : this.sweep())).catch(onBug);
    }, sweepIntervalMs);
    this.#timer.unref();
  }

  async enrol({ spaceId, nodeId, ownerId, publicKey }: Parameters<Nodes["enrol"]>[0]): Promise<void> {
    if (Buffer.from(publicKey, "base64").byteLength !== PUBLIC_KEY_BYTES)
      throw new MusterError("validation_failed", "A node's key is 32 bytes in base64.");
    await this.#run(
      insertInto(
        this.#store.dialect,
        HUB_TABLES,
        "nodes",
        [
          {
            space_id: spaceId,
            node_id: nodeId,
            owner: ownerId,
            public_key: publicKey,
            archived_keys_json: "[]",
            encryption_key: null,
            epoch: 0,
            incarnation: null,
            created_at: this.#now(),
          },
        ],
        { conflict: "ignore" },
      ),
    );
    const enrolled = await this.#nodeRow(spaceId, nodeId);
    if (enrolled?.public_key !== publicKey || enrolled.owner !== ownerId)
      throw new MusterError("runtimenode.permission_denied");
  }

  async publicKey(spaceId: SpaceId, nodeId: NodeId): Promise<string | null> {
    const row = await this.#nodeRow(spaceId, nodeId);
    return row?.public_key ?? null;
  }

  async connected(input: Parameters<Nodes["connected"]>[0]): Promise<{ epoch: number }> {
    checkCapabilities(input.capabilities);
    const attached = await attachOnConnect(this.#options, input);
    await this.#tell(input.spaceId, input.nodeId);
    return attached;
  }

  async heartbeat(beat: Parameters<Nodes["heartbeat"]>[0]): Promise<void> {
    const { spaceId, nodeId, epoch, connectionId, healthState } = beat;
    const before = await this.#healthOf(spaceId, nodeId);
    const written = { spaceId, nodeId, epoch, connectionId, healthState, at: this.#now() };
    if ((await this.#run([beatPresence(this.#store.dialect, written)])) === 1) {
      if (before !== healthState) await this.#tell(spaceId, nodeId);
      return;
    }
    // The right epoch on a connection that was replaced changes nothing and is no error.
    await this.#refuseStale(spaceId, nodeId, epoch);
  }

  async capabilities({ spaceId, nodeId, epoch, capabilities }: Parameters<Nodes["capabilities"]>[0]): Promise<void> {
    checkCapabilities(capabilities);
    await declare(this.#options, { spaceId, ownerId: undefined }, { nodeId, epoch, capabilities });
    await this.#tell(spaceId, nodeId);
  }

  async attach(by: NodeCaller, input: AttachInput): Promise<Attached> {
    const attached = await attach(this.#options, by, input);
    await this.#tell(by.spaceId, input.nodeId);
    return attached;
  }

  async beat(by: NodeCaller, { nodeId, epoch, healthState }: HeartbeatInput): Promise<void> {
    const { spaceId, ownerId } = by;
    const now = this.#options.clock.now();
    this.#beats.check(`${ownerId}\0${nodeId}`, now);
    const before = await this.#healthOf(spaceId, nodeId);
    const written = { spaceId, nodeId, ownerId, epoch, healthState, at: isoTime(now) };
    if ((await this.#run([beatPresenceByOwner(this.#store.dialect, written)])) === 1) {
      if (before !== healthState) await this.#tell(spaceId, nodeId);
      return;
    }
    if ((await this.#nodeRow(spaceId, nodeId))?.owner !== ownerId)
      throw new MusterError("runtimenode.permission_denied");
    await this.#refuseStale(spaceId, nodeId, epoch);
  }

  async declare({ spaceId, ownerId }: NodeCaller, input: CapabilityUpdateInput): Promise<CapabilityUpdated> {
    const declared = await declare(this.#options, { spaceId, ownerId }, input);
    await this.#tell(spaceId, input.nodeId);
    return declared;
  }

  async detach(by: NodeCaller, input: DetachInput): Promise<void> {
    if (await detach(this.#options, by, input)) await this.#tell(by.spaceId, input.nodeId);
  }

  async revoke(by: Pick<NodeCaller, "spaceId" | "actorId">, input: RevokeInput): Promise<void> {
    if (await revoke(this.#options, by, input)) await this.#tell(by.spaceId, input.nodeId);
  }

  async disconnected(input: Parameters<Nodes["disconnected"]>[0]): Promise<void> {
    if (input.expected) return;
    const { spaceId, nodeId, connectionId } = input;
    if ((await this.#run([doubtPresence(this.#store.dialect, { spaceId, nodeId, connectionId })])) === 1)
      await this.#tell(spaceId, nodeId);
  }

  list(spaceId: SpaceId, sessionIds: readonly SessionId[]): Promise<NodeSummary[]> {
    return readRoster(this.#store, spaceId, { sessionIds });
  }

  async sweep(): Promise<number> {
    const now = this.#options.clock.now();
    const statement = sweepPresence(this.#store.dialect, {
      degradedBefore: isoTime(now - DEGRADED_AFTER_MS),
      offlineBefore: isoTime(now - OFFLINE_AFTER_MS),
    });
    const statements = [statement];
    const changed = returnedRows(await this.#store.commit({ guards: [], statements }), statements, statement);
    for (const row of changed) await this.#tell(row.space_id, row.node_id);
    await this.#options.onSwept?.();
    return changed.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** Rows that the first of them changed. */
  async #run(statements: readonly Statement[]): Promise<number> {
    const result = await this.#store.commit({ guards: [], statements });
    return result.status === "committed" ? (result.changes[0] ?? 0) : 0;
  }

  async #tell(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    this.#options.onPresence(spaceId, await readRoster(this.#store, spaceId, { nodeId }));
  }

  async #nodeRow(
    spaceId: SpaceId,
    nodeId: NodeId,
  ): Promise<Pick<HubRow<"nodes">, "owner" | "public_key" | "epoch"> | undefined> {
    return (await this.#store.read(nodeOf(this.#store.dialect, { spaceId, nodeId })))[0];
  }

  async #healthOf(spaceId: SpaceId, nodeId: NodeId): Promise<HealthState | undefined> {
    return (await this.#store.read(healthOf(this.#store.dialect, { spaceId, nodeId })))[0]?.health_state;
  }

  /** Throws where the epoch is not the node's newest. */
  async #refuseStale(spaceId: SpaceId, nodeId: NodeId, epoch: number): Promise<void> {
    const row = await this.#nodeRow(spaceId, nodeId);
    if (row === undefined) throw new MusterError("runtimenode.permission_denied");
    if (row.epoch !== epoch) throw staleEpoch(epoch, row.epoch);
  }

  #now(): string {
    return isoTime(this.#options.clock.now());
  }
}

function checkCapabilities(capabilities: NodeCapabilities): void {
  const keys = Object.keys(capabilities).length;
  const bytes = byteLength(JSON.stringify(capabilities));
  if (keys <= CAPABILITIES_MAX_KEYS && bytes <= CAPABILITIES_MAX_BYTES) return;
  throw new MusterError("validation_failed", "A node declares too much about itself.", {
    keys,
    bytes,
    maxKeys: CAPABILITIES_MAX_KEYS,
    maxBytes: CAPABILITIES_MAX_BYTES,
  });
}
