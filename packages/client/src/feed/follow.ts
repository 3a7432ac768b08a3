// Follows the feed for as long as it is wanted: connects, goes on after a break where it stopped, and says how it stands.
// Events come out once and in order; what cannot be continued comes out as a `reset` and ends the generator, because only
// the caller can take a new snapshot.
import type { FeedMessage, MusterError, ThreadId } from "@muster/contracts";
import type { MusterApi } from "../client.ts";
import { toMusterError } from "../errors.ts";
import { backoffMs, type Timing } from "../timing.ts";
import { plainSurroundings, type Surroundings } from "./surroundings.ts";
import { startWatchdog } from "./watchdog.ts";

const BACKOFF = { baseMs: 250, capMs: 4_000 };

export interface FeedState {
  /** `catching-up` until the hub says that everything missed has been sent; `offline` when there is no network at all. */
  readonly status: "connecting" | "catching-up" | "live" | "reconnecting" | "offline";
  /** Tries since the last good connection. */
  readonly attempt: number;
  readonly error: MusterError | null;
}

export interface FollowFeedOptions {
  /** `<generation>:<sequence>` of a snapshot; events after it are wanted. */
  readonly after: string;
  readonly threadId?: ThreadId;
  readonly signal: AbortSignal;
  readonly onState?: (state: FeedState) => void;
  readonly surroundings?: Surroundings;
}

export interface FollowFeedParts {
  readonly api: MusterApi;
  readonly timing: Timing;
}

/**
 * Yields the feed's messages. Ends after a `reset` (except `stopping`, after which it resumes) and when the signal is
 * aborted; throws only what trying again cannot mend, such as `unauthenticated`.
 */
export async function* followFeed(
  parts: FollowFeedParts,
  options: FollowFeedOptions,
): AsyncGenerator<FeedMessage, void, undefined> {
  const { signal, surroundings = plainSurroundings, onState = () => {} } = options;
  let after = options.after;
  let attempt = 0;
  let error: MusterError | null = null;
  while (!signal.aborted) {
    if (attempt === 0) onState({ status: "connecting", attempt, error: null });
    try {
      for await (const message of connect(parts, {
        ...options,
        after,
        surroundings,
        onOpen: () => attempt === 0 && onState({ status: "catching-up", attempt, error: null }),
      })) {
        if (message.type === "reset" && message.reason === "stopping") break;
        after = positionAfter(message, after);
        if (message.type === "synchronized") {
          attempt = 0;
          error = null;
          onState({ status: "live", attempt, error });
        }
        yield message;
        if (message.type === "reset") return;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      error = toMusterError(thrown);
      if (!error.row.retryable) throw error;
    }
    if (signal.aborted) return;
    onState({ status: surroundings.isOnline() ? "reconnecting" : "offline", attempt: attempt + 1, error });
    await waitOrChange(backoffMs(attempt, BACKOFF, parts.timing.random), parts.timing, surroundings, signal);
    attempt += 1;
  }
}

function positionAfter(message: FeedMessage, before: string): string {
  if (message.type === "synchronized") return `${message.generation}:${message.sequence}`;
  if (message.type !== "event") return before;
  return `${before.slice(0, before.lastIndexOf(":"))}:${message.event.sequence}`;
}

interface Connection extends FollowFeedOptions {
  readonly surroundings: Surroundings;
  readonly onOpen: () => void;
}

/** One connection, to its end. The watchdog may end it early; then it throws. */
async function* connect(
  { api, timing }: FollowFeedParts,
  { after, threadId, signal, surroundings, onOpen }: Connection,
): AsyncGenerator<FeedMessage, void, undefined> {
  const dead = new AbortController();
  const watchdog = startWatchdog({
    probe: (probeSignal) => api.health(undefined, { signal: probeSignal }),
    onDead: () => dead.abort(),
    timing,
    surroundings,
  });
  const connectionSignal = AbortSignal.any([signal, dead.signal]);
  try {
    const messages = await api.orchestration.events(
      { after, ...(threadId === undefined ? {} : { threadId }) },
      { signal: connectionSignal, context: { onBytes: () => watchdog.heard() } },
    );
    onOpen();
    for await (const message of messages) yield message;
  } finally {
    watchdog.stop();
    dead.abort();
  }
}

/** Waits, but not a moment longer once the network is back or the tab is looked at again. */
async function waitOrChange(
  milliseconds: number,
  timing: Timing,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  const changed = new AbortController();
  const unsubscribe = surroundings.subscribe((change) => {
    if (change !== "offline") changed.abort();
  });
  await timing.wait(milliseconds, AbortSignal.any([signal, changed.signal]));
  unsubscribe();
}
