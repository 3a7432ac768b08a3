// A turn on the screen: whatever is doubled, late or lost on the way, each thing said appears once and in order.
import type { EventId, FeedMessage, ThreadWindow, TurnId } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { plainPaint } from "../shell.ts";
import { createTurnView } from "./turn-view.ts";

const turnId = "turn-1" as TurnId;

function screen() {
  let text = "";
  const view = createTurnView({
    turnId,
    paint: plainPaint,
    muster: "muster",
    write: (more) => {
      text += more;
    },
  });
  return { view, text: () => text };
}

const event = (eventType: string, payload: Record<string, unknown>): FeedMessage =>
  ({
    type: "event",
    event: { eventType, schemaVersion: "1.0", payload: { turnId, ...payload } },
  }) as unknown as FeedMessage;
const said = (offset: number, text: string, messageId = "message-1"): FeedMessage =>
  event("thread.message-sent", { messageId, role: "assistant", offset, text, isStreaming: true, attachments: [] });
const delta = (offset: number, text: string, messageId = "message-1"): FeedMessage =>
  ({ type: "delta", delta: { turnId, messageId, offset, text } }) as unknown as FeedMessage;
const step = (kind: string, payload: Record<string, unknown>): FeedMessage =>
  event("thread.activity-appended", { kind, tone: "tool", summary: "", payload });
const tool = (kind: string, status: string): FeedMessage =>
  step(kind, { itemId: "call-1", title: "Write NOTES.md", kind: "edit", status, locations: [] });

describe("a turn on the screen", () => {
  test("shows text once, live first and persisted later", () => {
    const { view, text } = screen();
    for (const message of [delta(0, "Hel"), delta(3, "lo"), said(0, "Hello"), said(5, " world"), delta(6, "world")]) {
      view.take(message);
    }
    expect(text()).toBe("Hello world");
  });

  test("puts a step on a line of its own between what is said", () => {
    const { view, text } = screen();
    for (const message of [
      delta(0, "I write."),
      tool("tool.started", "running"),
      tool("tool.updated", "running"),
      tool("tool.completed", "completed"),
      delta(0, "Done.", "message-2"),
      event("thread.turn-settled", { status: "completed", reason: null, detail: null }),
    ]) {
      view.take(message);
    }
    expect(text()).toBe("I write.\n▸ Write NOTES.md\n✓ Write NOTES.md\nDone.\n");
    expect(view.end).toEqual({ status: "completed", reason: null, detail: null });
  });

  test("keeps the order where what is said live behind a step comes ahead of its end", () => {
    const { view, text } = screen();
    for (const message of [delta(0, "I write."), tool("tool.started", "running"), delta(0, "Done", "message-2")])
      view.take(message);
    expect(text()).toBe("I write.\n▸ Write NOTES.md\n");
    for (const message of [tool("tool.completed", "completed"), delta(4, ".", "message-2")]) view.take(message);
    expect(text()).toBe("I write.\n▸ Write NOTES.md\n✓ Write NOTES.md\nDone.");
    const recorded = screen();
    for (const message of [tool("tool.started", "running"), delta(0, "Beside"), said(0, "Beside")])
      recorded.view.take(message);
    expect(recorded.text()).toBe("▸ Write NOTES.md\nBeside");
  });

  test("shows a call as soon as it is told live, and its beginning once, whatever of it comes first", () => {
    const { view, text } = screen();
    const live = {
      type: "call",
      call: {
        turnId,
        tool: { itemId: "call-1", title: "Write NOTES.md", kind: "edit", status: "running", locations: [] },
      },
    } as unknown as FeedMessage;
    view.take(live);
    expect(text()).toBe("▸ Write NOTES.md\n");
    for (const message of [tool("tool.started", "running"), live, tool("tool.completed", "completed")])
      view.take(message);
    expect(text()).toBe("▸ Write NOTES.md\n✓ Write NOTES.md\n");
    view.take(live);
    expect(text()).toBe("▸ Write NOTES.md\n✓ Write NOTES.md\n");
    const unseen = screen();
    unseen.view.take(tool("tool.completed", "completed"));
    unseen.view.take(live);
    expect(unseen.text()).toBe("▸ Write NOTES.md\n✓ Write NOTES.md\n");
    const other = { ...live, call: { ...(live as { call: object }).call, turnId: "turn-2" } } as unknown as FeedMessage;
    expect(view.take(other)).toBe(false);
  });

  test("says how to answer a question", () => {
    const { view, text } = screen();
    view.take(
      step("approval.requested", {
        requestId: "01a1fc69-4dce-74e7-9a19-fe1257c68673",
        kind: "edit",
        title: "Write NOTES.md",
        options: [{ decision: "accept", label: "Allow" }],
      }),
    );
    expect(text()).toBe("? Write NOTES.md\n  waits for you: muster approve 57c68673, or muster deny 57c68673\n");
  });

  test("leaves other turns out", () => {
    const { view, text } = screen();
    const other = event("thread.message-sent", {
      messageId: "m",
      role: "assistant",
      offset: 0,
      text: "no",
      turnId: "turn-2",
    });
    expect(view.take(other)).toBe(false);
    expect(text()).toBe("");
  });

  test("lets no text of an agent move the cursor", () => {
    const { view, text } = screen();
    view.take(said(0, "a\u001b[2J\u001b[Hb"));
    expect(text()).toBe("ab");
  });

  test("goes on from what a snapshot holds without saying it again", () => {
    const { view, text } = screen();
    const window = {
      messages: [{ messageId: "message-1", turnId, role: "assistant", text: "Hello", createdAt: "1" }],
      activities: [],
      approvals: [],
      checkpoints: [],
    } as unknown as ThreadWindow;
    view.begin(window);
    for (const message of [delta(3, "lo wor"), said(0, "Hello"), said(5, " world")]) view.take(message);
    view.begin(window);
    expect(text()).toBe("Hello world");
  });

  test("says what changed, once, also where the snapshot alone tells of it, and ends the line behind what was said", () => {
    const { view, text } = screen();
    const files = [{ path: "one.txt", status: "added", additions: 1, deletions: 0 }];
    const window = {
      messages: [{ messageId: "message-1", turnId, role: "assistant", text: "Done.", createdAt: "1" }],
      activities: [],
      approvals: [],
      checkpoints: [
        { turnId: "turn-0", checkpointTurnCount: 1, files },
        { turnId, checkpointTurnCount: 2, files },
      ],
    } as unknown as ThreadWindow;
    view.begin(window);
    expect(text()).toBe("Done.\n± 1 file changed, +1 −0\n");
    view.begin(window);
    view.take(event("thread.turn-diff-completed", { turnCount: 2, files }));
    view.take(delta(0, "More.", "message-2"));
    view.endLine();
    view.endLine();
    expect(text()).toBe("Done.\n± 1 file changed, +1 −0\nMore.\n");
  });

  test("goes on from a snapshot after a reset: nothing is missing, nothing comes twice", () => {
    const { view, text } = screen();
    const question = {
      requestId: "01a1fc69-4dce-74e7-9a19-fe1257c68673",
      kind: "edit",
      title: "Write NOTES.md",
      options: [{ decision: "accept", label: "Allow" }],
    };
    const asked = step("approval.requested", question);
    if (asked.type === "event") asked.event.eventId = "event-1" as EventId;
    view.take(said(0, "One. "));
    view.take(asked);
    // While the feed was away.
    const activity = (activityId: string, more: object) => ({
      activityId,
      turnId,
      tone: "info",
      createdAt: "2",
      ...more,
    });
    view.begin({
      messages: [{ messageId: "message-1", turnId, role: "assistant", text: "One. Two. ", createdAt: "1" }],
      activities: [
        activity("event-1", { kind: "approval.requested", summary: "Write NOTES.md", payload: question }),
        activity("event-2", { kind: "note", summary: "Something else", payload: {} }),
      ],
      approvals: [{ requestId: question.requestId, turnId, status: "pending" }],
      checkpoints: [],
    } as unknown as ThreadWindow);
    view.take(said(10, "Three."));
    expect(text()).toBe(
      "One. \n? Write NOTES.md\n  waits for you: muster approve 57c68673, or muster deny 57c68673\nTwo. \n· Something else\nThree.",
    );
  });
});
