// Doctor is for what is broken, so it says that itself is met by it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Check } from "../doctor/machine.ts";
import { run } from "../program.ts";
import { testShell } from "../testing/shell.ts";

test("EXP-5 doctor tells a note about the joined hub that cannot be read among the rest, with what to do", async () => {
  const home = mkdtempSync(join(tmpdir(), "muster-doctor-"));
  try {
    mkdirSync(join(home, "daemon"));
    writeFileSync(join(home, "daemon/hub.json"), "{");
    const shell = testShell();
    expect(await run(shell, ["doctor", "--home", home, "--json"])).toBe(4);
    const { checks } = JSON.parse(shell.stdout()) as { checks: Check[] };
    expect(checks.map(({ name }) => name)).toEqual(["runtime", "git", "home", "joined"]);
    expect(checks.at(-1)).toMatchObject({ state: "fail", advice: expect.stringContaining("join anew") });
  } finally {
    rmSync(home, { recursive: true });
  }
});
