// Keeps a FeedStore in step with a hub: snapshot, then the feed from it, and anew whenever the feed says so. Reads threads
// when they are opened. One of these per tab or process holds the only feed.
import { MusterError, type Snapshot, type ThreadId } from "@muster/contracts";
import type { MusterClient } from "../client.ts";
import { isAbort, toMusterError } from "../errors.ts";
import type { FeedState } from "../feed/follow.ts";
import { plainSurroundings, type Surroundings } from "../feed/surroundings.ts";
import { backoffMs } from "../timing.ts";
import type { FeedStore } from "./feed-store.ts";

const BACKOFF = { baseMs: 250, capMs: 4_000 };
/** 200 threads each; what lies further back is found by opening it. */
const SNAPSHOT_PAGES_MAX = 5;
const WINDOW_TRIES_MAX = 5;
/** Threads kept in step after their page was left. */
const UNWATCHED_THREADS_MAX = 6;

export interface HubFeedOptions {
  readonly client: MusterClient;
  readonly store: FeedStore;
  readonly surroundings?: Surroundings;
  /** Called with a failure that trying again cannot mend, such as a login that has ended; the feed has stopped. */
  readonly onStopped?: (error: MusterError) => void;
}

export class HubFeed {
  readonly #client: MusterClient;
  readonly #store: FeedStore;
  readonly #surroundings: Surroundings;
  readonly #onStopped: (error: MusterError) => void;
  readonly #watched = new Map<ThreadId, number>();
  readonly #listeners = new Set<() => void>();
  #ended = new AbortController();
  #state: FeedState = { status: "connecting", attempt: 0, error: null };

  constructor({ client, store, surroundings = plainSurroundings, onStopped = () => {} }: HubFeedOptions) {
    this.#client = client;
    this.#store = store;
    this.#surroundings = surroundings;
    this.#onStopped = onStopped;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly state = (): FeedState => this.#state;

  /** Starts following; call it again after `stop`. */
  start(): void {
    this.#ended = new AbortController();
    void this.#run(this.#ended.signal);
  }

  stop(): void {
    this.#ended.abort();
  }

  /** Reads the thread and keeps it in step until the returned function was called by all who opened it. */
  openThread(threadId: ThreadId): () => void {
    const watchers = this.#watched.get(threadId) ?? 0;
    // Watched last: the order decides which unwatched thread is forgotten first.
    this.#watched.delete(threadId);
    this.#watched.set(threadId, watchers + 1);
    const view = this.#store.thread(threadId);
    if (view === undefined || view.status === "failed") void this.reloadThread(threadId);
    return () => {
      this.#watched.set(threadId, Math.max(0, (this.#watched.get(threadId) ?? 1) - 1));
      this.#forgetThreads();
    };
  }

  async reloadThread(threadId: ThreadId): Promise<void> {
    const signal = this.#ended.signal;
    this.#store.beginThread(threadId);
    try {
      for (let attempt = 0; attempt < WINDOW_TRIES_MAX; attempt += 1) {
        const begun = this.#store.sequence;
        const window = await this.#client.api.orchestration.getThread({ threadId }, { signal });
        if (this.#store.loadThread(window, begun)) return;
        await this.#client.timing.wait(backoffMs(attempt, BACKOFF, this.#client.timing.random), signal);
      }
      throw new MusterError("unavailable");
    } catch (error) {
      if (!isAbort(error)) this.#store.failThread(threadId, toMusterError(error));
    }
  }

  /** Throws what went wrong, after the store was told that nothing is on its way any more. */
  async loadOlder(threadId: ThreadId): Promise<void> {
    const before = this.#store.beginOlder(threadId);
    if (before === null) return;
    try {
      this.#store.loadOlder(
        await this.#client.api.orchestration.getThread({ threadId, before }, { signal: this.#ended.signal }),
      );
    } catch (error) {
      this.#store.failOlder(threadId);
      if (!isAbort(error)) throw toMusterError(error);
    }
  }

  async reloadNodes(): Promise<void> {
    const { nodes, inNoSession } = await this.#client.api.nodes.list(undefined, { signal: this.#ended.signal });
    this.#store.loadNodes(nodes, inNoSession);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!signal.aborted) {
      try {
        await this.#takeSnapshot(signal);
        attempt = 0;
        await this.#follow(signal);
      } catch (thrown) {
        if (signal.aborted || isAbort(thrown)) return;
        const error = toMusterError(thrown);
        if (!error.row.retryable) {
          this.#onStopped(error);
          return;
        }
        attempt += 1;
        this.#setState({ status: this.#surroundings.isOnline() ? "reconnecting" : "offline", attempt, error });
        await this.#client.timing.wait(backoffMs(attempt, BACKOFF, this.#client.timing.random), signal);
      }
    }
  }

  async #takeSnapshot(signal: AbortSignal): Promise<void> {
    const first = await this.#client.api.orchestration.getSnapshot({}, { signal });
    this.#store.loadSnapshot(first);
    let page: Snapshot["page"] = first.page;
    for (let pages = 1; pages < SNAPSHOT_PAGES_MAX && page.hasMore && page.before !== null; pages += 1) {
      const next = await this.#client.api.orchestration.getSnapshot({ before: page.before }, { signal });
      this.#store.loadSnapshotPage(next);
      page = next.page;
    }
    for (const threadId of this.#store.openThreads()) {
      if ((this.#watched.get(threadId) ?? 0) > 0) void this.reloadThread(threadId);
      else this.#store.closeThread(threadId);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const feed = this.#client.followFeed({
      after: this.#store.position,
      signal,
      surroundings: this.#surroundings,
      onState: (state) => this.#setState(state),
    });
    for await (const message of feed) {
      this.#store.apply(message);
      if (message.type === "synchronized") this.#readWhatTheFeedLacks();
      if (this.#store.needsSnapshot) return;
    }
  }

  /** Presence is live only, so what changed while the feed was away is read; so are threads whose read had failed. */
  #readWhatTheFeedLacks(): void {
    void this.reloadNodes().catch(() => {});
    for (const threadId of this.#store.openThreads()) {
      if (this.#store.thread(threadId)?.error?.row.retryable === true) void this.reloadThread(threadId);
    }
  }

  #forgetThreads(): void {
    const unwatched = [...this.#watched].filter(([, watchers]) => watchers === 0);
    for (const [threadId] of unwatched.slice(0, Math.max(0, unwatched.length - UNWATCHED_THREADS_MAX))) {
      this.#watched.delete(threadId);
      this.#store.closeThread(threadId);
    }
  }

  #setState(state: FeedState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
