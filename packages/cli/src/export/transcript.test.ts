// A thread as Markdown: each thing told once, in words, and nothing of an agent makes structure of its own in our lines.
import type { WireEvent } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { Transcript } from "./transcript.ts";

const START = Date.parse("2026-11-21T12:00:00.000Z");

/** The Markdown of a thread with these events after its creation, a second apart. */
function markdown(...events: readonly (readonly [eventType: string, payload: object])[]): string {
  const created = {
    projectId: "project",
    title: "Prices * up",
    provider: "sample",
    model: null,
    branch: null,
    worktreePath: null,
    runtimeMode: "approval-required",
  };
  const transcript = new Transcript();
  [["thread.created", created] as const, ...events].forEach(([eventType, payload], index) => {
    const event = {
      sequence: index + 1,
      eventId: `event-${index + 1}`,
      spaceId: "space",
      aggregateKind: "thread",
      streamId: "thread",
      streamVersion: index + 1,
      eventType,
      occurredAt: new Date(START + index * 1_000).toISOString(),
      schemaVersion: "1.0",
      payload,
    };
    transcript.take(event as unknown as WireEvent);
  });
  return transcript.toString();
}

const said = (role: string, text: string) =>
  [
    "thread.message-sent",
    { messageId: `message-${role}`, turnId: "turn", role, offset: 0, text, attachments: [], isStreaming: false },
  ] as const;
const started = [
  "thread.turn-start-requested",
  { turnId: "turn", messageId: "message-user", turnCount: 1, model: null, effort: null },
] as const;
const step = (kind: string, summary: string, payload: object = {}, more: object = {}) =>
  ["thread.activity-appended", { turnId: "turn", tone: "info", kind, summary, payload, ...more }] as const;
const tool = (kind: string, status: string, title = "Run tests") =>
  step(kind, title, { itemId: "call-1", title, kind: "execute", status, locations: [] }, { tone: "tool" });
const settled = [
  "thread.turn-settled",
  { turnId: "turn", status: "completed", reason: null, detail: null, completedMessageIds: [], expiredRequestIds: [] },
] as const;

describe("a thread as Markdown", () => {
  test("tells who said what, each tool once as it ended, the plan as it was last, and what changed", () => {
    const plan = (status: string) => step("plan.updated", "0 of 1", { entries: [{ content: "Look", status }] });
    const changed = {
      turnId: "turn",
      turnCount: 1,
      checkpointRef: "refs/muster/checkpoints/thread/turn/1",
      status: "ready",
      files: [{ path: "a_b.md", status: "added", additions: 3, deletions: 0, binary: false }],
      truncated: false,
      assistantMessageId: null,
    };
    const text = markdown(
      said("user", "Fix\nit"),
      started,
      plan("pending"),
      tool("tool.started", "running"),
      tool("tool.updated", "running"),
      step("approval.requested", "Write NOTES.md", {}, { tone: "approval" }),
      step("approval.resolved", "Allowed: Write NOTES.md", {}, { tone: "approval" }),
      tool("tool.completed", "completed"),
      plan("completed"),
      step("usage.updated", "Usage"),
      said("assistant", "# Done\n\nAll *good*."),
      ["thread.turn-diff-completed", changed],
      settled,
    );
    expect(text).toBe(
      [
        "# Prices \\* up",
        "",
        "Thread `thread`, agent sample, begun 2026-11-21T12:00:00.000Z.",
        "",
        "## Turn 1",
        "",
        "**Person**",
        "",
        "> Fix",
        "> it",
        "",
        "- [x] Look",
        "",
        "- ✓ Run tests",
        "",
        "- Asked for permission: Write NOTES.md",
        "",
        "- Allowed: Write NOTES.md",
        "",
        "**Agent**",
        "",
        "# Done",
        "",
        "All *good*.",
        "",
        "*1 file changed, +3 −0*",
        "",
        "- added: a\\_b.md",
        "",
        "*completed, asked 2026-11-21T12:00:02.000Z, ended 2026-11-21T12:00:13.000Z*",
        "",
      ].join("\n"),
    );
    expect(text).not.toMatch(/tool\.|plan\.updated|approval\./);
  });

  test("says what failed and what was not finished, and takes no structure from a title", () => {
    const text = markdown(
      said("user", "Go"),
      started,
      tool("tool.completed", "failed", "## [x](y) `rm`\n# Turn 9"),
      step("runtime.error", "The disk is full", {}, { tone: "error" }),
    );
    expect(text).toContain("\n- ✗ \\#\\# \\[x\\](y) \\`rm\\` \\# Turn 9 *(failed)*\n");
    expect(text).toContain("\n- **Error:** The disk is full\n");
    expect(markdown(said("user", "Go"), started, tool("tool.started", "running"))).toContain(
      "- ▸ Run tests *(not finished)*",
    );
  });

  test("tells what happened outside of turns where it happened", () => {
    const outside = step("revert.done", "2 files are back", {}, { turnId: null });
    const text = markdown(said("user", "Go"), started, settled, outside);
    expect(text.indexOf("- 2 files are back")).toBeGreaterThan(text.indexOf("*completed"));
  });
});
