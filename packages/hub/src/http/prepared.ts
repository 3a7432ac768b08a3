// Answers that are made already. A procedure throws one, because the library would take it apart, check and write it once
// more, in everyone's event loop and for a feed once per reader; the API sends it as it is.
import type { FeedItem } from "../ports.ts";

export class PreparedAnswer extends Error {
  override readonly name = "PreparedAnswer";
  /** UTF-8 JSON that fits the procedure's output. */
  readonly body: Uint8Array;

  constructor(body: Uint8Array) {
    super("an answer, not a failure");
    this.body = body;
  }
}

/** A feed whose first item was taken, so that it was not refused. */
export class PreparedFeed extends Error {
  override readonly name = "PreparedFeed";
  readonly items: AsyncIterator<FeedItem, undefined>;

  constructor(items: AsyncIterator<FeedItem, undefined>) {
    super("an answer, not a failure");
    this.items = items;
  }
}
