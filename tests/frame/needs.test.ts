// What the tests need is installed as root or asked for in one sentence, never skipped in silence.
import { afterEach, describe, expect, test, vi } from "vitest";
import { ensure, needsOf } from "../../scripts/quality/needs.ts";

const absent = { purpose: "a test of its own", debianPackage: "absent-tool", isThere: () => false };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("what the tests need", () => {
  test("is git at least, and what is there is left alone", async () => {
    expect(needsOf(["tests/frame"]).map((need) => need.debianPackage)).toEqual(["git"]);
    await ensure([{ ...absent, isThere: () => true }]);
  });

  test("EXP-1 is asked for in one sentence when this is not root", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    await expect(ensure([absent])).rejects.toThrow(
      "The tests need absent-tool for a test of its own: install it (on Debian: apt-get install absent-tool).",
    );
  });
});
