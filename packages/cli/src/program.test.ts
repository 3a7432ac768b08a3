// The command line without a hub: what is understood, what is refused, and with which exit code.
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram, run } from "./program.ts";
import { testShell } from "./testing/shell.ts";

const outcome = async (...args: string[]) => {
  const shell = testShell();
  const exitCode = await run(shell, args);
  return { exitCode, stdout: shell.stdout(), stderr: shell.stderr() };
};

const allCommands = (command: Command): Command[] => command.commands.flatMap((each) => [each, ...allCommands(each)]);

const program = () => createProgram(testShell(), { exitWith: () => {}, usageError: () => {} });

const pathOf = (command: Command): string[] =>
  command.parent === null ? [] : [...pathOf(command.parent), command.name()];

describe("the command line", () => {
  test("EXP-4 has help with an example for every command", async () => {
    const commands = allCommands(await program());
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands) {
      const { exitCode, stdout } = await outcome(...pathOf(command), "--help");
      expect(exitCode, pathOf(command).join(" ")).toBe(0);
      expect(stdout, pathOf(command).join(" ")).toContain(`\nExamples:\n  $ muster ${pathOf(command).join(" ")}`);
    }
  });

  test.each([
    ["hello\n", "That is no link of an invite."],
    ["http://hub/join#token=short\n", "The token at the link's end is cut off"],
    [null, "What is on standard input is too long for a link."],
  ])("EXP-3 takes an invite from standard input, where no list of processes shows it: %j", async (input, words) => {
    const shell = testShell({ readInput: () => Promise.resolve(input) });
    expect(await run(shell, ["join", "-"])).toBe(2);
    expect(shell.stderr()).toContain(words);
    expect(shell.stderr()).not.toContain("token=short");
  });

  test("EXP-4 asks whether a similar command was meant", async () => {
    const { exitCode, stderr } = await outcome("thread", "lst");
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      "Error: unknown command 'lst' (Did you mean list?)\n  See `muster thread --help`. (validation_failed)\n",
    );
  });

  test("EXP-4 names the commands of a group that does something by itself when one is mistyped", async () => {
    for (const [group, mistyped] of [
      ["nodes", "revok"],
      ["invite", "lst"],
    ] as const) {
      const { exitCode, stderr } = await outcome(group, mistyped, "laptop");
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`Error: unknown command '${mistyped}' of \`muster ${group}\`, which has `);
      expect(stderr).toContain("revoke");
      expect(stderr).not.toContain("arguments");
    }
  });

  test("EXP-4 answers a wrong use with exit code 2, and as JSON where JSON is wanted", async () => {
    const { exitCode, stdout, stderr } = await outcome("thread", "new", "--mode", "nothing", "--json");
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "validation_failed", exitCode: 2 } });
  });

  test("takes the options of all commands before and behind the command", async () => {
    for (const args of [
      ["--json", "version"],
      ["version", "--json"],
    ]) {
      const { stdout } = await outcome(...args);
      expect(JSON.parse(stdout)).toMatchObject({ version: "0.1.0" });
    }
  });

  test("says where no hub was found and how to start one", async () => {
    const { exitCode, stderr } = await outcome("status", "--home", "/nowhere/at/all");
    expect(exitCode).toBe(6);
    expect(stderr).toContain("No hub runs with the home /nowhere/at/all.");
    expect(stderr).toContain("(hub_unreachable)");
  });

  test("refuses an address that is none before it calls it", async () => {
    const { exitCode, stderr } = await outcome("status", "--url", "ftp://example.org");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("no address of a hub");
  });

  test("refuses to let plain HTTP leave this machine, and says what to do", async () => {
    const { exitCode, stderr } = await outcome("up", "--host", "0.0.0.0");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("can be reached from the network");
    expect(stderr).toContain("--public-url https://");
    expect(stderr).toContain("--trust-network");
  });

  test("EXP-11 repeats no token of a link that came with too much beside it", async () => {
    const { exitCode, stderr } = await outcome("join", "http://hub:7600/join#token=AbCdEfGh_-0123", "please");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("#token=…");
    expect(stderr).not.toContain("AbCdEfGh");
  });

  test("EXP-11 refuses the beginning of an entry's id for a page of the audit, which would start over without a word", async () => {
    const { exitCode, stderr } = await outcome("audit", "--before", "01a20108");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("the whole id of an entry");
  });

  test("refuses a port that is none, given or from the environment", async () => {
    expect((await outcome("up", "--port", "65536")).exitCode).toBe(2);
    const shell = testShell({ env: { MUSTER_PORT: "many" } });
    expect(await run(shell, ["up", "--workspace-root", "/"])).toBe(2);
    expect(shell.stderr()).toContain('MUSTER_PORT is "many"');
  });
});
