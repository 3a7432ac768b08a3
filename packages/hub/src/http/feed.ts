// The feed as the answer of one request: pulled one item at a time, so a slow socket holds back its own feed and
// nobody else's, and ended by us when the stream must end, whether or not the feed obeys its signal.
import type { FeedItem } from "../ports.ts";
import type { EventStream } from "./event-streams.ts";

export interface FollowOptions {
  readonly feed: AsyncGenerator<FeedItem>;
  readonly stream: EventStream;
  readonly head: () => { readonly generation: string; readonly headSequence: number };
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The feed's items. Resolves with the first one taken, so that a refusal of the feed is an answer
 * with its status and not a broken stream. When the stream must end, its last message is a `reset` that says why.
 */
export const follow = async ({ feed, stream, head }: FollowOptions): Promise<AsyncIterator<FeedItem, undefined>> => {
  let over = false;
  let wake: (() => void) | undefined;
  stream.signal.addEventListener("abort", () => wake?.(), { once: true });
  const leave = (): void => {
    over = true;
    // It may be waiting for an event and ignore this until one comes; nobody waits for it.
    feed.return(undefined).catch(() => undefined);
  };
  /** The feed's next item, or null when the stream was ended meanwhile. One listener serves all of them. */
  const nextItem = (): Promise<IteratorResult<FeedItem, unknown> | null> =>
    new Promise((resolve, reject) => {
      wake = () => resolve(null);
      if (stream.signal.aborted) resolve(null);
      else feed.next().then(resolve, (error: unknown) => (stream.signal.aborted ? resolve(null) : reject(error)));
    });
  const take = async (): Promise<IteratorResult<FeedItem, undefined>> => {
    if (over) return DONE;
    const result = await nextItem();
    if (result !== null && result.done !== true) return result;
    leave();
    const reason = stream.endReason();
    if (result !== null || reason === undefined) return DONE;
    return { done: false, value: { message: { type: "reset", reason, ...head() } } };
  };
  let first: IteratorResult<FeedItem, undefined> | undefined = await take();
  return {
    next: () => {
      const result = first;
      first = undefined;
      return result === undefined ? take() : Promise.resolve(result);
    },
    return: () => {
      leave();
      return Promise.resolve(DONE);
    },
  };
};
