// Levels of tests, told apart by the file's suffix: unit (nothing but the process), sql (a database), e2e (real processes),
// alone (those that nothing may run beside, *.browser.e2e.test.ts and *.alone.e2e.test.ts). CONTRIBUTING.md explains them.
import { join } from "node:path";
import { PATIENCE_MS, TEST_MAX_MS } from "@muster/core/testing";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { memoryFolder } from "./scripts/quality/memory-folder.ts";

const levels = {
  sql: ["**/*.sql.test.ts"],
  e2e: ["**/*.e2e.test.ts"],
  alone: ["**/*.browser.e2e.test.ts", "**/*.alone.e2e.test.ts"],
};
const places = (suffixes: string[]) => suffixes.flatMap((suffix) => [`packages/${suffix}`, `tests/${suffix}`]);
const never = ["**/node_modules/**", "**/dist/**"];

/** Minutes each; begun last, they would be all that runs at the end. */
const LONG = ["tests/soak/steps.e2e.test.ts", "checkpoints/revert-killed.e2e.test.ts"];
/** Waiting for a disk is a fifth of the work of most tests; promised times (`alone`) are measured on the one that is there. */
const temporary = process.env["TMPDIR"] === undefined ? memoryFolder() : undefined;
const env = temporary === undefined ? {} : { TMPDIR: temporary };

const isLong = ({ moduleId }: TestSpecification): boolean => LONG.some((path) => moduleId.endsWith(path));
const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => groupOf(one) - groupOf(other) || Number(isLong(other)) - Number(isLong(one)));
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
          exclude: [...never, ...levels.alone],
          // Behind the short ones, which are wrong sooner.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: places(levels.alone),
          exclude: never,
          // A browser takes both processors and much memory, and a promised time is measured: one file, and nothing beside.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
