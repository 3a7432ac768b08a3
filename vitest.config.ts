// Levels of tests, told apart by the file's suffix: unit (nothing but the process), sql (a database), e2e (real processes),
// browser (*.browser.e2e.test.ts), alone (those that nothing may run beside, *.alone.*e2e.test.ts). CONTRIBUTING.md explains them.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { PATIENCE_MS, TEST_MAX_MS } from "@muster/core/testing";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { memoryFolder } from "./scripts/quality/memory-folder.ts";

const levels = {
  sql: ["**/*.sql.test.ts"],
  e2e: ["**/*.e2e.test.ts"],
  browser: ["**/*.browser.e2e.test.ts"],
  alone: ["**/*.alone.e2e.test.ts", "**/*.alone.browser.e2e.test.ts"],
};
const places = (suffixes: string[]) => suffixes.flatMap((suffix) => [`packages/${suffix}`, `tests/${suffix}`]);
const never = ["**/node_modules/**", "**/dist/**"];

/** The longest of all levels, the longest first: what is begun last is all that runs at the end. */
const LONG = [
  "tests/soak/steps.e2e.test.ts",
  "checkpoints/revert-killed.e2e.test.ts",
  "tests/cli/join.e2e.test.ts",
  "tests/cli/commands.e2e.test.ts",
  "orchestration/projections.sql.test.ts",
  "tests/cli/up.e2e.test.ts",
  "tests/hubs/two-hubs.e2e.test.ts",
  "orchestration/rebuild.sql.test.ts",
  "home/daemon-process.e2e.test.ts",
  "checkpoints/matrix.e2e.test.ts",
  "runner/runner.e2e.test.ts",
  "tests/soak/cut-off-revert.e2e.test.ts",
  "tests/soak/soak.e2e.test.ts",
  "orchestration/effects.sql.test.ts",
  "orchestration/histories.sql.test.ts",
];
/** Waiting for a disk is a fifth of the work of most tests; promised times (`alone`) are measured on the one that is there. */
const temporary = process.env["TMPDIR"] === undefined ? memoryFolder() : undefined;
const env = temporary === undefined ? {} : { TMPDIR: temporary };

/** A third of what these do is to wait for processes, so that as many as there are processors would leave some of those idle. */
const WAITING_WORKERS = Math.ceil(availableParallelism() * 1.5);

/** Place among the longest; behind all of them for any other. */
const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = LONG.findIndex((path) => moduleId.endsWith(path));
  return place < 0 ? LONG.length : place;
};
const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => groupOf(one) - groupOf(other) || placeOf(one) - placeOf(other));
  }
}

export default defineConfig({
  test: {
    pool: "forks",
    // No assertion of speed: see the file of these constants.
    testTimeout: TEST_MAX_MS,
    hookTimeout: TEST_MAX_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
    // Most tests start processes or threads of ours: half of what a start costs is reading the same sources again.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/muster-compile") },
    // Otherwise one processor is left free, which is half of a machine of two.
    maxWorkers: "100%",
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          env,
          include: ["packages/**/*.test.{ts,tsx}", "tests/**/*.test.ts"],
          exclude: [...never, ...levels.sql, ...levels.e2e],
          // They touch nothing but what they make: a process of their own for each would be four fifths of their work.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "sql",
          env,
          include: places(levels.sql),
          exclude: never,
          globalSetup: "packages/store/src/testing/setup.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          env,
          include: places(levels.e2e),
          exclude: [...never, ...levels.browser, ...levels.alone],
          maxWorkers: WAITING_WORKERS,
          // Behind the short ones, which are wrong sooner.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          env,
          include: places(levels.browser),
          exclude: [...never, ...levels.alone],
          // Nothing else beside: a browser has many processes, and more than one for each processor would only wait.
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: places(levels.alone),
          exclude: never,
          // A promised time is measured: one file, and nothing beside.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
