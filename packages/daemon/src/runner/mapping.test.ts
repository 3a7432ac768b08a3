import type {
  ApprovalRequest,
  CheckpointRef,
  ProviderItemId,
  ProviderThreadId,
  RuntimeEvent,
  ThreadId,
  ToolCall,
  TurnId,
} from "@muster/contracts";
import { InternalCommand, RuntimeEvent as RuntimeEventSchema } from "@muster/contracts";
import { openedApproval } from "@muster/core";
import { expect, it } from "vitest";
import { commandsOf } from "./mapping.ts";

const place = { threadId: "t" as ThreadId, turnId: "u" as TurnId };
const tool: ToolCall = {
  itemId: "i" as ProviderItemId,
  title: "Edit a file",
  kind: "edit",
  status: "running",
  locations: [],
};
const request: ApprovalRequest = {
  requestId: "r" as ApprovalRequest["requestId"],
  kind: "edit",
  title: "Edit a file?",
  options: [{ decision: "accept", label: "Yes" }],
};
const file = (path: string) => ({ path, status: "added" as const, additions: 1, deletions: 0, binary: false });

const ROWS: [RuntimeEvent, unknown[]][] = [
  [
    { type: "session.started", providerThreadId: "p" as ProviderThreadId, canLoad: true, loaded: true, agentName: "A" },
    [{ type: "thread.activity.append", kind: "session.started", tone: "info", payload: { loaded: true } }],
  ],
  [{ type: "turn.started" }, []],
  [{ type: "message.delta", messageKey: "k", text: "x" }, []],
  [{ type: "message.completed", messageKey: "k" }, []],
  [
    { type: "tool.started", tool },
    [
      {
        type: "thread.activity.append",
        kind: "tool.started",
        tone: "tool",
        summary: "Edit a file",
        payload: { itemId: "i" },
      },
    ],
  ],
  [{ type: "tool.updated", tool }, [{ kind: "tool.updated", tone: "tool" }]],
  [
    { type: "tool.completed", tool: { ...tool, status: "completed" } },
    [{ kind: "tool.completed", tone: "tool", payload: { status: "completed" } }],
  ],
  [
    {
      type: "plan.updated",
      entries: [
        { content: "a", status: "completed" },
        { content: "b", status: "pending" },
      ],
    },
    [{ kind: "plan.updated", tone: "info", summary: "1 of 2 steps done" }],
  ],
  [{ type: "approval.requested", request }, [{ kind: "approval.requested", tone: "approval", payload: request }]],
  [
    {
      type: "approval.resolved",
      requestId: request.requestId,
      decision: "accept",
      source: "person",
      title: "Edit a file?",
    },
    [{ kind: "approval.resolved", tone: "approval", summary: "Allowed: Edit a file?" }],
  ],
  [
    {
      type: "approval.resolved",
      requestId: request.requestId,
      decision: "cancel",
      source: "withdrawn",
      title: "Edit a file?",
    },
    [{ kind: "approval.resolved" }, { type: "thread.approval.expire", requestId: "r", reason: "withdrawn" }],
  ],
  [
    { type: "usage.updated", usage: { inputTokens: 3 } },
    [{ kind: "usage.updated", tone: "info", payload: { inputTokens: 3 } }],
  ],
  [
    { type: "turn.completed", status: "error", reason: "agent_died", detail: "last words" },
    [{ type: "thread.turn.settle", status: "error", reason: "agent_died", detail: "last words" }],
  ],
  [
    { type: "turn.completed", status: "completed" },
    [{ type: "thread.turn.settle", status: "completed", reason: null, detail: null }],
  ],
  [
    { type: "runtime.error", code: "c", message: "m" },
    [{ kind: "runtime.error", tone: "error", summary: "m", payload: { code: "c" } }],
  ],
  [
    {
      type: "checkpoint.captured",
      turnCount: 2,
      checkpointRef: "refs/muster/checkpoints/t/turn/2" as CheckpointRef,
      status: "ready",
      files: Array.from({ length: 1_001 }, (_, index) => file(`f${index}`)),
      diff: "d",
      truncated: false,
    },
    [{ type: "thread.turn.diff.complete", turnCount: 2, status: "ready", diff: "d", truncated: true }],
  ],
  [
    {
      type: "checkpoint.captured",
      turnCount: 1,
      checkpointRef: "refs/muster/checkpoints/t/turn/1" as CheckpointRef,
      status: "ready",
      files: [],
      diff: "",
      truncated: false,
      skipped: [
        { path: "inner/", reason: "nested-repository" },
        { path: "film.mp4", reason: "too-large" },
      ],
    },
    [
      {
        type: "thread.activity.append",
        kind: "checkpoint.partial",
        tone: "info",
        summary: "Checkpoints leave out inner/ (a repository of its own), film.mp4 (too large)",
        payload: { count: 2, skipped: [{ path: "inner/" }, { path: "film.mp4" }] },
      },
      { type: "thread.turn.diff.complete", turnCount: 1 },
    ],
  ],
];

it.each(ROWS)("ORC-29 ORC-16 %o becomes its internal commands", (event, expected) => {
  const commands = commandsOf(RuntimeEventSchema.parse(event), place);
  expect(commands).toMatchObject(expected);
  expect(commands).toHaveLength(expected.length);
  for (const command of commands) expect(InternalCommand.parse(command)).toMatchObject({ threadId: "t" });
});

it("ORC-29 every runtime event has a row here", () => {
  const types = RuntimeEventSchema.options.map((option) => option.shape.type.value);
  expect([...new Set(ROWS.map(([event]) => event.type))].sort()).toEqual([...types].sort());
});

it("ORC-31 the activity of a question opens the approval", () => {
  const [command] = commandsOf({ type: "approval.requested", request }, place);
  if (command?.type !== "thread.activity.append") throw new Error("no activity");
  expect(openedApproval(command)).toEqual({ requestId: "r", turnId: "u" });
});
