// How tests read feeds.
import type { FeedMessage, ThreadId } from "@muster/contracts";
import { command, createThread } from "@muster/core/testing";
import type { Caller, FeedItem } from "../ports.ts";
import { OWNER, type World } from "./test-world.ts";

export interface Reader {
  readonly items: FeedItem[];
  readonly messages: () => FeedMessage[];
  /** Sequences of the events so far. */
  readonly sequences: () => number[];
  readonly types: () => string[];
  readonly isDone: () => boolean;
  readonly stop: () => Promise<void>;
}

export interface Request {
  readonly after?: string;
  readonly lastEventId?: string;
  readonly threadId?: ThreadId;
}

/** The numbers up to one of them. */
export const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_one, index) => from + index);
export const rename = (title: string) => command("thread.meta.update", { threadId: "thread", title });

/** Of the world that a test has open when it calls them. */
export function readersOf(world: () => World) {
  /** Reads as fast as it is given. */
  const read = (request: Request = {}, caller: Caller = OWNER, orchestration = world().orchestration): Reader => {
    const abort = new AbortController();
    const feed = orchestration.feed(caller, { ...request, signal: abort.signal });
    const items: FeedItem[] = [];
    let isDone = false;
    const running = (async () => {
      for await (const item of feed) items.push(item);
    })().finally(() => {
      isDone = true;
    });
    const messages = () => items.map((item) => item.message);
    return {
      items,
      messages,
      sequences: () => messages().flatMap((message) => (message.type === "event" ? [message.event.sequence] : [])),
      types: () => messages().map((message) => message.type),
      isDone: () => isDone,
      stop: async () => {
        abort.abort();
        await running;
      },
    };
  };
  const many = async (count: number, prefix = "many"): Promise<void> => {
    for (let index = 0; index < count; index += 200) {
      const chunk = Math.min(200, count - index);
      await Promise.all(
        upTo(chunk).map((one) => world().dispatch(createThread({ threadId: `${prefix}-${index + one}` }))),
      );
    }
  };
  return { read, many };
}
