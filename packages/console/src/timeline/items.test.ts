// A thread's rows as the timeline shows them.
import type { ThreadView } from "@muster/client";
import type { ActivityRow, ApprovalRow, CheckpointRow, MessageRow, ThreadRow, TurnRow } from "@muster/contracts";
import { expect, test } from "vitest";
import { type TimelineItem, timelineItems } from "./items.ts";

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const turn = (turnId: string, changes: Partial<TurnRow> = {}): TurnRow =>
  ({
    turnId,
    turnCount: 1,
    status: "running",
    reason: null,
    requestedAt: at(0),
    startedAt: at(0),
    completedAt: null,
    ...changes,
  }) as unknown as TurnRow;
const message = (messageId: string, role: MessageRow["role"], second: number | null, turnId = "turn"): MessageRow =>
  ({
    messageId,
    turnId,
    role,
    text: messageId,
    isStreaming: second === null,
    createdAt: second === null ? "" : at(second),
  }) as unknown as MessageRow;
const tool = (itemId: string, status: string, more: object = {}): Record<string, unknown> => ({
  itemId,
  title: itemId,
  kind: "edit",
  status,
  locations: [],
  ...more,
});
const activity = (kind: string, second: number, payload: Record<string, unknown>, summary = kind): ActivityRow =>
  ({
    activityId: `${kind}-${second}`,
    turnId: "turn",
    kind,
    tone: kind === "runtime.error" ? "error" : "info",
    summary,
    payload,
    createdAt: at(second),
  }) as unknown as ActivityRow;
const view = (changes: Partial<ThreadView>): ThreadView => ({
  status: "ready",
  error: null,
  thread: { latestTurnId: "turn" } as ThreadRow,
  project: null,
  session: null,
  turns: [turn("turn")],
  messages: [],
  activities: [],
  checkpoints: [],
  approvals: [],
  revert: null,
  hasOlder: false,
  isLoadingOlder: false,
  ...changes,
});
const kinds = (items: readonly TimelineItem[]): string[] => items.map(({ kind }) => kind);

test("steps stand in the order they happened, between what was asked and how it ended", () => {
  const items = timelineItems(
    view({
      messages: [message("question", "user", 0), message("first", "assistant", 1), message("second", "assistant", 5)],
      activities: [
        activity("tool.started", 3, tool("edit", "running")),
        activity("plan.updated", 2, { entries: [{ content: "look", status: "pending" }] }),
      ],
    }),
  );
  expect(kinds(items)).toEqual(["user", "assistant", "plan", "tools", "assistant", "status"]);
});

test("a call that is not recorded yet comes last", () => {
  const live = { ...activity("tool.started", 0, tool("live", "running")), createdAt: "" };
  const items = timelineItems(
    view({
      messages: [message("first", "assistant", 1)],
      activities: [activity("tool.completed", 2, tool("done", "completed")), live],
    }),
  );
  expect(kinds(items)).toEqual(["assistant", "tools", "status"]);
  expect(items[1]).toMatchObject({ calls: [{ itemId: "done" }, { itemId: "live" }] });
});

test("text that is only live comes last", () => {
  const items = timelineItems(
    view({
      messages: [message("live", "assistant", null)],
      activities: [activity("tool.started", 9, tool("edit", "running"))],
    }),
  );
  expect(kinds(items)).toEqual(["tools", "assistant", "status"]);
});

test("updates of a tool call are one line at its beginning, with what each of them said", () => {
  const items = timelineItems(
    view({
      activities: [
        activity("tool.started", 1, tool("edit", "running", { edits: [{ path: "a", oldText: null, newText: "x" }] })),
        activity("tool.updated", 2, tool("other", "running")),
        activity("tool.completed", 3, tool("edit", "completed", { output: "done" })),
      ],
    }),
  );
  expect(items[0]).toMatchObject({
    kind: "tools",
    calls: [
      { itemId: "edit", status: "completed", output: "done", edits: [{ path: "a" }] },
      { itemId: "other", status: "running" },
    ],
  });
});

test("a tool that never reported its end ended with its turn", () => {
  const items = timelineItems(
    view({
      turns: [turn("turn", { status: "interrupted", completedAt: at(9) })],
      activities: [activity("tool.started", 1, tool("edit", "running"))],
    }),
  );
  expect(items[0]).toMatchObject({ calls: [{ status: "failed" }] });
});

test("the plan is one card that shows its newest state", () => {
  const entries = (status: string) => ({ entries: [{ content: "look", status }] });
  const items = timelineItems(
    view({
      activities: [activity("plan.updated", 1, entries("pending")), activity("plan.updated", 2, entries("completed"))],
    }),
  );
  expect(items[0]).toMatchObject({ kind: "plan", entries: [{ status: "completed" }] });
});

test("a turn's changes stand before its end, and an empty checkpoint shows nothing", () => {
  const checkpoint = { turnId: "turn", checkpointTurnCount: 1, files: [{ path: "a" }] } as unknown as CheckpointRow;
  expect(kinds(timelineItems(view({ checkpoints: [checkpoint] })))).toEqual(["diff", "status"]);
  expect(kinds(timelineItems(view({ checkpoints: [{ ...checkpoint, files: [] }] })))).toEqual(["status"]);
});

test("a failed turn says what its agent said last", () => {
  const failed = turn("turn", { status: "error", reason: "agent_died", completedAt: at(9) });
  const items = timelineItems(
    view({ turns: [failed], session: { lastError: "exit status 3" } as ThreadView["session"] }),
  );
  expect(items.at(-1)).toMatchObject({ kind: "status", detail: "exit status 3" });
});

test("an earlier turn that failed keeps its own reason, told once", () => {
  const failed = turn("turn", { status: "error", reason: "agent_died", completedAt: at(9) });
  const items = timelineItems(
    view({ turns: [failed], activities: [activity("turn.failed", 1, { detail: "line one\nexit status 3" })] }),
  );
  expect(kinds(items)).toEqual(["status"]);
  expect(items.at(-1)).toMatchObject({ detail: "line one\nexit status 3" });
});

test("the latest turn that was cut off can be continued, until another one follows it", () => {
  const cut = turn("turn", { status: "interrupted", reason: "node_restarted", completedAt: at(9) });
  const thread = { latestTurnId: "turn", archivedAt: null } as unknown as ThreadRow;
  expect(timelineItems(view({ turns: [cut], thread })).at(-1)).toMatchObject({ canContinue: true });
  const next = { ...thread, latestTurnId: "next" } as unknown as ThreadRow;
  expect(timelineItems(view({ turns: [cut, turn("next")], thread: next }))[0]).toMatchObject({ canContinue: false });
});

test("a question of the agent stands where it was asked", () => {
  const approval = { requestId: "request", turnId: "turn", status: "pending" } as unknown as ApprovalRow;
  const items = timelineItems(
    view({ approvals: [approval], activities: [activity("approval.requested", 1, { requestId: "request" })] }),
  );
  expect(items[0]).toMatchObject({ kind: "approval", approval });
});

test("turns that wait are not in the timeline", () => {
  const queued = turn("queued", { status: "queued", turnCount: null });
  expect(
    kinds(timelineItems(view({ turns: [turn("turn"), queued], messages: [message("later", "user", 1, "queued")] }))),
  ).toEqual(["status"]);
});

test("what did not change comes back as the same objects, and what did does not", () => {
  const before = view({ messages: [message("question", "user", 0)] });
  const items = timelineItems(before);
  expect(timelineItems({ ...before })[0]).toBe(items[0]);
  const after = timelineItems({ ...before, activities: [activity("turn.stalled", 3, {}, "Silent for ten minutes")] });
  expect(kinds(after)).toEqual(["user", "notice", "status"]);
});

test("ORC-36 steps whose details were pruned say what they were, once, and that their details are gone", () => {
  const pruned = { pruned: true, digest: "0".repeat(64) };
  const items = timelineItems(
    view({
      activities: [
        activity("plan.updated", 1, pruned, "0 of 1 steps done"),
        activity("tool.started", 2, pruned, "Read a file"),
        activity("tool.completed", 3, pruned, "Read a file"),
        activity("usage.updated", 4, pruned, "Usage"),
      ],
    }),
  );
  expect(items).toMatchObject([
    { kind: "notice", text: "Read a file (details pruned)" },
    { kind: "status", usage: null },
  ]);
});
