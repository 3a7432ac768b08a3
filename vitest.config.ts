// Levels of tests, told apart by the file's suffix: unit (nothing but the process), sql (a database), e2e (real processes),
// browser (those with a browser, named *.browser.e2e.test.ts). CONTRIBUTING.md explains them.
import { join } from "node:path";
import { PATIENCE_MS, TEST_MAX_MS } from "@muster/core/testing";
import { defineConfig } from "vitest/config";

const levels = { sql: ["**/*.sql.test.ts"], e2e: ["**/*.e2e.test.ts"], browser: ["**/*.browser.e2e.test.ts"] };
const places = (suffixes: string[]) => suffixes.flatMap((suffix) => [`packages/${suffix}`, `tests/${suffix}`]);
/** Every such test starts processes of ours: half of what a start costs is reading the same sources again. */
const compiled = { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/muster-compile") };
const never = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  test: {
    pool: "forks",
    // No assertion of speed: see the file of these constants.
    testTimeout: TEST_MAX_MS,
    hookTimeout: TEST_MAX_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
    // Otherwise one processor is left free, which is half of a machine of two.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/**/*.test.{ts,tsx}", "tests/**/*.test.ts"],
          exclude: [...never, ...levels.sql, ...levels.e2e],
        },
      },
      {
        extends: true,
        test: {
          name: "sql",
          include: places(levels.sql),
          exclude: never,
          globalSetup: "packages/store/src/testing/setup.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: places(levels.e2e),
          exclude: [...never, ...levels.browser],
          env: compiled,
          // Behind the short ones, which are wrong sooner.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: places(levels.browser),
          exclude: never,
          env: compiled,
          // A browser takes both processors and much memory: one file at a time, and nothing beside it.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
