// Heartbeats of this hub's sockets, in groups: thousands of machines beat at all times, and a commit for each would sync the
// disk for each. The first of a quiet moment is written at once; what comes while it is written, or soon after, waits for
// the next commit. Each is still decided by its own statement, and answered after the commit that holds it.
import { MusterError, type NodeId, type SpaceId } from "@muster/contracts";
import { type Clock, isoTime } from "@muster/core";
import { integer, list, nullable, pick, type Statement, type Store, select, text } from "@muster/store";
import type { Nodes } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { HEARTBEAT_GROUP_MS, HEARTBEATS_PER_COMMIT_MAX, HEARTBEATS_WAITING_MAX } from "./limits.ts";
import { beatPresence } from "./presence.ts";
import { openIfUp } from "./slot-statements.ts";
import { staleEpoch } from "./slots.ts";
import type { ChangedNode } from "./sweep.ts";

const { nodes, runtime_node_presence: presence } = HUB_TABLES;

/** What heartbeats are measured by. */
const beatingNodes = select({
  request: { ...ofSpace, nodeIds: list(text<NodeId>(), HEARTBEATS_PER_COMMIT_MAX) },
  row: { ...pick(nodes, "node_id"), epoch: integer(), health_state: nullable(presence.health_state) },
  sql: `SELECT node.node_id, node.epoch, presence.health_state FROM nodes node
    LEFT JOIN runtime_node_presence presence ON presence.space_id = node.space_id AND presence.node_id = node.node_id
    WHERE node.space_id = :spaceId AND node.node_id IN (:nodeIds)`,
});

type Beat = Parameters<Nodes["heartbeat"]>[0];

interface Waiting {
  readonly beat: Beat;
  readonly at: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface HeartbeatsOptions {
  /** Reads of it are by key. */
  readonly store: Store;
  readonly clock: Clock;
  readonly announcement: (spaceId: SpaceId, nodeId: NodeId) => string;
  /** Called after a commit that changed what is known of them. */
  readonly onChanged: (changed: readonly ChangedNode[]) => Promise<void>;
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /**
   * Resolves once it is written; also where the connection was replaced, which changes nothing.
   * @throws MusterError `runtimenode.stale_epoch`, `runtimenode.permission_denied`, `rate_limited` where too many wait.
   */
  beat(beat: Beat): Promise<void> {
    if (this.#waiting.length >= HEARTBEATS_WAITING_MAX)
      return Promise.reject(new MusterError("rate_limited", "Too many heartbeats wait to be written."));
    const at = isoTime(this.#options.clock.now());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ beat, at, resolve, reject });
      this.#writeSoon();
    });
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    while (this.#writing !== null || this.#waiting.length > 0) {
      this.#writeNow();
      await this.#writing;
    }
  }

  #writeSoon(): void {
    if (this.#writing !== null || this.#timer !== undefined || this.#waiting.length === 0) return;
    const waitMs = this.#writtenMs + HEARTBEAT_GROUP_MS - performance.now();
    if (waitMs <= 0) this.#writeNow();
    else this.#timer = setTimeout(() => this.#writeNow(), waitMs);
  }

  #writeNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== null || this.#waiting.length === 0) return;
    this.#writtenMs = performance.now();
    const spaceId = this.#waiting[0]?.beat.spaceId;
    const isNext = ({ beat }: Waiting): boolean => beat.spaceId === spaceId;
    const group = this.#waiting.filter(isNext).slice(0, HEARTBEATS_PER_COMMIT_MAX);
    const chosen = new Set(group);
    this.#waiting = this.#waiting.filter((one) => !chosen.has(one));
    this.#writing = this.#write(group).finally(() => {
      this.#writing = null;
      this.#writeSoon();
    });
  }

  /** Never throws: each is told for itself. */
  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#commit(group);
    } catch (error) {
      // Again is no second answer.
      for (const { reject } of group) reject(error);
    }
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { store, announcement, onChanged } = this.#options;
    const { dialect } = store;
    const known = await this.#known(group);
    const beats: Waiting[] = [];
    const changed: ChangedNode[] = [];
    const opening: Statement[] = [];
    for (const one of group) {
      const { spaceId, nodeId, epoch, healthState } = one.beat;
      const node = known.get(nodeId);
      if (node === undefined || node.epoch !== epoch) {
        one.reject(refusalOf(one, node));
        continue;
      }
      beats.push(one);
      if (node.health_state === healthState) continue;
      changed.push({ spaceId, nodeId });
      // A slot that was attached while its node was given up for dead has waited for this.
      if (node.health_state === "offline") opening.push(openIfUp(dialect, { spaceId, nodeId }));
    }
    const result = await store.commit({
      guards: [],
      statements: [...beats.map(({ beat, at }) => beatPresence(dialect, { ...beat, at })), ...opening],
      announcements: changed.map(({ spaceId, nodeId }) => announcement(spaceId, nodeId)),
    });
    const changes = result.status === "committed" ? result.changes : [];
    const unwritten = beats.filter((_beat, index) => changes[index] !== 1);
    // The right epoch on a connection that was replaced changes nothing and is no error.
    const now = unwritten.length === 0 ? known : await this.#known(unwritten);
    for (const one of unwritten) {
      const node = now.get(one.beat.nodeId);
      if (node === undefined || node.epoch !== one.beat.epoch) one.reject(refusalOf(one, node));
    }
    if (changed.length > 0) await onChanged(changed);
    for (const { resolve } of beats) resolve();
  }

  async #known(group: readonly Waiting[]) {
    const { store } = this.#options;
    const spaceId = group[0]?.beat.spaceId;
    if (spaceId === undefined) return new Map<NodeId, never>();
    const nodeIds = group.map(({ beat }) => beat.nodeId);
    const rows = await store.read(beatingNodes(store.dialect, { spaceId, nodeIds }));
    return new Map(rows.map((row) => [row.node_id, row]));
  }
}

const refusalOf = ({ beat }: Waiting, node: { readonly epoch: number } | undefined): MusterError =>
  node === undefined ? new MusterError("runtimenode.permission_denied") : staleEpoch(beat.epoch, node.epoch);
