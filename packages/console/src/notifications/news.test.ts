// What is worth a notification.
import type { ThreadSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { newsOf } from "./news.ts";

const thread = (changes: object = {}): ThreadSummary =>
  ({
    threadId: "thread",
    title: "Build",
    pendingApprovalCount: 0,
    latestTurn: null,
    ...changes,
  }) as unknown as ThreadSummary;
const turn = (turnId: string, status: string): object => ({ latestTurn: { turnId, status } });
const texts = (before: ThreadSummary[], after: ThreadSummary[]): string[] =>
  newsOf(before, after).map(({ text }) => text);

test("a question that came up is told once", () => {
  expect(texts([thread()], [thread({ pendingApprovalCount: 1 })])).toEqual(["Waits for your answer"]);
  expect(texts([thread({ pendingApprovalCount: 1 })], [thread({ pendingApprovalCount: 1 })])).toEqual([]);
  expect(texts([thread({ pendingApprovalCount: 1 })], [thread()])).toEqual([]);
});

test("a turn that failed is told once, and so is the next one that fails", () => {
  expect(texts([thread(turn("one", "running"))], [thread(turn("one", "error"))])).toEqual(["The turn failed"]);
  expect(texts([thread(turn("one", "error"))], [thread(turn("one", "error"))])).toEqual([]);
  expect(texts([thread(turn("one", "error"))], [thread(turn("two", "error"))])).toEqual(["The turn failed"]);
});

test("a turn that completed is no news", () => {
  expect(texts([thread(turn("one", "running"))], [thread(turn("one", "completed"))])).toEqual([]);
});
