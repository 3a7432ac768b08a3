// files, files show: what lies in a project's folder, on whichever machine that is.
import { isAbsolute, relative } from "node:path";
import { FILE_TREE_DEPTH_MAX, MusterError, type ProjectRow } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { connect, type Hub } from "../hub.ts";
import { contentOutput, treeText } from "../output/files.ts";
import { oneLine } from "../output/text.ts";
import { chooseProject, readEverything } from "../reads.ts";
import { wholeNumber } from "./thread.ts";

interface FilesOptions {
  readonly project?: string;
  readonly ignored?: boolean;
}

export function addFileCommands({ program, context }: Registry): void {
  const files = program
    .command("files")
    .description("list the files of a project, asked of its machine")
    .argument("[path]", "folder, from the project's own; `./show` for one of that name")
    .option("--project <id>", "project by id or title; the one of this folder when absent")
    .option("--depth <number>", `how many folders deep, at most ${FILE_TREE_DEPTH_MAX}`, wholeNumber, 1)
    .option("--ignored", "with what git ignores")
    .addHelpText("after", examples("files", "files src --depth 3", "files --project Shop --json"))
    .action((path: string | undefined, options: FilesOptions & { depth: number }, command: Command) =>
      listFiles(context(command), path ?? "", options),
    );
  files
    .command("show")
    .description("print a file of a project as it is")
    .argument("<path>", "file, from the project's folder")
    .option("--project <id>", "project by id or title; the one of this folder when absent")
    .option("--ignored", "also one that git ignores")
    .addHelpText(
      "after",
      examples("files show README.md", "files show logo.png > copy.png", "files show .env --ignored --project Shop"),
    )
    .action((path: string, _options: FilesOptions, command: Command) =>
      // The group has options of the same names, and takes them first.
      showFile(context(command), path, command.optsWithGlobals<FilesOptions>()),
    );
}

async function projectOf(context: Context, hub: Hub, given: string | undefined): Promise<ProjectRow> {
  const { projects } = await readEverything(hub);
  return chooseProject(context, projects, given);
}

/** A path as a person pastes it: from the root of the disk, where that leads into the project's folder. */
function pathIn({ workspaceRoot }: ProjectRow, path: string): string {
  if (!isAbsolute(path)) return path;
  const way = relative(workspaceRoot, path);
  if (isAbsolute(way) || way === ".." || way.startsWith("../"))
    throw new MusterError("file_not_allowed", `${path} does not lie in ${workspaceRoot}, the project's folder.`);
  return way;
}

/** Where git cannot tell what it ignores, the table's advice would be to make a folder that is there. */
async function advised<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking;
  } catch (error) {
    const reason = error instanceof MusterError ? error.details?.["reason"] : undefined;
    if (!(error instanceof MusterError) || typeof reason !== "string" || !reason.startsWith("git_")) throw error;
    const advice = "Mend the repository, or see all files with --ignored.";
    throw refusal(error.code, error.message, advice, error.details);
  }
}

async function listFiles(
  context: Context,
  path: string,
  { project: given, depth, ignored = false }: FilesOptions & { readonly depth: number },
): Promise<void> {
  if (depth < 1 || depth > FILE_TREE_DEPTH_MAX)
    throw new MusterError("validation_failed", `--depth is a number from 1 to ${FILE_TREE_DEPTH_MAX}.`);
  const hub = connect(context);
  const project = await projectOf(context, hub, given);
  const { projectId } = project;
  const tree = await advised(hub.api.node.files.tree({ projectId, path: pathIn(project, path), depth, ignored }));
  const { paint } = context;
  const title = `${paint("bold", oneLine(project.title))} ${paint("dim", oneLine(`${project.workspaceRoot}/${tree.path}`))}`;
  context.voice.answer({
    json: { projectId, ...tree },
    text: `${title}\n${treeText(tree, paint)}`,
    quiet: tree.entries.map((entry) => entry.path),
  });
}

async function showFile(
  context: Context,
  path: string,
  { project: given, ignored = false }: FilesOptions,
): Promise<void> {
  const hub = connect(context);
  const project = await projectOf(context, hub, given);
  const { projectId } = project;
  const file = await advised(hub.api.node.files.read({ projectId, path: pathIn(project, path), ignored }));
  if (context.voice.isJson) context.voice.answer({ json: { projectId, ...file }, text: "" });
  else context.shell.out.write(contentOutput(file, context.shell.out.isTerminal));
}
