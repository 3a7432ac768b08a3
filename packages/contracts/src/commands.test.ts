// Commands at the door: the closed list, the limits, and nothing besides.
import { describe, expect, it } from "vitest";
import { ATTACHMENTS_MAX, ClientCommand, InternalCommand, MESSAGE_TEXT_MAX_CHARACTERS } from "./commands.ts";

const turn = (message: Record<string, unknown>) => ({
  type: "thread.turn.start",
  commandId: "c",
  threadId: "t",
  turnId: "u",
  message: { messageId: "m", role: "user", text: "x", ...message },
});

describe("a client's command", () => {
  it("is one of these (ORC-15)", () => {
    expect(ClientCommand.options.map((option) => option.shape.type.value).sort()).toEqual(
      [
        "project.create",
        "project.meta.update",
        "project.delete",
        "thread.create",
        "thread.meta.update",
        "thread.archive",
        "thread.unarchive",
        "thread.delete",
        "thread.turn.start",
        "thread.turn.interrupt",
        "thread.turn.cancel-queued",
        "thread.approval.respond",
        "thread.checkpoint.revert",
        "thread.session.stop",
      ].sort(),
    );
  });

  it("is never an internal one (ORC-16)", () => {
    const internal = InternalCommand.options.map((option) => option.shape.type.value);
    expect([...internal].sort()).toEqual(
      [
        "thread.session.set",
        "thread.message.assistant.delta",
        "thread.message.assistant.complete",
        "thread.turn.diff.complete",
        "thread.activity.append",
        "thread.turn.settle",
        "thread.revert.complete",
        "thread.approval.expire",
      ].sort(),
    );
    const settle = { type: "thread.turn.settle", threadId: "t", turnId: "u", status: "completed" };
    const whole = { ...settle, commandId: "c", reason: null, detail: null };
    expect(ClientCommand.safeParse(whole).success).toBe(false);
  });

  it("has text up to 120,000 characters and at most eight attachments (ORC-15)", () => {
    expect(ClientCommand.safeParse(turn({ text: "x".repeat(MESSAGE_TEXT_MAX_CHARACTERS) })).success).toBe(true);
    expect(ClientCommand.safeParse(turn({ text: "x".repeat(MESSAGE_TEXT_MAX_CHARACTERS + 1) })).success).toBe(false);
    expect(ClientCommand.safeParse(turn({ text: "" })).success).toBe(false);
    const attachments = Array.from({ length: ATTACHMENTS_MAX }, () => ({
      name: "a",
      mediaType: "text/plain",
      text: "",
    }));
    expect(ClientCommand.safeParse(turn({ attachments })).success).toBe(true);
    expect(ClientCommand.safeParse(turn({ attachments: [...attachments, attachments[0]] })).success).toBe(false);
    expect(MESSAGE_TEXT_MAX_CHARACTERS).toBe(120_000);
    expect(ATTACHMENTS_MAX).toBe(8);
  });

  it("is refused with a field that it does not have", () => {
    const archive = { type: "thread.archive", commandId: "c", threadId: "t" };
    expect(ClientCommand.safeParse(archive).success).toBe(true);
    expect(ClientCommand.safeParse({ ...archive, actorKind: "server" }).success).toBe(false);
  });

  it("reverts to a turn count or to a checkpoint, to one of the two (ORC-15)", () => {
    const revert = { type: "thread.checkpoint.revert", commandId: "c", threadId: "t" };
    const checkpointRef = "refs/muster/checkpoints/t/turn/1";
    expect(ClientCommand.safeParse({ ...revert, turnCount: 0 }).success).toBe(true);
    expect(ClientCommand.safeParse({ ...revert, checkpointRef }).success).toBe(true);
    expect(ClientCommand.safeParse(revert).success).toBe(false);
    expect(ClientCommand.safeParse({ ...revert, turnCount: 0, checkpointRef }).success).toBe(false);
  });
});
