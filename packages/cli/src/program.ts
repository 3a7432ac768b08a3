// The command line as a tree: every group of commands adds itself, and one place turns what they throw into words
// and exit codes. `run` never throws and never ends the process.
import type { MusterError } from "@muster/contracts";
import { Command, CommanderError } from "commander";
import { asCalled, calledAs } from "./called.ts";
import { createContext, examples, type GlobalOptions } from "./context.ts";
import { asMusterError, errorAsJson, errorAsText, refusal } from "./errors.ts";
import { addGroups } from "./groups.ts";
import type { Shell } from "./shell.ts";
import { VERSION } from "./version.ts";

const USAGE_EXIT_CODE = 2;

/** Runs the command that the arguments name and answers with its exit code. */
export async function run(shell: Shell, args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const wantsJson = args.includes("--json");
  const usageErrors: string[] = [];
  const reports: ProgramReports = {
    exitWith: (code) => {
      exitCode = code;
    },
    usageError: (text) => usageErrors.push(text),
  };
  const program = await createProgram(shell, reports, args[0]);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      // A group without a command: its help is the answer, and has been given.
      if (thrown.code === "commander.help") return USAGE_EXIT_CODE;
      const text = usageErrors.join("") || thrown.message;
      reportUsage({ shell, program, args, code: thrown.code, text, wantsJson });
      return USAGE_EXIT_CODE;
    }
    const error = asMusterError(thrown);
    tellError(shell, error, wantsJson);
    if (shell.env["MUSTER_DEBUG"]) shell.err.write(`${stackOf(thrown)}\n`);
    return error.row.exitCode;
  }
}

export interface ProgramReports {
  exitWith(code: number): void;
  usageError(text: string): void;
}

/** With the commands that the first argument may call; with all of them where it calls none, or is not given. */
export async function createProgram(
  shell: Shell,
  { exitWith, usageError }: ProgramReports,
  firstArgument?: string,
): Promise<Command> {
  const program = new Command("muster")
    .description("A self-hosted coordination plane for fleets of coding agents.")
    .option("--home <folder>", "where Muster keeps its files (MUSTER_HOME, ~/.muster)")
    .option("--url <address>", "the hub to talk to (MUSTER_URL, the one of this home)")
    .option("--token <token>", "who you are there (MUSTER_TOKEN, the token in this home)")
    .option("--json", "answer as JSON: one object, or one line per row of a stream")
    .option("-q, --quiet", "ids or nothing, for scripts")
    .version(VERSION, "-V, --version", "print the version")
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(shell.out.columns, 100) })
    .configureOutput({
      writeOut: (text) => shell.out.write(asCalled(text, calledAs(shell))),
      writeErr: (text) => shell.err.write(asCalled(text, calledAs(shell))),
      outputError: (text) => usageError(text),
    })
    .addHelpText(
      "after",
      examples("up", "demo", "status", 'turn start "fix the flaky test" --follow', "thread list --help"),
    )
    .exitOverride();
  const registry = {
    shell,
    program,
    context: (command: Command) => createContext(shell, command.optsWithGlobals<GlobalOptions>(), exitWith),
  };
  await addGroups(registry, firstArgument);
  return program;
}

interface UsageReport {
  readonly shell: Shell;
  readonly program: Command;
  readonly args: readonly string[];
  /** Commander's. */
  readonly code: string;
  readonly text: string;
  readonly wantsJson: boolean;
}

/** Commander's words for what was typed wrongly; they name what was probably meant. */
function reportUsage({ shell, program, args, code, text, wantsJson }: UsageReport): void {
  const { command, names, rest } = understood(program, args);
  const given = rest.find((arg) => !arg.startsWith("-"));
  // A group that does something by itself takes a mistyped command for an argument of that.
  const isMistyped = code === "commander.excessArguments" && command.commands.length > 0 && given !== undefined;
  const known = command.commands.map((each) => each.name()).join(", ");
  const message = isMistyped
    ? `unknown command '${given}' of \`${names}\`, which has ${known}`
    : text
        .replace(/^error: /, "")
        .trim()
        .replaceAll("\n", " ")
        // A link in a wrong place is still a secret.
        .replaceAll(/#token=[\w-]+/g, "#token=…");
  tellError(shell, refusal("validation_failed", message, `See \`${names} --help\`.`), wantsJson);
}

function tellError(shell: Shell, error: MusterError, wantsJson: boolean): void {
  const text = wantsJson ? errorAsJson(error) : errorAsText(error, shell.err.paint);
  shell.err.write(asCalled(text, calledAs(shell)));
}

interface Understood {
  readonly command: Command;
  /** As one types it: `muster thread`. */
  readonly names: string;
  /** Behind the last of these names. */
  readonly rest: readonly string[];
}

/** The command that was meant, as far as it was understood. */
function understood(program: Command, args: readonly string[]): Understood {
  let command = program;
  const names = [program.name()];
  let rest = args;
  for (const [at, arg] of args.entries()) {
    const next = command.commands.find((each) => each.name() === arg);
    if (next === undefined) continue;
    names.push(arg);
    command = next;
    rest = args.slice(at + 1);
  }
  return { command, names: names.join(" "), rest };
}

const stackOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.stack}\nCaused by: ${stackOf(error.cause)}`;
};
