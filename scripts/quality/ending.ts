// How a run of checks and tests ends: the last line alone counts the tests, the exit code is 0 only when all is well.
import { BootstrapError, Interrupted } from "../bootstrap/run.mjs";
import { summary, type TestRun } from "./tests.ts";

export interface Outcome {
  failedChecks: string[];
  tests: TestRun;
}

export async function reportAndExit(work: () => Promise<Outcome>): Promise<void> {
  try {
    const { failedChecks, tests } = await work();
    if (failedChecks.length > 0) console.log(`Failed checks: ${failedChecks.join(", ")}`);
    if (tests.counts.passed + tests.counts.failed === 0) console.log("No test ran.");
    console.log(summary(tests.counts));
    process.exitCode = tests.ok && failedChecks.length === 0 ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) process.kill(process.pid, error.signal);
    else if (error instanceof BootstrapError) console.error(error.message);
    else throw error;
    process.exitCode = 1;
  }
}
