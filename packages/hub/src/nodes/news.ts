// What hubs of one database tell each other of nodes: whose liveness or slot changed, never what it is now. Who hears of a node
// reads its rows, so news may come late, twice or in any order. What a hub changed itself it does not hear of again.
import type { NodeId, NodeSummary, SpaceId } from "@muster/contracts";
import { pick, type Store, select } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";
import { ROSTER_NODES_MAX, readRoster } from "./roster.ts";

const { runtime_node_attachments: slots } = HUB_TABLES;

const allNodes = select({
  request: {},
  row: pick(slots, "space_id", "node_id"),
  sql: "SELECT DISTINCT space_id, node_id FROM runtime_node_attachments",
});

const KIND = "node";

export interface NewsOptions {
  readonly store: Store;
  /** This process, once started. */
  readonly hubId: string;
  /** Slots as they are now, of nodes that another hub changed. */
  readonly onPresence: (spaceId: SpaceId, nodes: readonly NodeSummary[]) => void;
  /** Once for each node that another hub changed; also where it has no slot. */
  readonly onChanged: (spaceId: SpaceId, nodeId: NodeId) => void;
  readonly onBug: (error: unknown) => void;
}

/** For `Batch.announcements`. Far below their limit, whatever the node is called. */
export const announcementBy =
  (hubId: string) =>
  (spaceId: SpaceId, nodeId: NodeId): string =>
    JSON.stringify([KIND, hubId, spaceId, nodeId]);

/** null for what this hub said itself, and for what is no news of nodes. */
function nodeOf(hubId: string, announcement: string): readonly [SpaceId, NodeId] | null {
  let said: unknown;
  try {
    said = JSON.parse(announcement);
  } catch {
    return null;
  }
  const [kind, by, spaceId, nodeId] = Array.isArray(said) ? (said as readonly unknown[]) : [];
  if (kind !== KIND || by === hubId || typeof spaceId !== "string" || typeof nodeId !== "string") return null;
  return [spaceId as SpaceId, nodeId as NodeId];
}

export class NodeNews {
  readonly #options: NewsOptions;
  readonly #waiting = new Map<SpaceId, Set<NodeId>>();
  #isAllWaiting = false;
  #reading: Promise<void> | null = null;
  #stop: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** Listens, where the database has more than one hub. Throws `unavailable`. */
  async open(): Promise<void> {
    this.#stop = await this.#options.store.listen?.({ onAnnouncement: (announcement) => this.heard(announcement) });
  }

  heard(announcement: string | null): void {
    if (announcement === null) this.#isAllWaiting = true;
    else {
      const node = nodeOf(this.#options.hubId, announcement);
      if (node === null) return;
      const [spaceId, nodeId] = node;
      const ofSpace = this.#waiting.get(spaceId);
      if (ofSpace === undefined) this.#waiting.set(spaceId, new Set([nodeId]));
      else ofSpace.add(nodeId);
    }
    this.readWaiting();
  }

  /** What could not be read when it was heard is read now. */
  readWaiting(): void {
    // Reading nothing would be over before it is known as what is being read.
    if (this.#mayRead) this.#reading ??= this.#readOn();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stop?.();
    await this.#reading;
  }

  get #mayRead(): boolean {
    return !this.#isClosed && (this.#isAllWaiting || this.#waiting.size > 0);
  }

  /** Until nothing waits; what is heard meanwhile is read once more, together. */
  async #readOn(): Promise<void> {
    try {
      while (this.#mayRead) await this.#readOnce();
    } catch (error) {
      // What was taken may have been told in part.
      this.#isAllWaiting = true;
      this.#options.onBug(error);
    } finally {
      this.#reading = null;
    }
  }

  async #readOnce(): Promise<void> {
    const { store, onPresence, onChanged } = this.#options;
    const changed = new Map([...this.#waiting].map(([spaceId, nodes]) => [spaceId, [...nodes]]));
    this.#waiting.clear();
    if (this.#isAllWaiting) {
      this.#isAllWaiting = false;
      changed.clear();
      for (const { space_id, node_id } of await store.read(allNodes(store.dialect, {}))) {
        const ofSpace = changed.get(space_id);
        if (ofSpace === undefined) changed.set(space_id, [node_id]);
        else ofSpace.push(node_id);
      }
    }
    for (const [spaceId, nodeIds] of changed) {
      for (const nodeId of nodeIds) onChanged(spaceId, nodeId);
      for (let start = 0; start < nodeIds.length; start += ROSTER_NODES_MAX) {
        const page = nodeIds.slice(start, start + ROSTER_NODES_MAX);
        onPresence(spaceId, await readRoster(store, spaceId, { nodeIds: page }));
      }
    }
  }
}
