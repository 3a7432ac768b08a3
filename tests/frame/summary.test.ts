// The last line of `npm test` counts what vitest reports, and a file that does not load is a failure.
import { describe, expect, test } from "vitest";
import { count, summary } from "../../scripts/quality/tests.ts";

const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 1, testResults: [] };

describe("counting the tests", () => {
  test("takes passed and failed from the report, and skipped and to-do together", () => {
    expect(count(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  });

  test("counts a file that failed without a failed test as one failure", () => {
    const testResults = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ status: "failed" }, { status: "passed" }] },
      { status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    expect(count({ ...report, testResults }).failed).toBe(2);
  });
});

describe("the last line", () => {
  test("names passed and failed, and skipped only when there are any", () => {
    expect(summary({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
    expect(summary({ passed: 12, failed: 1, skipped: 2 })).toBe("12 passed, 1 failed, 2 skipped");
  });
});
