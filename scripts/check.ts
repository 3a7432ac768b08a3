// npm run check: what should be green before every commit, in seconds: format, lint, import direction, types and the
// unit tests. Arguments go to vitest.

import { runChecks } from "./quality/checks.ts";
import { reportAndExit } from "./quality/ending.ts";
import { runTests } from "./quality/tests.ts";

await reportAndExit(async () => ({
  failedChecks: await runChecks(),
  tests: await runTests(["--project", "unit", ...process.argv.slice(2)]),
}));
