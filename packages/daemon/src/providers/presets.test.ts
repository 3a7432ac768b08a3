import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { detectAgents, PRESETS, pathLookup, presetConfiguration } from "./index.ts";
import { endAll, temporaryFolder } from "./testing/bench.ts";

afterEach(endAll);
const only =
  (...commands: string[]) =>
  (command: string) =>
    commands.includes(command) ? `/usr/bin/${command}` : undefined;

describe("the agents known by name", () => {
  it("ORC-30 DMN-22 are detected by their command, and each missing one says how to get it", () => {
    const found = detectAgents(only("gemini", "codex-acp"));
    expect(found.map(({ name, found }) => [name, found])).toEqual([
      ["claude", false],
      ["codex", true],
      ["gemini", true],
      ["opencode", false],
      ["sample", true],
    ]);
    expect(found.find((agent) => agent.name === "gemini")).toMatchObject({
      command: "gemini",
      args: ["--acp"],
      path: "/usr/bin/gemini",
    });
    for (const agent of found) expect(agent.installHint).not.toBe("");
  });
  it("ORC-30 are started by their former command where only that is there", () => {
    expect(presetConfiguration("claude", only("claude-code-acp"))?.command).toBe("/usr/bin/claude-code-acp");
    expect(presetConfiguration("claude", only("claude-code-acp", "claude-agent-acp"))?.command).toBe(
      "/usr/bin/claude-agent-acp",
    );
    expect(presetConfiguration("claude", only())?.command).toBe("claude-agent-acp");
    expect(presetConfiguration("nobody", only())).toBeUndefined();
  });
  it("ORC-30 have names of their own, and see only their own keys", () => {
    expect(new Set(PRESETS.map((preset) => preset.name)).size).toBe(PRESETS.length);
    for (const preset of PRESETS)
      for (const pattern of preset.passEnvironment) expect(pattern).toMatch(/^[A-Z][A-Z_]+\*?$/);
  });
});

describe("the lookup on a PATH", () => {
  it("DMN-22 finds the first file that can be executed, and no folder or plain file", async () => {
    const folder = await temporaryFolder();
    for (const name of ["one", "two", "three"]) await mkdir(join(folder, name));
    await mkdir(join(folder, "one", "tool"));
    await writeFile(join(folder, "two", "tool"), "");
    await writeFile(join(folder, "three", "tool"), "");
    await chmod(join(folder, "three", "tool"), 0o755);
    const lookUp = pathLookup(["one", "two", "three"].map((name) => join(folder, name)).join(":"));
    expect(lookUp("tool")).toBe(join(folder, "three", "tool"));
    expect(lookUp("other")).toBeUndefined();
    expect(pathLookup("")(join(folder, "three", "tool"))).toBe(join(folder, "three", "tool"));
    expect(pathLookup(".:relative")("tool")).toBeUndefined();
  });
});
