// The feed's answer, written straight to its response. One message at a time: the next is asked for when the socket has
// taken the last, so a reader that stops reading holds back its own feed, and nothing piles up here but one message.
import type { ServerResponse } from "node:http";
import type { ErrorBody } from "@muster/contracts";
import type { FeedItem } from "../ports.ts";
import type { EncodeItem } from "./feed-encoding.ts";

/** Tells a client at once that it is connected, before there is anything to say. */
const OPENING = ": \n\n";
const KEEP_ALIVE = ": keep-alive\n\n";

export interface FeedAnswerOptions {
  readonly response: ServerResponse;
  readonly items: AsyncIterator<FeedItem, undefined>;
  readonly encode: EncodeItem;
  readonly keepAliveMs: number;
  /** What the reader is told of a failure on the way. */
  readonly toErrorBody: (error: unknown) => ErrorBody;
}

/** Resolves when the socket takes more, or when it is gone. */
const untilWritable = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle);
      response.off("close", settle);
      resolve();
    };
    response.once("drain", settle);
    response.once("close", settle);
  });

/** Resolves when the answer is over, from whichever side; rejects never. */
export const answerFeed = async (options: FeedAnswerOptions): Promise<void> => {
  const { response, items, encode, keepAliveMs, toErrorBody } = options;
  // A broken socket says so here too; what follows is "close", and that ends the feed.
  response.on("error", () => response.destroy());
  // A reader that takes nothing is told nothing, so that its silence is found and the socket cut off.
  const keepAlive = setInterval(() => {
    if (!response.destroyed && !response.writableNeedDrain) response.write(KEEP_ALIVE);
  }, keepAliveMs);
  try {
    if (!response.destroyed) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(OPENING);
    }
    while (!response.destroyed) {
      const next = await items.next();
      if (next.done === true || response.destroyed) break;
      if (!response.write(encode(next.value))) await untilWritable(response);
      keepAlive.refresh();
    }
  } catch (error) {
    const body = toErrorBody(error);
    if (!response.destroyed) response.write(`event: error\ndata: ${JSON.stringify(body)}\n\n`);
  } finally {
    clearInterval(keepAlive);
    // It may be waiting for an event still; nobody waits for it.
    items.return?.().catch(() => undefined);
    if (!response.destroyed) response.end();
  }
};
