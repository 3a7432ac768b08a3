// Which commands are loaded for a first argument.
import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "./program.ts";
import { testShell } from "./testing/shell.ts";

const namesFor = async (firstArgument?: string): Promise<string[]> => {
  const program = await createProgram(testShell(), { exitWith: () => {}, usageError: () => {} }, firstArgument);
  return program.commands.map((command: Command) => command.name());
};

test("a command loads its own group alone", async () => {
  const all = await namesFor();
  expect(all.length).toBeGreaterThan(20);
  for (const name of all) {
    const loaded = await namesFor(name);
    expect(loaded, name).toContain(name);
    expect(loaded.length, name).toBeLessThan(4);
  }
});

test.each(["--version", "-V"])("%s loads no other group than that of the version", async (option) => {
  expect(await namesFor(option)).toEqual(await namesFor("version"));
});

test.each(["help", "--help", "--home", "statsu", "toString"])(
  "%s loads all groups, in the order of the help",
  async (word) => {
    expect(await namesFor(word)).toEqual(await namesFor());
  },
);
