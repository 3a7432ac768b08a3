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
  type PrincipalId,
  type RevokeInput,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { insertInto, type Statement, type Store } from "@muster/store";
import type { NodeCaller, NodePlace, Nodes } from "../ports.ts";
import { type HealthState, HUB_TABLES, type HubRow } from "../schema/index.ts";
import { declare } from "./declarations.ts";
import { HeartbeatLimiter } from "./heartbeat-limiter.ts";
import { Heartbeats } from "./heartbeats.ts";
import { connect } from "./hello.ts";
import { SLOT_LEASE_MS, SWEEP_INTERVAL_MS } from "./limits.ts";
import { announcementBy, NodeNews } from "./news.ts";
import { beatPresenceByOwner, connectionOf, doubtPresence, healthOf } from "./presence.ts";
import { ROSTER_NODES_MAX, readFleet, readRoster } from "./roster.ts";
import { attach, detach, revoke, type SlotTools, staleEpoch } from "./slots.ts";
import { isActive, newestSlot, nodeOf } from "./statements.ts";
import { type ChangedNode, Sweep } from "./sweep.ts";

export interface NodesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The store for reads that go through many rows, where `store` is for reads by key. */
  readonly wideStore?: Store;
  /** This process, once started, among those that share the database. */
  readonly hubId: string;
  /** In whose name the hub releases slots. */
  readonly hubPrincipalId: PrincipalId;
  /** How long a slot waits for a node that is offline; the usual time when absent. */
  readonly slotLeaseMs?: number;
  /** Called for every node that another hub of the database changed, or may have. */
  readonly onChangedElsewhere?: (spaceId: SpaceId, nodeId: NodeId) => void;
  /** Called after a commit that changed liveness or slots, with the node's slots as they are now. */
  readonly onPresence: (spaceId: SpaceId, nodes: readonly NodeSummary[]) => void;
  /** Called for a node that was attached, detached, revoked or released here, or changed elsewhere: its socket may have to go. */
  readonly onSlotChanged?: (spaceId: SpaceId, nodeId: NodeId) => void;
  /** Called after every sweep: what follows from nodes that are away is decided then. */
  readonly onSwept?: () => Promise<unknown>;
  /** What a sweep in the background threw; the next one runs nevertheless. */
  readonly onBug: (error: unknown) => void;
  /** Between two sweeps; null: the caller sweeps. */
  readonly sweepIntervalMs?: number | null;
}

export interface SweepingNodes extends Nodes {
  /** Hears from now on what other hubs of the database change. Throws `unavailable`. */
  open(): Promise<void>;
  /** Demotes what has been silent too long and releases what was away too long; resolves with how many changes it made. */
  sweep(): Promise<number>;
}

export const createNodes = (options: NodesOptions): SweepingNodes => new StoredNodes(options);

const PUBLIC_KEY_BYTES = 32;

class StoredNodes implements SweepingNodes {
  readonly #options: NodesOptions;
  readonly #store: Store;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #beats = new HeartbeatLimiter();
  readonly #sweep: Sweep;
  readonly #news: NodeNews;
  readonly #tools: SlotTools;
  readonly #heartbeats: Heartbeats;
  #sweeping: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#store = options.store;
    const { sweepIntervalMs = SWEEP_INTERVAL_MS, onBug, hubId, hubPrincipalId, clock, ids, onPresence } = options;
    const store = options.wideStore ?? options.store;
    const announcement = announcementBy(hubId);
    this.#tools = { store: options.store, clock, ids, announcement };
    const onBeaten = (changed: readonly ChangedNode[]): Promise<void> => this.#tellMany(changed);
    this.#heartbeats = new Heartbeats({ store: options.store, clock, announcement, onChanged: onBeaten });
    const slotLeaseMs = options.slotLeaseMs ?? SLOT_LEASE_MS;
    this.#sweep = new Sweep({ store, clock, ids, owner: hubId, hubPrincipalId, slotLeaseMs, announcement });
    const onChanged = (spaceId: SpaceId, nodeId: NodeId): void => {
      options.onChangedElsewhere?.(spaceId, nodeId);
      options.onSlotChanged?.(spaceId, nodeId);
    };
    this.#news = new NodeNews({ store, hubId, onPresence, onChanged, onBug });
    if (sweepIntervalMs === null) return;
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => (this.#closed ? 0 : this.sweep())).catch(onBug);
    }, sweepIntervalMs);
    this.#timer.unref();
  }

  open(): Promise<void> {
    return this.#news.open();
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

  async connected(input: Parameters<Nodes["connected"]>[0]): Promise<{ epoch: number; hasSlot: boolean }> {
    checkCapabilities(input.capabilities);
    const connected = await connect(this.#tools, input);
    await this.#tell(input.spaceId, input.nodeId);
    return connected;
  }

  async place(spaceId: SpaceId, nodeId: NodeId): Promise<NodePlace | null> {
    const { dialect } = this.#store;
    const of = { spaceId, nodeId };
    const [[node], [presence], [slot]] = await this.#store.readTransaction([
      nodeOf(dialect, of),
      connectionOf(dialect, of),
      newestSlot(dialect, of),
    ]);
    if (node === undefined) return null;
    return {
      epoch: node.epoch,
      connectionId: presence?.connection_id ?? null,
      isRevoked: slot?.state === "revoked",
      hasSlot: slot !== undefined && isActive(slot.state),
    };
  }

  heartbeat(beat: Parameters<Nodes["heartbeat"]>[0]): Promise<void> {
    return this.#heartbeats.beat(beat);
  }

  async capabilities({ spaceId, nodeId, epoch, capabilities }: Parameters<Nodes["capabilities"]>[0]): Promise<void> {
    checkCapabilities(capabilities);
    await declare(this.#tools, { spaceId, ownerId: undefined }, { nodeId, epoch, capabilities });
    await this.#tell(spaceId, nodeId);
  }

  async attach(by: NodeCaller, input: AttachInput): Promise<Attached> {
    const attached = await attach(this.#tools, by, input);
    await this.#slotChanged(by.spaceId, input.nodeId);
    return attached;
  }

  async beat(by: NodeCaller, { nodeId, epoch, healthState }: HeartbeatInput): Promise<void> {
    const { spaceId, ownerId } = by;
    const now = this.#options.clock.now();
    this.#beats.check(`${ownerId}\0${nodeId}`, now);
    // Before anything is written or announced: whose node it is not makes nobody work for it.
    await this.#refuseOthers(ownerId, spaceId, nodeId, epoch);
    const before = await this.#healthOf(spaceId, nodeId);
    const written = { spaceId, nodeId, ownerId, epoch, healthState, at: isoTime(now) };
    const news = before === healthState ? [] : [this.#tools.announcement(spaceId, nodeId)];
    if ((await this.#run([beatPresenceByOwner(this.#store.dialect, written)], news)) === 1) {
      if (before !== healthState) await this.#tell(spaceId, nodeId);
      return;
    }
    await this.#refuseOthers(ownerId, spaceId, nodeId, epoch);
  }

  async declare({ spaceId, ownerId }: NodeCaller, input: CapabilityUpdateInput): Promise<CapabilityUpdated> {
    const declared = await declare(this.#tools, { spaceId, ownerId }, input);
    await this.#tell(spaceId, input.nodeId);
    return declared;
  }

  async detach(by: NodeCaller, input: DetachInput): Promise<void> {
    if (await detach(this.#tools, by, input)) await this.#slotChanged(by.spaceId, input.nodeId);
  }

  async revoke(by: Pick<NodeCaller, "spaceId" | "actorId">, input: RevokeInput): Promise<void> {
    if (await revoke(this.#tools, by, input)) await this.#slotChanged(by.spaceId, input.nodeId);
  }

  async disconnected(input: Parameters<Nodes["disconnected"]>[0]): Promise<void> {
    if (input.expected) return;
    const { spaceId, nodeId, connectionId } = input;
    const doubt = doubtPresence(this.#store.dialect, { spaceId, nodeId, connectionId });
    if ((await this.#run([doubt], [this.#tools.announcement(spaceId, nodeId)])) === 1)
      await this.#tell(spaceId, nodeId);
  }

  list(spaceId: SpaceId, sessionIds: readonly SessionId[]): Promise<NodeSummary[]> {
    return readRoster(this.#store, spaceId, { sessionIds });
  }

  fleet(...[by, sessionIds]: Parameters<Nodes["fleet"]>): ReturnType<Nodes["fleet"]> {
    return readFleet(this.#store, by, sessionIds);
  }

  async sweep(): Promise<number> {
    const changed = await this.#sweep.run();
    this.#news.readWaiting();
    for (const { spaceId, nodeId } of changed) this.#options.onSlotChanged?.(spaceId, nodeId);
    await this.#tellMany(changed);
    await this.#options.onSwept?.();
    return changed.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#heartbeats.close();
    await this.#news.close();
    await this.#sweeping;
    // A database that is away has not forgotten when the lease ends.
    await this.#sweep.close().catch(() => undefined);
  }

  /** Rows that the first of them changed. */
  async #run(statements: readonly Statement[], announcements: readonly string[] = []): Promise<number> {
    const result = await this.#store.commit({ guards: [], statements, announcements });
    return result.status === "committed" ? (result.changes[0] ?? 0) : 0;
  }

  async #tell(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    this.#options.onPresence(spaceId, await readRoster(this.#store, spaceId, { nodeId }));
  }

  /** Each node once, however often it changed. */
  async #tellMany(changed: readonly ChangedNode[]): Promise<void> {
    const spaces = new Map<SpaceId, Set<NodeId>>();
    for (const { spaceId, nodeId } of changed) spaces.set(spaceId, (spaces.get(spaceId) ?? new Set()).add(nodeId));
    const store = this.#options.wideStore ?? this.#store;
    for (const [spaceId, nodes] of spaces) {
      const nodeIds = [...nodes];
      for (let start = 0; start < nodeIds.length; start += ROSTER_NODES_MAX) {
        const page = nodeIds.slice(start, start + ROSTER_NODES_MAX);
        this.#options.onPresence(spaceId, await readRoster(store, spaceId, { nodeIds: page }));
      }
    }
  }

  async #slotChanged(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    this.#options.onSlotChanged?.(spaceId, nodeId);
    await this.#tell(spaceId, nodeId);
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

  /** Throws where the node is another's, or the epoch is not its newest. */
  async #refuseOthers(ownerId: PrincipalId, spaceId: SpaceId, nodeId: NodeId, epoch: number): Promise<void> {
    const row = await this.#nodeRow(spaceId, nodeId);
    if (row?.owner !== ownerId) throw new MusterError("runtimenode.permission_denied");
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
