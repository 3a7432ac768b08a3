// The typed client of a hub and what folds its feed. Import from here, not from the files.
export { type CallContext, type ClientOptions, createClient, type MusterApi, type MusterClient } from "./client.ts";
export { canContinue, continuationOf } from "./continuation.ts";
export type { NewCommand } from "./dispatch.ts";
export { isAbort, toMusterError } from "./errors.ts";
export type { FeedState, FollowFeedOptions } from "./feed/follow.ts";
export { plainSurroundings, type Surroundings, type SurroundingsChange } from "./feed/surroundings.ts";
export { FeedStore, type FeedStoreOptions } from "./store/feed-store.ts";
export { HubFeed, type HubFeedOptions } from "./store/hub-feed.ts";
export type { Overview } from "./store/overview.ts";
export type { RevertedFile, RevertProgress, ThreadView } from "./store/thread-fold.ts";
export { emptyStreamingText, mergeDelta, mergePersisted, type StreamingText, visibleText } from "./streaming-text.ts";
export { backoffMs, systemTiming, type Timing } from "./timing.ts";
