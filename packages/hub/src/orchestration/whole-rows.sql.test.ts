// What a window shows cut is read whole by its id, by those who may see its thread.
import type { EventId, MessageId, ThreadId } from "@muster/contracts";
import { READ_MAX_BYTES } from "@muster/contracts";
import { activity, createProject, createThread, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OWNER, onBothDatabases, openWorld, refusalOf, STRANGER, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  await world.dispatch(startTurn("turn"));
});
afterEach(() => world.close());

const threadId = "thread" as ThreadId;

onBothDatabases("a row by itself", () => {
  it("an activity that is too large for a window is cut there and whole by its id (ORC-26)", async () => {
    const output = "x".repeat(READ_MAX_BYTES);
    await world.ingest(1, [activity("tool.completed", { turnId: "turn", payload: { itemId: "item", output } })]);
    const window = await world.orchestration.getThread(OWNER, { threadId, turnLimit: 10 });
    const [shown] = window.activities;
    expect(shown?.payload).toEqual({ itemId: "item", truncated: true });
    const whole = await world.orchestration.getActivity(OWNER, { threadId, activityId: shown?.activityId as EventId });
    expect(whole.payload).toEqual({ itemId: "item", output });
  });

  it("a message is whole by its id (ORC-26)", async () => {
    const window = await world.orchestration.getThread(OWNER, { threadId, turnLimit: 10 });
    const [message] = window.messages;
    const messageId = message?.messageId as MessageId;
    expect(await world.orchestration.getMessage(OWNER, { threadId, messageId })).toEqual(message);
  });

  it("a stranger's question is answered like one about nothing, and a wrong thread's id finds nothing (ORC-26)", async () => {
    const { orchestration } = world;
    const messageId = "none" as MessageId;
    const activityId = "none" as EventId;
    expect(await refusalOf(orchestration.getMessage(STRANGER, { threadId, messageId }))).toBe("thread_not_found");
    expect(await refusalOf(orchestration.getActivity(STRANGER, { threadId, activityId }))).toBe("thread_not_found");
    expect(await refusalOf(orchestration.getMessage(OWNER, { threadId, messageId }))).toBe("message_not_found");
    expect(await refusalOf(orchestration.getActivity(OWNER, { threadId, activityId }))).toBe("activity_not_found");
  });
});
