// Hints run as they are printed: through npm from a clone, by name where the command is installed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { asCalled } from "./called.ts";
import { run } from "./program.ts";
import { testShell } from "./testing/shell.ts";

const NPM = { npm_lifecycle_event: "muster" };

const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

/** A machine whose daemon does not run, of a hub that is away. */
function joinedHome(): string {
  const home = mkdtempSync(join(tmpdir(), "muster-called-"));
  homes.push(home);
  mkdirSync(join(home, "daemon"));
  const names = { spaceId: "space", sessionId: "session", sessionTitle: "Shop", nodeId: "node" };
  const joined = { hubUrl: "http://127.0.0.1:1", ...names, workspaceRoots: ["/"], joinedAt: "" };
  writeFileSync(join(home, "daemon/hub.json"), JSON.stringify(joined));
  return home;
}

const answered = async (env: Record<string, string>, ...args: string[]) => {
  const shell = testShell({ env });
  await run(shell, args);
  return shell.stdout() + shell.stderr();
};

describe("a command in a text", () => {
  test.each([
    ["Make one with `muster thread new`.", "Make one with `npm run -s muster -- thread new`."],
    [
      "\nExamples:\n  $ muster up\n  $ muster nodes",
      "\nExamples:\n  $ npm run -s muster -- up\n  $ npm run -s muster -- nodes",
    ],
    ["a folder named muster here, or `muster`", "a folder named muster here, or `muster`"],
  ])("is told through npm from a clone: %j", (text, told) => {
    expect(asCalled(text, "npm run -s muster --")).toBe(told);
    expect(asCalled(text, "muster")).toBe(text);
  });

  test("EXP-4 is told in one way by refusals, wrong uses, advice and help", async () => {
    const uses = [
      ["thread", "lst"],
      ["join", "hello"],
      ["join", "hello", "--json"],
      ["daemon", "up", "--home", "/nowhere/at/all"],
      ["doctor", "--home", joinedHome()],
      ["session", "--help"],
      ["session"],
    ];
    for (const args of uses) {
      const through = await answered(NPM, ...args);
      expect(through, args.join(" ")).toContain("npm run -s muster -- ");
      expect(through, args.join(" ")).not.toMatch(/`muster |\$ muster /);
      expect(await answered({}, ...args), args.join(" ")).not.toContain("npm run");
    }
  });
});
