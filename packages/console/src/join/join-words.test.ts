// What is said when an invite lets nobody in.
import { type ErrorCode, MusterError } from "@muster/contracts";
import { expect, test } from "vitest";
import { refusalOf } from "./join-words.ts";

const say = (code: ErrorCode, details?: Record<string, unknown>) =>
  refusalOf(new MusterError(code, undefined, details));

test("an invite that ended is told apart by how it ended, and is not tried again", () => {
  const codes: ErrorCode[] = ["invite_used", "invite_expired", "invite_revoked", "invite_invalid", "validation_failed"];
  const refusals = codes.map((code) => say(code));
  expect(new Set(refusals.map(({ title }) => title)).size).toBe(codes.length);
  expect(refusals.every(({ isWorthAnotherTry }) => !isWorthAnotherTry)).toBe(true);
});

test("too many tries say how long to wait, and that the invite stays good", () => {
  expect(say("rate_limited", { retryAfterSeconds: 41.2 })).toMatchObject({
    text: "Wait 42 seconds, then try again. Your invite stays good.",
    isWorthAnotherTry: true,
  });
  expect(say("rate_limited").text).toContain("a minute");
});

test("what is not about invites is told in the hub's own words", () => {
  expect(say("hub_unreachable")).toMatchObject({ isWorthAnotherTry: true });
  expect(refusalOf(new MusterError("permission_denied", "No.")).title).toBe("No.");
});
