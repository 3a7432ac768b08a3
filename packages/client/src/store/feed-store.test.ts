// What a reader knows after a snapshot, a window and a feed, whichever of them comes first.
import type { FeedMessage, LiveCall, LiveDelta, MessageRow, TurnRow } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import {
  assistantText,
  event,
  feedEvent,
  messageId,
  snapshot,
  summary,
  threadId,
  turnId,
  window,
} from "../testing/events.ts";
import { FeedStore } from "./feed-store.ts";

const delta = (offset: number, text: string): FeedMessage => ({
  type: "delta",
  delta: { threadId, turnId, messageId, offset, text } satisfies LiveDelta,
});
const started = (sequence: number) =>
  event(sequence, "thread.turn-start-requested", { turnId, messageId, turnCount: 1, model: null, effort: null });
const settled = (sequence: number) =>
  event(sequence, "thread.turn-settled", {
    turnId,
    status: "completed",
    reason: null,
    detail: null,
    completedMessageIds: [messageId],
    expiredRequestIds: [],
  });

function openStore(sequence = 10): FeedStore {
  const store = new FeedStore();
  store.loadSnapshot(snapshot(sequence));
  store.beginThread(threadId);
  store.loadThread(window(sequence), sequence);
  return store;
}

const texts = (store: FeedStore): string[] =>
  (store.thread(threadId)?.messages ?? []).map(
    (message) => store.liveText(threadId, message.messageId) ?? message.text,
  );

describe("the snapshot and the feed", () => {
  test("ORC-27 drop what the snapshot holds already and fold what follows it", () => {
    const store = openStore(10);
    store.apply(feedEvent(event(10, "thread.meta-updated", { title: "old" })));
    expect(store.overview().threads[0]?.title).toBe("Thread");
    store.apply(feedEvent(event(11, "thread.meta-updated", { title: "new" })));
    store.apply(feedEvent(event(11, "thread.meta-updated", { title: "twice" })));
    expect(store.overview().threads[0]?.title).toBe("new");
    expect(store.position).toBe("generation:11");
  });

  test("count approvals and queued turns as they come and go", () => {
    const store = new FeedStore();
    store.loadSnapshot(snapshot(10, { threads: [summary({ pendingApprovalCount: 1, queuedTurnCount: 1 })] }));
    const request = {
      turnId,
      tone: "approval" as const,
      kind: "approval.requested",
      summary: "",
      payload: { requestId: "request-2" },
    };
    store.apply(feedEvent(event(11, "thread.activity-appended", request)));
    expect(store.overview().threads[0]).toMatchObject({ pendingApprovalCount: 2, queuedTurnCount: 1 });
    store.apply(feedEvent(event(12, "thread.turn-dequeued", { turnId, reason: "cancelled" })));
    store.apply(
      feedEvent({
        ...settled(13),
        payload: { ...settled(13).payload, expiredRequestIds: ["request-1", "request-2"] },
      } as never),
    );
    expect(store.overview().threads[0]).toMatchObject({ pendingApprovalCount: 0, queuedTurnCount: 0 });
  });

  test("skip an event of a type they do not know and go on behind it", () => {
    const store = openStore(10);
    store.apply({ type: "event", event: { ...event(11, "thread.archived", {}), eventType: "thread.of-the-future" } });
    expect(store.skippedEventCount).toBe(1);
    expect(store.position).toBe("generation:11");
  });

  test("ask for another snapshot when a thread comes back that they do not hold", () => {
    const store = openStore(10);
    store.apply(feedEvent(event(11, "thread.unarchived", {}, "thread-of-old")));
    expect(store.needsSnapshot).toBe(true);
  });

  test("show machines as they are announced", () => {
    const store = openStore();
    const node = { nodeId: "node-1", sessionId: "session-1", health: "online" };
    store.loadNodes([node as never]);
    store.apply({ type: "presence", node: { ...node, health: "offline" } as never });
    expect(store.nodes()).toMatchObject([{ nodeId: "node-1", health: "offline" }]);
  });

  test("show a machine that was in no session once, as soon as it has a slot", () => {
    const store = openStore();
    store.loadNodes([], [{ nodeId: "node-1" }, { nodeId: "node-2" }] as never);
    store.apply({ type: "presence", node: { nodeId: "node-1", sessionId: "session-1" } as never });
    expect(store.nodes()).toEqual([{ nodeId: "node-1", sessionId: "session-1" }]);
    expect(store.inNoSession()).toEqual([{ nodeId: "node-2" }]);
    // Of a hub that tells of none.
    store.loadNodes([]);
    expect(store.inNoSession()).toEqual([]);
  });
});

describe("a thread that is opened while the feed runs", () => {
  test("ORC-27 puts what came during the read on top of the window, once", () => {
    const store = new FeedStore();
    store.loadSnapshot(snapshot(10));
    store.beginThread(threadId);
    store.apply(feedEvent(assistantText(11, 0, "one ")));
    store.apply(feedEvent(assistantText(12, 4, "two")));
    const row: MessageRow = {
      messageId,
      threadId,
      turnId,
      role: "assistant",
      text: "one ",
      attachments: [],
      isStreaming: true,
      createdAt: "",
      updatedAt: "",
    };
    expect(store.loadThread(window(11, { messages: [row] }), 10)).toBe(true);
    expect(texts(store)).toEqual(["one two"]);
  });

  test("ORC-27 refuses a window that is older than what the feed had brought before", () => {
    const store = new FeedStore();
    store.loadSnapshot(snapshot(10));
    store.beginThread(threadId);
    expect(store.loadThread(window(9), 10)).toBe(false);
    expect(store.thread(threadId)?.status).toBe("loading");
  });

  test("drops events that its window holds when the feed lags behind it", () => {
    const store = new FeedStore();
    store.loadSnapshot(snapshot(10));
    store.beginThread(threadId);
    const row: MessageRow = {
      messageId,
      threadId,
      turnId,
      role: "assistant",
      text: "one two",
      attachments: [],
      isStreaming: true,
      createdAt: "",
      updatedAt: "",
    };
    store.loadThread(window(12, { messages: [row] }), 10);
    store.apply(feedEvent(assistantText(12, 4, "two")));
    expect(texts(store)).toEqual(["one two"]);
  });

  test("keeps rows that are newer than those of an older window", () => {
    const store = openStore(10);
    store.loadThread(window(10, { page: { before: "cursor", hasMore: true } }), 10);
    store.apply(feedEvent(assistantText(11, 0, "new")));
    expect(store.beginOlder(threadId)).toBe("cursor");
    expect(store.thread(threadId)?.isLoadingOlder).toBe(true);
    store.apply(feedEvent(assistantText(12, 3, "er")));
    const stale: MessageRow = {
      messageId,
      threadId,
      turnId,
      role: "assistant",
      text: "ne",
      attachments: [],
      isStreaming: true,
      createdAt: "",
      updatedAt: "",
    };
    const older: MessageRow = { ...stale, messageId: "message-0" as never, text: "old", isStreaming: false };
    store.loadOlder(window(12, { messages: [older, stale] }));
    expect(texts(store).sort()).toEqual(["newer", "old"]);
    expect(store.thread(threadId)?.hasOlder).toBe(false);
  });

  test("shows the turn that runs once, though an older window brings it again", () => {
    const store = openStore(10);
    const turn = (id: string, fields: Partial<TurnRow>): TurnRow => ({
      turnId: id as never,
      threadId,
      turnCount: null,
      status: "queued",
      reason: null,
      queuePosition: null,
      model: null,
      effort: null,
      userMessageId: "said" as never,
      assistantMessageId: null,
      requestedAt: "",
      startedAt: null,
      completedAt: null,
      ...fields,
    });
    const [running, second] = [turn("running", { turnCount: 1, status: "running" }), turn("2", { queuePosition: 2 })];
    const page = { before: "cursor", hasMore: true };
    store.loadThread(window(10, { turns: [running, second], page }), 10);
    store.beginOlder(threadId);
    store.loadOlder(window(10, { turns: [running, turn("1", { queuePosition: 1 })] }));
    expect(store.thread(threadId)?.turns.map(({ turnId: id }) => id)).toEqual(["running", "1", "2"]);
  });
});

describe("going back to an earlier turn", () => {
  test("is told from its being asked for to what became of each file", () => {
    const store = openStore(10);
    const request = {
      turnCount: 0,
      checkpointRef: "refs/muster/checkpoints/thread-1/turn/0" as never,
      mode: "files" as const,
    };
    store.apply(feedEvent(event(11, "thread.checkpoint-revert-requested", request)));
    expect(store.thread(threadId)?.revert).toEqual({ turnCount: 0, mode: "files", outcome: null });
    const files = [{ path: "a.ts", outcome: "restored" as const }];
    const done = {
      turnCount: 0,
      mode: "files" as const,
      safetyRef: null,
      files,
      droppedTurnIds: [],
      droppedMessageIds: [],
      latestTurnId: null,
      error: null,
    };
    store.apply(feedEvent(event(12, "thread.reverted", done)));
    expect(store.thread(threadId)?.revert?.outcome).toEqual({ files, error: null });
  });
});

describe("streaming text", () => {
  test("ORC-23 shows live text before and ahead of what is persisted, and ends with the persisted text", () => {
    const store = openStore(10);
    store.apply(feedEvent(started(11)));
    store.apply(delta(0, "Hel"));
    expect(texts(store)).toEqual(["Hel"]);
    store.apply(feedEvent(assistantText(12, 0, "Hello")));
    store.apply(delta(5, " wor"));
    expect(texts(store)).toEqual(["Hello wor"]);
    store.apply(feedEvent(assistantText(13, 5, " world.", false)));
    expect(texts(store)).toEqual(["Hello world."]);
    store.apply(delta(9, "stray"));
    expect(texts(store)).toEqual(["Hello world."]);
  });

  test("ORC-23 forgets what was never persisted when the turn ends", () => {
    const store = openStore(10);
    store.apply(feedEvent(started(11)));
    store.apply(delta(0, "never stored"));
    store.apply(feedEvent(settled(12)));
    expect(texts(store)).toEqual([]);
  });

  test("changes nothing but the text of its message", () => {
    const store = openStore(10);
    store.apply(feedEvent(assistantText(11, 0, "Hello")));
    const before = store.thread(threadId);
    store.apply(delta(5, " world"));
    expect(store.thread(threadId)).toBe(before);
    expect(texts(store)).toEqual(["Hello world"]);
  });
});

describe("a call that has begun", () => {
  const call = (itemId: string): FeedMessage => ({
    type: "call",
    call: {
      threadId,
      turnId,
      tool: {
        itemId: itemId as LiveCall["tool"]["itemId"],
        title: itemId,
        kind: "read",
        status: "running",
        locations: [],
      },
    },
  });
  const recorded = (sequence: number, kind: string, itemId: string) =>
    event(sequence, "thread.activity-appended", {
      turnId,
      tone: "tool",
      kind,
      summary: itemId,
      payload: { itemId, title: itemId, kind: "read", status: "completed", locations: [] },
    });
  const shown = (store: FeedStore): string[] =>
    (store.thread(threadId)?.activities ?? []).map(({ kind, summary }) => `${kind} ${summary}`);

  test("is shown behind what is recorded, until its own record comes", () => {
    const store = openStore(10);
    store.apply(feedEvent(started(11)));
    store.apply(call("second"));
    store.apply(feedEvent(recorded(12, "tool.completed", "first")));
    expect(shown(store)).toEqual(["tool.completed first", "tool.started second"]);
    store.apply(feedEvent(recorded(13, "tool.completed", "second")));
    expect(shown(store)).toEqual(["tool.completed first", "tool.completed second"]);
    store.apply(call("second"));
    expect(shown(store)).toHaveLength(2);
  });

  test("goes with its turn, and does not outlive a window that knows better", () => {
    const store = openStore(10);
    store.apply(feedEvent(started(11)));
    store.apply(call("lost"));
    store.apply(feedEvent(settled(12)));
    expect(shown(store)).toEqual([]);
    store.apply(call("late"));
    expect(shown(store)).toEqual([]);
  });
});

describe("subscribers", () => {
  test("are told once about several changes", () => {
    const waiting: (() => void)[] = [];
    const store = new FeedStore({ schedule: (notify) => waiting.push(notify) });
    let told = 0;
    store.subscribe(() => {
      told += 1;
    });
    store.loadSnapshot(snapshot(10));
    store.apply(feedEvent(event(11, "thread.archived", {})));
    for (const notify of waiting) notify();
    expect(told).toBe(1);
  });
});
