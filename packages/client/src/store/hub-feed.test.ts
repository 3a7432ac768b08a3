// A store kept in step with a hub, through resets, refusals and a hub that is away.
import type { FeedMessage, MusterError, ThreadId } from "@muster/contracts";
import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../client.ts";
import { assistantText, event, feedEvent, snapshot, summary, threadId, window } from "../testing/events.ts";
import { FakeHub, json } from "../testing/fake-hub.ts";
import { createManualTiming } from "../testing/manual-timing.ts";
import { FeedStore } from "./feed-store.ts";
import { HubFeed } from "./hub-feed.ts";

const SNAPSHOT = "/orchestration/snapshot";
const THREAD = `/orchestration/threads/${threadId}`;
const synchronized: FeedMessage = { type: "synchronized", generation: "generation", sequence: 10 };

let running: HubFeed | undefined;
afterEach(() => running?.stop());

function start(hub: FakeHub) {
  hub.answer("/nodes", () => json({ nodes: [] })).answer("/health", () => json({ status: "ok" }));
  const timing = createManualTiming();
  const client = createClient({ baseUrl: "http://hub.test", fetch: hub.fetch, timing });
  const store = new FeedStore();
  let stopped: MusterError | undefined;
  const feed = new HubFeed({
    client,
    store,
    onStopped: (error) => {
      stopped = error;
    },
  });
  running = feed;
  feed.start();
  return { timing, store, feed, stopped: () => stopped };
}

const pathsOf = (hub: FakeHub): string[] =>
  hub.requests.map((request) => new URL(request.url).pathname.replace("/api/v1", ""));

describe("a feed of a hub", () => {
  test("ORC-27 takes a new snapshot on a reset and reads the open thread again", async () => {
    let title = "before";
    const hub = new FakeHub()
      .answer(SNAPSHOT, () => json(snapshot(title === "before" ? 10 : 900, { threads: [summary({ title })] })))
      .answer(THREAD, () => json(window(title === "before" ? 10 : 900)));
    const { timing, store, feed } = start(hub);
    await timing.advance(0);
    feed.openThread(threadId);
    hub.streams[0]?.send(synchronized);
    await timing.advance(0);
    expect(store.overview().threads[0]?.title).toBe("before");

    title = "after";
    hub.streams[0]?.send({ type: "reset", reason: "gap", generation: "generation", headSequence: 900 });
    await timing.advance(0);
    expect(store.overview().threads[0]?.title).toBe("after");
    expect(hub.streams[1]?.after).toBe("generation:900");
    expect(pathsOf(hub).filter((path) => path === THREAD)).toHaveLength(2);
    // The thread goes on from its new window.
    hub.streams[1]?.send(feedEvent(event(899, "thread.meta-updated", { title: "stale" })));
    hub.streams[1]?.send(feedEvent(assistantText(901, 0, "new")));
    await timing.advance(0);
    expect(store.thread(threadId)?.messages.map(({ text }) => text)).toEqual(["new"]);
    expect(store.overview().threads[0]?.title).toBe("after");
  });

  test("says that it reconnects while the hub is away, and is live once it is back", async () => {
    let isThere = false;
    const hub = new FakeHub().answer(SNAPSHOT, () =>
      isThere ? json(snapshot(10)) : Promise.reject(new TypeError("fetch failed")),
    );
    const { timing, feed } = start(hub);
    await timing.advance(2_000);
    expect(feed.state()).toMatchObject({ status: "reconnecting", error: { code: "hub_unreachable" } });
    isThere = true;
    await timing.advance(5_000);
    hub.streams[0]?.send(synchronized);
    await timing.advance(0);
    expect(feed.state().status).toBe("live");
  });

  test("stops and says so when the login has ended", async () => {
    const hub = new FakeHub().answer(SNAPSHOT, () => json({ code: "unauthenticated", message: "" }, 401));
    const { timing, stopped } = start(hub);
    await timing.advance(60_000);
    expect(stopped()?.code).toBe("unauthenticated");
    expect(pathsOf(hub)).toEqual([SNAPSHOT]);
  });

  test("reads a thread again, whose read failed while the hub was away", async () => {
    let isThere = false;
    const hub = new FakeHub()
      .answer(SNAPSHOT, () => json(snapshot(10)))
      .answer(THREAD, () => (isThere ? json(window(10)) : Promise.reject(new TypeError("fetch failed"))));
    const { timing, store, feed } = start(hub);
    await timing.advance(0);
    feed.openThread(threadId);
    await timing.advance(0);
    expect(store.thread(threadId)).toMatchObject({ status: "failed", error: { code: "hub_unreachable" } });
    isThere = true;
    hub.streams[0]?.send(synchronized);
    await timing.advance(0);
    expect(store.thread(threadId)).toMatchObject({ status: "ready", error: null });
  });

  test("reads a window again that is older than what the feed had brought", async () => {
    let windows = 0;
    const hub = new FakeHub()
      .answer(SNAPSHOT, () => json(snapshot(10)))
      .answer(THREAD, () => {
        windows += 1;
        return json(window(windows === 1 ? 9 : 12));
      });
    const { timing, store, feed } = start(hub);
    await timing.advance(0);
    feed.openThread(threadId);
    await timing.advance(1_000);
    expect(windows).toBe(2);
    expect(store.thread(threadId)?.status).toBe("ready");
  });

  test("takes another snapshot when a thread comes back that it does not hold", async () => {
    const hub = new FakeHub().answer(SNAPSHOT, () => json(snapshot(10)));
    const { timing } = start(hub);
    await timing.advance(0);
    hub.streams[0]?.send(feedEvent(event(11, "thread.unarchived", {}, "thread-of-old")));
    await timing.advance(0);
    expect(pathsOf(hub).filter((path) => path === SNAPSHOT)).toHaveLength(2);
  });

  test("reads every page of a snapshot, up to a thousand threads", async () => {
    const hub = new FakeHub().answer(SNAPSHOT, (request) => {
      const before = Number(new URL(request.url).searchParams.get("before") ?? 0);
      const page = { before: String(before + 1), hasMore: true };
      return json(snapshot(10, { threads: [summary({ threadId: `thread-${before}` as ThreadId })], page }));
    });
    const { timing, store } = start(hub);
    await timing.advance(0);
    expect(store.overview().threads).toHaveLength(5);
  });

  test("forgets the threads that were left longest ago", async () => {
    const ids = Array.from({ length: 9 }, (_, index) => `thread-${index}` as ThreadId);
    const hub = new FakeHub().answer(SNAPSHOT, () => json(snapshot(10)));
    for (const id of ids)
      hub.answer(`/orchestration/threads/${id}`, () =>
        json(window(10, { thread: { ...window(10).thread, threadId: id } })),
      );
    const { timing, store, feed } = start(hub);
    await timing.advance(0);
    for (const id of ids) {
      const leave = feed.openThread(id);
      await timing.advance(0);
      leave();
    }
    expect(store.openThreads()).toEqual(ids.slice(3));
  });
});
