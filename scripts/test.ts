// npm test: everything. Installs what the tests need, runs the checks and every level of tests, and ends with one
// line that counts them. Arguments choose tests as vitest's do (`npm test -- tests/frame`) and leave the checks out.
import { runChecks } from "./quality/checks.ts";
import { reportAndExit } from "./quality/ending.ts";
import { ensure, needsOf } from "./quality/needs.ts";
import { runTests } from "./quality/tests.ts";

const args = process.argv.slice(2);

await reportAndExit(async () => {
  await ensure(needsOf(args.filter((arg) => !arg.startsWith("-"))));
  const failedChecks = args.length === 0 ? await runChecks() : [];
  return { failedChecks, tests: await runTests(args) };
});
