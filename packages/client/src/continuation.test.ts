import { MESSAGE_TEXT_MAX_CHARACTERS, type ThreadRow, type TurnRow } from "@muster/contracts";
import { expect, test } from "vitest";
import type { MusterClient } from "./client.ts";
import { canContinue, continuationOf, continuationText } from "./continuation.ts";

const thread = { latestTurnId: "turn", archivedAt: null } as unknown as ThreadRow;
const turn = (more: Partial<TurnRow>) => ({ turnId: "turn", threadId: "thread", ...more }) as TurnRow;

test("ORC-33 the latest turn can be continued when it was interrupted or failed, and no other", () => {
  expect(canContinue(turn({ status: "interrupted" }), thread)).toBe(true);
  expect(canContinue(turn({ status: "error" }), thread)).toBe(true);
  for (const status of ["queued", "running", "completed"] as const)
    expect(canContinue(turn({ status }), thread)).toBe(false);
  expect(canContinue(turn({ status: "interrupted", turnId: "older" as never }), thread)).toBe(false);
  expect(canContinue(turn({ status: "interrupted" }), { ...thread, archivedAt: "then" })).toBe(false);
});

test("ORC-33 its request comes whole and once, whatever was cut off how often", () => {
  const once = continuationText("fix it");
  expect(once).toMatch(/^You were interrupted[^\n]+\n\nfix it$/);
  expect(continuationText(once)).toBe(once);
  const long = "x".repeat(MESSAGE_TEXT_MAX_CHARACTERS);
  expect(continuationText(long)).toBe(long);
});

test("ORC-33 the command carries what the turn was asked with", async () => {
  const attachments = [{ name: "a", mediaType: "text/plain", text: "a" }];
  let next = 0;
  const client = {
    ids: { next: () => `id-${++next}` },
    api: { orchestration: { getMessage: async () => ({ text: "fix it", attachments }) } },
  } as unknown as MusterClient;
  const command = await continuationOf(client, turn({ model: "large", effort: "low", userMessageId: "m" as never }));
  expect(command).toMatchObject({
    type: "thread.turn.start",
    threadId: "thread",
    turnId: "id-1",
    message: { messageId: "id-2", text: expect.stringContaining("fix it"), attachments },
    model: "large",
    effort: "low",
  });
});
