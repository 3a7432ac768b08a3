// How a turn's end is told.
import { expect, test } from "vitest";
import { turnEnding } from "./turn-ending.ts";

test("a failure of the error table says what to do", () => {
  const { title, hint } = turnEnding({ status: "error", reason: "agent_login_required" });
  expect(title).toBe("The agent asks for a login of its own.");
  expect(hint).toContain("log in");
});

test("a reason that is not known is told by its status", () => {
  expect(turnEnding({ status: "interrupted", reason: "of_the_future" }).title).toBe("Interrupted");
  expect(turnEnding({ status: "error", reason: "of_the_future" }).title).toBe("The turn failed");
  expect(turnEnding({ status: "completed", reason: null })).toEqual({ title: "Completed", hint: null });
});
