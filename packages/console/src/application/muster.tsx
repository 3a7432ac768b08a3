// The one client, store and feed of this tab, and the hooks that read them. A tab holds a single feed however many pages
// look at it.

import {
  createClient,
  type FeedState,
  FeedStore,
  HubFeed,
  type MusterClient,
  type Overview,
  type ThreadView,
} from "@muster/client";
import type { MessageRow, MusterError, NodeInNoSession, NodeSummary, ThreadId } from "@muster/contracts";
import { createContext, type ReactNode, use, useCallback, useEffect, useSyncExternalStore } from "react";
import { browserSurroundings } from "./browser-surroundings.ts";

/** About thirty times a second: streaming text moves smoothly and a burst of events is drawn once. */
const REDRAW_INTERVAL_MS = 33;

export interface Muster {
  readonly client: MusterClient;
  readonly store: FeedStore;
  readonly feed: HubFeed;
}

/** `onStopped` is told why the feed can't go on. */
export function createMuster(onStopped: (error: MusterError) => void): Muster {
  const client = createClient({ baseUrl: window.location.origin });
  const store = new FeedStore({ schedule: (notify) => void setTimeout(notify, REDRAW_INTERVAL_MS) });
  const feed = new HubFeed({ client, store, surroundings: browserSurroundings, onStopped });
  return { client, store, feed };
}

const MusterContext = createContext<Muster | null>(null);

export function MusterProvider({ muster, children }: { muster: Muster; children: ReactNode }) {
  return <MusterContext value={muster}>{children}</MusterContext>;
}

export function useMuster(): Muster {
  const muster = use(MusterContext);
  if (muster === null) throw new Error("useMuster is called outside of MusterProvider");
  return muster;
}

/** Follows the feed while the calling component is there. */
export function useFeed(): void {
  const { feed } = useMuster();
  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);
}

export function useFeedState(): FeedState {
  const { feed } = useMuster();
  return useSyncExternalStore(feed.subscribe, feed.state);
}

export function useOverview(): Overview {
  const { store } = useMuster();
  return useSyncExternalStore(store.subscribe, store.overview);
}

export function useNodes(): readonly NodeSummary[] | null {
  const { store } = useMuster();
  return useSyncExternalStore(store.subscribe, store.nodes);
}

/** One's own machines that are in no session one belongs to. */
export function useInNoSession(): readonly NodeInNoSession[] {
  const { store } = useMuster();
  return useSyncExternalStore(store.subscribe, store.inNoSession);
}

/** The thread as it is now; undefined in the moment before it is opened. */
export function useThread(threadId: ThreadId): ThreadView | undefined {
  const { store, feed } = useMuster();
  useEffect(() => feed.openThread(threadId), [feed, threadId]);
  const read = useCallback(() => store.thread(threadId), [store, threadId]);
  return useSyncExternalStore(store.subscribe, read);
}

/** The text of a message, live text included, without waking anything but the caller. */
export function useMessageText(message: MessageRow): string {
  const { store } = useMuster();
  const { threadId, messageId, text } = message;
  const read = useCallback(() => store.liveText(threadId, messageId) ?? text, [store, threadId, messageId, text]);
  return useSyncExternalStore(store.subscribe, read);
}
