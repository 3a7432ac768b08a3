// Everything one reader knows of the hub, framework free: the overview, the threads that are open, the machines, folded
// from snapshots and one feed with core's projectors. `subscribe` and the reading methods fit useSyncExternalStore: what
// they return stays the same object until it changes.
import {
  type FeedMessage,
  isKnownEvent,
  type MessageId,
  type MusterError,
  type NodeInNoSession,
  type NodeSummary,
  type Snapshot,
  type ThreadId,
  type ThreadWindow,
  type WireEvent,
} from "@muster/contracts";
import { type Overview, OverviewFold } from "./overview.ts";
import { ThreadFold, type ThreadView } from "./thread-fold.ts";

export interface FeedStoreOptions {
  /** Runs a notification soon; several changes before it runs are told once. */
  readonly schedule?: (notify: () => void) => void;
}

export class FeedStore {
  readonly #overview = new OverviewFold();
  readonly #threads = new Map<ThreadId, ThreadFold>();
  readonly #listeners = new Set<() => void>();
  readonly #schedule: (notify: () => void) => void;
  #nodes: readonly NodeSummary[] | null = null;
  #inNoSession: readonly NodeInNoSession[] = [];
  #generation = "";
  #sequence = 0;
  #skipped = 0;
  #needsSnapshot = false;
  #isScheduled = false;

  constructor({ schedule = queueMicrotask }: FeedStoreOptions = {}) {
    this.#schedule = schedule;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly overview = (): Overview => this.#overview.view();

  /** undefined: the thread is not open. */
  readonly thread = (threadId: ThreadId): ThreadView | undefined => this.#threads.get(threadId)?.view();

  /** Text of a message that streams, ahead of its row; undefined when the row has it all. */
  readonly liveText = (threadId: ThreadId, messageId: MessageId): string | undefined =>
    this.#threads.get(threadId)?.live.visible(messageId);

  /** null until the machines were read. */
  readonly nodes = (): readonly NodeSummary[] | null => this.#nodes;

  /** One's own machines that none of these slots names, as they were last read: the feed tells of slots alone. */
  readonly inNoSession = (): readonly NodeInNoSession[] => this.#inNoSession;

  /** Where the feed goes on, `<generation>:<sequence>`. */
  get position(): string {
    return `${this.#generation}:${this.#sequence}`;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Events of types or versions that this program does not know. */
  get skippedEventCount(): number {
    return this.#skipped;
  }

  /** True when something came that only another snapshot can show. */
  get needsSnapshot(): boolean {
    return this.#needsSnapshot;
  }

  /** Open threads keep what they show; load each again, because what came between is not known. */
  loadSnapshot(snapshot: Snapshot): void {
    this.#overview.load(snapshot);
    this.#generation = snapshot.generation;
    this.#sequence = snapshot.snapshotSequence;
    this.#needsSnapshot = false;
    this.#changed();
  }

  loadSnapshotPage(snapshot: Snapshot): void {
    this.#overview.loadPage(snapshot);
    this.#changed();
  }

  loadNodes(nodes: readonly NodeSummary[], inNoSession: readonly NodeInNoSession[] = []): void {
    this.#nodes = nodes;
    this.#inNoSession = inNoSession;
    this.#changed();
  }

  openThreads(): ThreadId[] {
    return [...this.#threads.keys()];
  }

  beginThread(threadId: ThreadId): void {
    const fold = this.#threads.get(threadId) ?? new ThreadFold();
    this.#threads.set(threadId, fold);
    fold.beginLoad();
    this.#changed();
  }

  /** False when the window is older than what the feed had brought when its read began: read it again. */
  loadThread(window: ThreadWindow, positionAtBegin: number): boolean {
    const fold = this.#threads.get(window.thread.threadId);
    if (fold === undefined) return true;
    if (window.snapshotSequence < positionAtBegin && window.generation === this.#generation) return false;
    fold.load(window);
    this.#changed();
    return true;
  }

  failThread(threadId: ThreadId, error: MusterError): void {
    this.#threads.get(threadId)?.fail(error);
    this.#changed();
  }

  closeThread(threadId: ThreadId): void {
    this.#threads.delete(threadId);
    this.#changed();
  }

  /** The cursor of the next older window, or null when there is none or it is on its way. */
  beginOlder(threadId: ThreadId): string | null {
    const fold = this.#threads.get(threadId);
    if (fold === undefined || fold.before === null || fold.view().isLoadingOlder || fold.view().status !== "ready")
      return null;
    fold.beginOlder();
    this.#changed();
    return fold.before;
  }

  loadOlder(window: ThreadWindow): void {
    this.#threads.get(window.thread.threadId)?.loadOlder(window);
    this.#changed();
  }

  failOlder(threadId: ThreadId): void {
    this.#threads.get(threadId)?.failOlder();
    this.#changed();
  }

  /** Folds one message of the feed. Events at or below the position are dropped; a `reset` is the caller's to act on. */
  apply(message: FeedMessage): void {
    switch (message.type) {
      case "event":
        this.#applyEvent(message.event);
        return;
      case "synchronized":
        this.#sequence = Math.max(this.#sequence, message.sequence);
        return;
      case "delta":
        this.#threads.get(message.delta.threadId)?.applyDelta(message.delta);
        this.#changed();
        return;
      case "call":
        this.#threads.get(message.call.threadId)?.applyCall(message.call);
        this.#changed();
        return;
      case "presence":
        this.#applyPresence(message.node);
        return;
      default:
    }
  }

  #applyEvent(event: WireEvent): void {
    if (event.sequence <= this.#sequence) return;
    this.#sequence = event.sequence;
    if (!isKnownEvent(event)) {
      this.#skipped += 1;
      return;
    }
    if (!this.#overview.apply(event)) this.#needsSnapshot = true;
    if (event.aggregateKind === "thread") this.#threads.get(event.streamId as ThreadId)?.apply(event);
    this.#changed();
  }

  #applyPresence(node: NodeSummary): void {
    const others = (this.#nodes ?? []).filter(
      (known) => known.nodeId !== node.nodeId || known.sessionId !== node.sessionId,
    );
    this.#nodes = [...others, node];
    this.#inNoSession = this.#inNoSession.filter(({ nodeId }) => nodeId !== node.nodeId);
    this.#changed();
  }

  #changed(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}
