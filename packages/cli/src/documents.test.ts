// What is told to be typed can be typed: every command of the documents, of the help's examples, of the error table and of this
// program's own advice is one that the command line takes, with these options.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERRORS } from "@muster/contracts";
import { type Command, CommanderError } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "./program.ts";
import { testShell } from "./testing/shell.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  ...globSync("docs/*.md", { cwd: root }),
];

/** The words of a command as a shell takes them, up to where it goes into a file or another command. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (/^(#|\||>|<$|&&|;)/.test(word)) break;
    words.push(word.replaceAll(/["']/g, ""));
  }
  return words;
}

/** Behind the name of the command, by whichever way it is called; null for a line that calls another program. */
function argumentsOf(line: string): string[] | null {
  const called = /^(?:\w+=\S+ )*(?:muster|npm run -s muster --|npm start --)(?= |$)/.exec(line)?.[0];
  if (called === undefined) return line.trim() === "npm start" ? ["up"] : null;
  const words = wordsOf(line.slice(called.length));
  return called.endsWith("npm start --") ? ["up", ...words] : words;
}

const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];

/** What the command line has against it: commander's code, or null. Nothing is done. */
async function objection(args: readonly string[]): Promise<string | null> {
  const program = await createProgram(testShell(), { exitWith: () => {}, usageError: () => {} });
  program.configureOutput({ writeErr: () => {} });
  for (const command of all(program))
    if (command.commands.length === 0 || command.name() === "files") command.action(() => {});
  try {
    await program.parseAsync(args, { from: "user" });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version have been given.
    return error.exitCode === 0 ? null : error.code;
  }
}

/** In prose a command is often named without what it needs, and a group for all of its commands. */
const NAMED_ONLY = new Set<string | null>([
  "commander.missingArgument",
  "commander.optionMissingArgument",
  "commander.help",
]);
const namedOnly = async (args: readonly string[]): Promise<string | null> => {
  // As usages have it: `[name]` may be left out.
  const code = await objection(args.filter((arg) => !/^\[.*\]$/.test(arg)));
  return NAMED_ONLY.has(code) ? null : code;
};

const linesOf = (text: string): string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) => block.split("\n"));
/** A source with what it puts into its texts, and without the beginnings of templates. */
const textsOf = (source: string): string =>
  source.replaceAll(/\$\{[^}]*\}/g, "given").replaceAll("(`muster", "(muster");

const spansOf = (text: string): string[] =>
  [...text.matchAll(/\\?`(muster [^`\\…][^`\\]*|npm run -s muster -- [^`\\…<][^`\\]*)\\?`/g)].map(
    ([, span = ""]) => span,
  );

describe("a line of a document", () => {
  test.each(["README.md", "docs/second-machine.md", "docs/postgresql.md"])(
    "EXP-4 that calls muster in %s is taken by the command line",
    async (path) => {
      const lines = linesOf(read(path)).flatMap((line) => {
        const args = argumentsOf(line);
        return args === null ? [] : [{ line, args }];
      });
      expect(lines.length).toBeGreaterThan(1);
      for (const { line, args } of lines) expect(await objection(args), line).toBeNull();
    },
  );

  test("EXP-4 names commands and options that there are", async () => {
    const spans = DOCUMENTS.flatMap((path) => spansOf(read(path)));
    expect(spans.length).toBeGreaterThan(20);
    for (const span of spans) expect(await namedOnly(argumentsOf(span) ?? []), span).toBeNull();
  });
});

describe("advice", () => {
  test("EXP-4 of the error table names commands that there are", async () => {
    const spans = Object.values(ERRORS).flatMap(({ hint }) => spansOf(hint));
    expect(spans.length).toBeGreaterThan(20);
    for (const span of spans) expect(await namedOnly(argumentsOf(span) ?? []), span).toBeNull();
  });

  test("EXP-4 of this program names commands that there are", async () => {
    const sources = globSync("packages/cli/src/**/*.ts", { cwd: root }).filter((path) => !path.endsWith(".test.ts"));
    const spans = sources.flatMap((path) => spansOf(textsOf(read(path))));
    expect(spans.length).toBeGreaterThan(20);
    for (const span of spans) expect(await namedOnly(argumentsOf(span) ?? []), span).toBeNull();
  });

  test("EXP-4 of every help is an example that the command line takes", async () => {
    const program = await createProgram(testShell(), { exitWith: () => {}, usageError: () => {} });
    for (const command of all(program)) {
      let help = "";
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      for (const [, line = ""] of help.matchAll(/^ {2}\$ (muster .*)$/gm))
        expect(await objection(argumentsOf(line) ?? []), line).toBeNull();
    }
  });
});
