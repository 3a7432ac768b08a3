// Abbreviated ids mean one thing or are refused with what they could mean.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { isWholeId, matchId, shortId } from "./ids.ts";

const choices = [
  { id: "01a1fc69-4dce-74e7-9a19-fe1257c68673", title: "Prices" },
  { id: "01a1fc69-4dce-74e7-9a19-fe1257c6aaaa", title: "Documentation" },
  { id: "01b20000-4dce-74e7-9a19-000000008673", title: "Tests" },
];
const match = (given: string) => matchId({ given, noun: "thread", missing: "thread_not_found" }, choices);
const failure = (given: string): MusterError => {
  try {
    match(given);
  } catch (error) {
    if (error instanceof MusterError) return error;
  }
  throw new Error("it did not fail");
};

describe("an abbreviated id", () => {
  test("is shown by its last characters, which are the random ones", () => {
    expect(shortId("01a1fc69-4dce-74e7-9a19-fe1257c68673")).toBe("57c68673");
    expect(shortId("node-1")).toBe("node-1");
    expect(shortId("\u001b[2J\u001b[H\n")).toBe("");
  });

  test("means what alone begins or ends with it, in any case", () => {
    expect(match("57c68673").title).toBe("Prices");
    expect(match("AAAA").title).toBe("Documentation");
    expect(match("01b2").title).toBe("Tests");
  });

  test("that is a whole id means that one", () => {
    expect(match("01a1fc69-4dce-74e7-9a19-fe1257c68673").title).toBe("Prices");
    expect(isWholeId("01a1fc69-4dce-74e7-9a19-fe1257c68673")).toBe(true);
    expect(isWholeId("57c68673")).toBe(false);
    // It is told apart by case, so it is looked up like a part.
    expect(isWholeId("01A1FC69-4DCE-74E7-9A19-FE1257C68673")).toBe(false);
    expect(match("01A1FC69-4DCE-74E7-9A19-FE1257C68673").title).toBe("Prices");
  });

  test("that fits several is refused with their names", () => {
    const error = failure("8673");
    expect(error.code).toBe("validation_failed");
    expect(error.message).toContain("could be 2 threads");
    expect(error.message).toContain("Prices");
    expect(error.message).toContain("Tests");
    expect(error.details?.["candidates"]).toHaveLength(2);
  });

  test("that fits none, or is empty, is not found", () => {
    expect(failure("ffff").code).toBe("thread_not_found");
    expect(failure("ffff").message).toBe('No thread has an id that begins or ends with "ffff".');
    expect(failure("").code).toBe("thread_not_found");
  });
});

describe("a name", () => {
  const sessions = [...choices, { id: "01b30000-4dce-74e7-9a19-0000000ddddd", title: "Prices" }];
  const named = (given: string) =>
    matchId({ given, noun: "session", named: "title", missing: "session_not_found" }, sessions);

  test("means what has it, before whatever id it is a part of", () => {
    expect(named("Tests").id).toBe("01b20000-4dce-74e7-9a19-000000008673");
    expect(named("ddddd").title).toBe("Prices");
  });

  test("that two things have is refused with their ids, and not called unknown", () => {
    expect(() => named("Prices")).toThrow(
      expect.objectContaining({
        code: "validation_failed",
        message: expect.stringContaining("could be 2 sessions: 01a1"),
      }),
    );
  });

  test("that nothing has is told as a name, not as an id alone", () => {
    expect(() => named("Shop")).toThrow('No session has the title "Shop", or an id that begins or ends with it.');
    expect(() => named("")).toThrow("empty");
  });
});
