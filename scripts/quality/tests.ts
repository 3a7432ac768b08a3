// Runs vitest and counts by its JSON report, so that the last line never says more than what ran.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../bootstrap/run.mjs";
import { root } from "./checks.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The parts of vitest's JSON report that are counted. */
export interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/** A file that failed without a failed test (it did not load, a hook threw) counts as one failure. */
export function count(report: Report): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((assertion) => assertion.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** `12 passed, 0 failed` and, when there are any, `, 3 skipped`. */
export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

export interface TestRun {
  counts: Counts;
  /** Something passed, nothing failed, and vitest itself is content. */
  ok: boolean;
}

export async function runTests(args: string[]): Promise<TestRun> {
  const folder = mkdtempSync(join(tmpdir(), "muster-tests-"));
  try {
    const file = join(folder, "report.json");
    const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args];
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const result = await run(process.execPath, [...vitest, ...reporters], { cwd: root, stdio: "inherit" });
    const counts = readCounts(file);
    return { counts, ok: result.code === 0 && counts.failed === 0 && counts.passed > 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without a report nothing is known to have passed. */
function readCounts(file: string): Counts {
  try {
    return count(JSON.parse(readFileSync(file, "utf8")) as Report);
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
