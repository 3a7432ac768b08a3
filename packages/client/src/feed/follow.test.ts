// The feed across breaks: where it goes on, what it hands up, and how soon it says that it is dead.
import type { FeedMessage } from "@muster/contracts";
import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../client.ts";
import { assistantText, feedEvent } from "../testing/events.ts";
import { FakeHub, type FakeStream, json } from "../testing/fake-hub.ts";
import { createManualTiming } from "../testing/manual-timing.ts";
import type { FeedState } from "./follow.ts";
import type { SurroundingsChange } from "./surroundings.ts";

const ended = new AbortController();
let stop = ended;
afterEach(() => stop.abort());

const health = { status: "ok", version: "0", generation: "generation", headSequence: 0, uptimeMs: 0 };

function follow(hub: FakeHub) {
  const timing = createManualTiming();
  const client = createClient({ baseUrl: "http://hub.test", fetch: hub.fetch, timing });
  stop = new AbortController();
  const received: FeedMessage[] = [];
  const states: FeedState["status"][] = [];
  let failure: unknown;
  let isEnded = false;
  let tellChange = (_change: SurroundingsChange): void => {};
  const feed = client.followFeed({
    after: "generation:5",
    signal: stop.signal,
    onState: ({ status }) => states.push(status),
    surroundings: {
      isOnline: () => true,
      isVisible: () => true,
      subscribe: (listener) => {
        tellChange = listener;
        return () => {};
      },
    },
  });
  void (async () => {
    try {
      for await (const message of feed) received.push(message);
    } catch (error) {
      failure = error;
    }
    isEnded = true;
  })();
  return {
    timing,
    received,
    states,
    failure: () => failure,
    isEnded: () => isEnded,
    tell: (change: SurroundingsChange) => tellChange(change),
    stream: async (index: number): Promise<FakeStream> => {
      await timing.advance(0);
      const stream = hub.streams[index];
      if (stream === undefined) throw new Error(`no stream ${index}`);
      return stream;
    },
  };
}

const sequences = (messages: readonly FeedMessage[]): number[] =>
  messages.flatMap((message) => (message.type === "event" ? [message.event.sequence] : []));
const synchronized = (sequence: number): FeedMessage => ({ type: "synchronized", generation: "generation", sequence });

describe("the feed", () => {
  test("ORC-27 goes on after a break behind the last event it has seen", async () => {
    const feed = follow(new FakeHub().answer("/health", () => json(health)));
    const first = await feed.stream(0);
    expect(first.after).toBe("generation:5");
    first.send(feedEvent(assistantText(6, 0, "a")));
    first.send(feedEvent(assistantText(9, 1, "b")));
    await feed.timing.advance(0);
    first.break();
    await feed.timing.advance(300);
    const second = await feed.stream(1);
    expect(second.after).toBe("generation:9");
    second.send(feedEvent(assistantText(10, 2, "c")));
    await feed.timing.advance(0);
    expect(sequences(feed.received)).toEqual([6, 9, 10]);
  });

  test("ORC-27 goes on behind what the hub said to have sent, also where no event was for it", async () => {
    const feed = follow(new FakeHub().answer("/health", () => json(health)));
    const first = await feed.stream(0);
    first.send(synchronized(40));
    await feed.timing.advance(0);
    first.end();
    await feed.timing.advance(300);
    expect((await feed.stream(1)).after).toBe("generation:40");
  });

  test("says how it stands: live once caught up, reconnecting at a break, live again", async () => {
    const feed = follow(new FakeHub().answer("/health", () => json(health)));
    (await feed.stream(0)).send(synchronized(5));
    await feed.timing.advance(0);
    (await feed.stream(0)).break();
    await feed.timing.advance(300);
    (await feed.stream(1)).send(synchronized(5));
    await feed.timing.advance(0);
    expect(feed.states).toEqual(["connecting", "catching-up", "live", "reconnecting", "live"]);
  });

  test("ORC-27 hands a reset up and ends", async () => {
    const feed = follow(new FakeHub());
    (await feed.stream(0)).send({ type: "reset", reason: "gap", generation: "generation", headSequence: 9_000 });
    await feed.timing.advance(0);
    expect(feed.received.at(-1)).toMatchObject({ type: "reset", reason: "gap" });
    expect(feed.isEnded()).toBe(true);
  });

  test("resumes by itself when the hub only stops", async () => {
    const feed = follow(new FakeHub().answer("/health", () => json(health)));
    (await feed.stream(0)).send({ type: "reset", reason: "stopping", generation: "generation", headSequence: 5 });
    await feed.timing.advance(300);
    expect((await feed.stream(1)).after).toBe("generation:5");
    expect(feed.isEnded()).toBe(false);
  });

  test("ends with the error when the login is no longer good", async () => {
    const feed = follow(
      new FakeHub().answer("/orchestration/events", () => json({ code: "unauthenticated", message: "" }, 401)),
    );
    await feed.timing.advance(0);
    expect(feed.failure()).toMatchObject({ code: "unauthenticated" });
  });

  test("notices within 5 s that a silent stream is dead, and goes on once the hub answers", async () => {
    let answers = true;
    const feed = follow(new FakeHub().answer("/health", () => (answers ? json(health) : new Promise(() => {}))));
    (await feed.stream(0)).send(synchronized(5));
    await feed.timing.advance(60_000 / 8);
    expect(feed.states.at(-1)).toBe("live");
    answers = false;
    await feed.timing.advance(5_000);
    expect(feed.states.at(-1)).toBe("reconnecting");
    answers = true;
    await feed.timing.advance(500);
    (await feed.stream(1)).send(synchronized(5));
    await feed.timing.advance(0);
    expect(feed.states.at(-1)).toBe("live");
  });

  test("takes a stream for dead when only it is silent, keep-alives included", async () => {
    const hub = new FakeHub().answer("/health", () => json(health));
    const feed = follow(hub);
    (await feed.stream(0)).send(synchronized(5));
    await feed.timing.advance(15_000);
    (await feed.stream(0)).keepAlive();
    await feed.timing.advance(15_000);
    expect(hub.streams).toHaveLength(1);
    await feed.timing.advance(6_000);
    expect(hub.streams).toHaveLength(2);
  });

  test("does not wait out its pause when the network is back", async () => {
    const hub = new FakeHub().answer("/health", () => json(health));
    const feed = follow(hub);
    (await feed.stream(0)).break();
    await feed.timing.advance(0);
    expect(hub.streams).toHaveLength(1);
    feed.tell("online");
    await feed.timing.advance(0);
    expect(hub.streams).toHaveLength(2);
  });
});
