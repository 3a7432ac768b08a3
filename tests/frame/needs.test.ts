// What the tests need is installed as root or asked for in one sentence, never skipped in silence.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ensure, needsOf, withoutCluster } from "../../scripts/quality/needs.ts";

const absent = { purpose: "a test of its own", debianPackage: "absent-tool", isThere: () => false };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("what the tests need", () => {
  test("is git at least, and what is there is left alone", async () => {
    expect(needsOf(["tests/frame"]).map((need) => need.debianPackage)).toEqual(["git"]);
    await ensure([{ ...absent, isThere: () => true }]);
  });

  test("is a database's programs for the tests that use one, and a browser for those that do", () => {
    expect(needsOf(["packages/store"]).map((need) => need.debianPackage)).toEqual(["git", "postgresql"]);
    expect(needsOf(["tests/cli/postgres"]).map((need) => need.debianPackage)).toEqual(["git", "postgresql"]);
    expect(needsOf([]).map((need) => need.debianPackage)).toEqual(["git", "iproute2", "chromium", "postgresql"]);
    expect(needsOf(["tests/cli/network"]).map((need) => need.debianPackage)).toEqual(["git", "iproute2"]);
  });

  test("leaves no database service behind, unless somebody has chosen otherwise", () => {
    const folder = mkdtempSync(join(tmpdir(), "muster-needs-"));
    try {
      const file = join(folder, "postgresql-common", "createcluster.conf");
      withoutCluster(join(folder, "postgresql-common"));
      expect(readFileSync(file, "utf8")).toBe("create_main_cluster = false\n");
      writeFileSync(file, "ssl = on\n");
      withoutCluster(join(folder, "postgresql-common"));
      expect(readFileSync(file, "utf8")).toBe("ssl = on\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("EXP-1 is asked for in one sentence when this is not root", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    await expect(ensure([absent])).rejects.toThrow(
      "The tests need absent-tool for a test of its own: install it (on Debian: apt-get install absent-tool).",
    );
  });
});
