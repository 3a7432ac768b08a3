// The streams that a batch has looked at, as its earlier work left them. Whatever was read is proven by a version guard
// inside the append, also where the batch only read it.
import type { ProjectId, SpaceId, ThreadId } from "@muster/contracts";
import { type DecidedEvent, evolveProject, evolveThread, type ProjectState, type ThreadState } from "@muster/core";
import type { Guard, Store } from "@muster/store";
import type { ReadEvent } from "./event-reader.ts";
import {
  loadProject,
  loadThread,
  projectKey,
  type StateCache,
  type StreamKey,
  threadKey,
  type Versioned,
  versionGuards,
} from "./stream-states.ts";

interface Overlay {
  readonly kind: "project" | "thread";
  readonly id: string;
  /** As read, before this batch: what the append must still find. */
  readonly baseVersion: number;
  version: number;
  state: ProjectState | ThreadState | null;
}

export interface StreamParts {
  readonly store: Store;
  readonly cache: StateCache;
  readonly readEvent: ReadEvent;
}

export class BatchStreams {
  readonly #store: Store;
  readonly #cache: StateCache;
  readonly #readEvent: ReadEvent;
  readonly #spaceId: SpaceId;
  readonly #overlays = new Map<StreamKey, Overlay>();
  readonly #prefetched = new Map<StreamKey, Versioned<ThreadState>>();

  constructor({ store, cache, readEvent }: StreamParts, spaceId: SpaceId) {
    this.#store = store;
    this.#cache = cache;
    this.#readEvent = readEvent;
    this.#spaceId = spaceId;
  }

  async project(projectId: ProjectId): Promise<ProjectState | null> {
    const overlay = await this.#projectOverlay(projectId);
    return overlay.state as ProjectState | null;
  }

  async thread(threadId: ThreadId): Promise<ThreadState | null> {
    const overlay = await this.#threadOverlay(threadId);
    return overlay.state as ThreadState | null;
  }

  /** Loads a thread that is about to be asked for; without a question for it, it is no guard. */
  async prefetchThread(threadId: ThreadId): Promise<void> {
    const key = threadKey(this.#spaceId, threadId);
    if (this.#overlays.has(key) || this.#cache.get(key) !== undefined) return;
    this.#prefetched.set(key, await loadThread(this.#store, this.#spaceId, threadId, this.#readEvent));
  }

  /** Takes the event into its stream and says which version it has there. */
  async evolve({ aggregateKind, streamId, event }: DecidedEvent): Promise<number> {
    const overlay =
      aggregateKind === "project"
        ? await this.#projectOverlay(streamId as ProjectId)
        : await this.#threadOverlay(streamId as ThreadId);
    overlay.version += 1;
    overlay.state =
      aggregateKind === "project"
        ? evolveProject(overlay.state as ProjectState | null, event)
        : evolveThread(overlay.state as ThreadState | null, event);
    return overlay.version;
  }

  get guards(): Guard[] {
    const streams = [...this.#overlays.values()].map(({ kind, id, baseVersion }) => ({
      kind,
      id,
      version: baseVersion,
    }));
    return versionGuards(this.#store.dialect, this.#spaceId, streams);
  }

  /** After the commit the cache learns the new states. */
  committed(): void {
    for (const [key, { version, state }] of this.#overlays) this.#cache.set(key, { version, state });
  }

  /** After a conflict or a failure what was read may be stale. */
  forget(): void {
    for (const key of this.#overlays.keys()) this.#cache.drop(key);
  }

  #projectOverlay(projectId: ProjectId): Promise<Overlay> {
    const key = projectKey(this.#spaceId, projectId);
    return this.#overlay(key, "project", projectId, () => loadProject(this.#store, this.#spaceId, projectId));
  }

  #threadOverlay(threadId: ThreadId): Promise<Overlay> {
    const key = threadKey(this.#spaceId, threadId);
    return this.#overlay(key, "thread", threadId, () =>
      loadThread(this.#store, this.#spaceId, threadId, this.#readEvent),
    );
  }

  async #overlay(
    key: StreamKey,
    kind: Overlay["kind"],
    id: string,
    load: () => Promise<Versioned<ProjectState | ThreadState>>,
  ): Promise<Overlay> {
    const known = this.#overlays.get(key);
    if (known !== undefined) return known;
    const { version, state } = this.#cache.get(key) ?? this.#prefetched.get(key) ?? (await load());
    const overlay: Overlay = { kind, id, baseVersion: version, version, state };
    this.#overlays.set(key, overlay);
    return overlay;
  }
}
