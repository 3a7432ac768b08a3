// The live feed of one reader: first attached, then replayed from its sequence, then live; no gap and no repeat. The
// log alone is the source of events. Live deltas, calls that have begun and presence come beside it, may be dropped, and carry no id.
import type { FeedMessage, NodeId, SpaceId, ThreadId, WireEvent } from "@muster/contracts";
import { FEED_GAP_MAX_BYTES, FEED_GAP_MAX_EVENTS, MusterError } from "@muster/contracts";
import type { Store } from "@muster/store";
import type { Caller, FeedItem } from "../ports.ts";
import { logQueries } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import type { LogTail } from "./log-tail.ts";
import type { Visibility } from "./visibility.ts";

/** Live messages kept for one reader; the oldest fall out, because persisted text makes up for them. */
export const LIVE_MESSAGES_MAX = 1_000;
const PAGE_EVENTS = 200;

export type LiveMessage = Extract<FeedMessage, { type: "delta" | "call" | "presence" }>;
interface Live {
  readonly message: LiveMessage;
  readonly nodeId: NodeId | null;
}
type Reset = Extract<FeedMessage, { type: "reset" }>;

export interface FeedParts {
  readonly store: Store;
  readonly readEvent: ReadEvent;
  readonly tail: LogTail;
  readonly visibility: Visibility;
  readonly generation: string;
}

export interface FeedRequest {
  readonly after?: string;
  readonly lastEventId?: string;
  readonly threadId?: ThreadId;
  readonly signal: AbortSignal;
}

/** All feeds of this process, for live messages and for the end. */
export class Feeds {
  readonly #parts: FeedParts;
  readonly #open = new Set<Reader>();
  #isClosed = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#open.size;
  }

  /** `nodeId` names the node that says it, for what it tells live: it is heard on its own threads only. */
  publish(spaceId: SpaceId, message: LiveMessage, nodeId: NodeId | null = null): void {
    for (const reader of this.#open) if (reader.caller.spaceId === spaceId) reader.offer({ message, nodeId });
  }

  /** Ends every feed with a `reset` that says the hub stops. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#open) reader.reset("stopping");
  }

  async *follow(caller: Caller, request: FeedRequest): AsyncGenerator<FeedItem> {
    const { tail, visibility, generation } = this.#parts;
    if (request.threadId !== undefined && !(await visibility.canSeeThread(caller, request.threadId)))
      throw new MusterError("thread_not_found");
    if (this.#isClosed) throw new MusterError("unavailable", "The hub is stopping.");
    const reader = new Reader(caller, request);
    const unwatch = tail.watch(() => reader.wake());
    this.#open.add(reader);
    // An aborted request is forgotten at once, also when nobody asks its generator for more.
    const forget = (): void => {
      unwatch();
      this.#open.delete(reader);
    };
    request.signal.addEventListener("abort", forget);
    try {
      // What a caller was just told of, here or by another process, may not have been read here yet.
      await tail.refresh();
      const start = positionOf(request, generation, tail.head);
      if (typeof start !== "number") {
        yield { message: { ...start, generation, headSequence: tail.head } };
        return;
      }
      if (await this.#isTooFarBehind(caller, request.threadId, start)) {
        yield { message: { type: "reset", reason: "gap", generation, headSequence: tail.head } };
        return;
      }
      yield* this.#run(reader, start);
    } finally {
      request.signal.removeEventListener("abort", forget);
      reader.end();
      forget();
    }
  }

  async *#run(reader: Reader, start: number): AsyncGenerator<FeedItem> {
    const { tail, visibility, generation } = this.#parts;
    let position = start;
    let isSynchronized = false;
    while (!reader.isEnded) {
      const head = tail.head;
      while (position < head && reader.resetReason === null) {
        // A reader that took so long that the log has left it behind starts over; it never slows others.
        if (isSynchronized && tail.head - position > FEED_GAP_MAX_EVENTS && tail.after(position) === null) {
          yield { message: { type: "reset", reason: "slow-reader", generation, headSequence: tail.head } };
          return;
        }
        const events = await this.#next(reader, position, head);
        for (const event of events) {
          position = event.sequence;
          if (!(await visibility.canSee(reader.caller, event))) continue;
          yield { id: `${generation}:${event.sequence}`, message: { type: "event", event } };
          if (reader.isEnded) return;
          if (reader.resetReason !== null) break;
        }
        if (events.length === 0) position = Math.max(position, head);
      }
      if (reader.resetReason !== null) {
        yield { message: { type: "reset", reason: reader.resetReason, generation, headSequence: tail.head } };
        return;
      }
      if (!isSynchronized) {
        isSynchronized = true;
        yield { message: { type: "synchronized", generation, sequence: position } };
      }
      for (const live of reader.take()) {
        if (await this.#canSeeLive(reader, live)) yield { message: live.message };
      }
      if (tail.head === position) await reader.wait();
    }
  }

  /** The next events up to `head`: from memory where it reaches, else from the log by the stream's or space's index. */
  async #next(reader: Reader, position: number, head: number): Promise<readonly WireEvent[]> {
    const { threadId } = reader.request;
    const { spaceId } = reader.caller;
    const recent = this.#parts.tail.after(position);
    if (recent !== null) {
      // A few at a time: what a reader has in hand while its socket takes nothing is kept for it alone.
      const events: WireEvent[] = [];
      for (const { event } of recent) {
        if (event.sequence > head || events.length >= PAGE_EVENTS) break;
        if (isOf(event, spaceId, threadId)) events.push(event);
      }
      return events;
    }
    const { store, readEvent } = this.#parts;
    const page = { spaceId, after: position, limit: PAGE_EVENTS };
    const rows = await store.read(
      threadId === undefined
        ? logQueries.ofSpace(store.dialect, page)
        : logQueries.ofStream(store.dialect, { ...page, kind: "thread", streamId: threadId }),
    );
    return rows.map(readEvent).filter((event) => event.sequence <= head);
  }

  async #isTooFarBehind(caller: Caller, threadId: ThreadId | undefined, start: number): Promise<boolean> {
    const { tail, store } = this.#parts;
    const recent = tail.head - start <= FEED_GAP_MAX_EVENTS ? tail.after(start) : null;
    if (recent !== null) {
      const own = recent.filter(({ event }) => isOf(event, caller.spaceId, threadId));
      return own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > FEED_GAP_MAX_BYTES;
    }
    const gap = { spaceId: caller.spaceId, after: start, limit: FEED_GAP_MAX_EVENTS + 1 };
    const rows = await store.read(
      threadId === undefined
        ? logQueries.gapOfSpace(store.dialect, gap)
        : logQueries.gapOfStream(store.dialect, { ...gap, kind: "thread", streamId: threadId }),
    );
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    return rows.length > FEED_GAP_MAX_EVENTS || bytes > FEED_GAP_MAX_BYTES;
  }

  async #canSeeLive(reader: Reader, { message, nodeId }: Live): Promise<boolean> {
    if (message.type === "presence") return reader.caller.roles.has(message.node.sessionId);
    const { visibility } = this.#parts;
    const { threadId } = message.type === "delta" ? message.delta : message.call;
    if (reader.request.threadId !== undefined && reader.request.threadId !== threadId) return false;
    if (nodeId !== (await visibility.nodeOf(reader.caller.spaceId, threadId))) return false;
    return visibility.canSeeThread(reader.caller, threadId);
  }
}

const isOf = (event: WireEvent, spaceId: SpaceId, threadId: ThreadId | undefined): boolean =>
  event.spaceId === spaceId &&
  (threadId === undefined || (event.aggregateKind === "thread" && event.streamId === threadId));

/** `<generation>:<sequence>` or a bare sequence; the header wins. Absent: from the head. */
function positionOf(request: FeedRequest, generation: string, head: number): number | Pick<Reset, "type" | "reason"> {
  const text = request.lastEventId ?? request.after;
  if (text === undefined || text === "") return head;
  const match = /^(?:([A-Za-z0-9_-]+):)?(\d{1,15})$/.exec(text);
  if (match === null)
    throw new MusterError("validation_failed", "A position in the feed is <generation>:<sequence> or a sequence.", {
      after: text,
    });
  if (match[1] !== undefined && match[1] !== generation) return { type: "reset", reason: "generation" };
  const sequence = Number(match[2]);
  return sequence > head ? { type: "reset", reason: "beyond-head" } : sequence;
}

class Reader {
  readonly caller: Caller;
  readonly request: FeedRequest;
  #live: Live[] = [];
  #resolve: (() => void) | null = null;
  #isWoken = false;
  #resetReason: Reset["reason"] | null = null;
  readonly #onAbort = (): void => this.wake();

  constructor(caller: Caller, request: FeedRequest) {
    this.caller = caller;
    this.request = request;
    request.signal.addEventListener("abort", this.#onAbort);
  }

  get isEnded(): boolean {
    return this.request.signal.aborted;
  }

  /** Why it must start over, once it must. */
  get resetReason(): Reset["reason"] | null {
    return this.#resetReason;
  }

  offer(live: Live): void {
    if (this.#live.length >= LIVE_MESSAGES_MAX) this.#live.shift();
    this.#live.push(live);
    this.wake();
  }

  take(): Live[] {
    const messages = this.#live;
    this.#live = [];
    return messages;
  }

  reset(reason: Reset["reason"]): void {
    this.#resetReason ??= reason;
    this.wake();
  }

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
    this.#resolve = null;
  }

  /** Resolves at the next wake, or at once when one came meanwhile. */
  async wait(): Promise<void> {
    if (!this.#isWoken && !this.isEnded) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#isWoken = false;
  }

  end(): void {
    this.request.signal.removeEventListener("abort", this.#onAbort);
  }
}
