// project add, project list: the folders that threads work in.
import { realpathSync } from "node:fs";
import { basename, resolve } from "node:path";
import { MusterError, type NodeSummary, type ProjectId, type ProjectRow } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { nameOfNode, newestSlots } from "../nodes.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";
import { chooseNode, projectsHere, readEverything } from "../reads.ts";
import { sessionIdOf } from "../sessions.ts";

type ProjectPlace = Pick<ProjectRow, "projectId" | "workspaceRoot">;

interface AddOptions {
  readonly title?: string;
  readonly node?: string;
  readonly session?: string;
}

export function addProjectCommands({ program, context }: Registry): void {
  const project = program
    .command("project")
    .description("the folders that threads work in")
    .addHelpText("after", examples("project add .", "project list"));
  project
    .command("add")
    .description("make a folder a project")
    .argument("<path>", "the folder; on another machine than this one, its absolute path there")
    .option("--title <title>", "what to call it; the folder's name when absent")
    .option("--node <id>", "the machine it is on; this one, else the only one that is online when absent")
    .option("--session <id>", "a machine of this session, by id or title; the machine's own session when absent")
    .addHelpText("after", examples("project add .", 'project add ~/src/shop --title "Shop"'))
    .action((path: string, options: AddOptions, command: Command) => addProject(context(command), path, options));
  project
    .command("list")
    .description("list the projects")
    .addHelpText("after", examples("project list", "project list --json"))
    .action((_options: object, command: Command) => listProjects(context(command)));
}

/** The folder's real path where it is on this machine, so that a link does not lead out of the allowed folders. */
function folderOf(context: Context, path: string): string {
  const absolute = resolve(context.shell.currentFolder, path);
  try {
    return realpathSync(absolute);
  } catch {
    return absolute;
  }
}

async function addProject(context: Context, path: string, options: AddOptions): Promise<void> {
  const hub = connect(context);
  const [{ nodes }, sessionId, { projects }] = await Promise.all([
    hub.api.nodes.list(),
    sessionIdOf(hub, options.session),
    readEverything(hub),
  ]);
  const offered = nodes.filter((each) => sessionId === null || each.sessionId === sessionId);
  const node = chooseNode(offered, options.node, hub.address.nodeId);
  const workspaceRoot = folderOf(context, path);
  const present = projects.find((project) => project.workspaceRoot === workspaceRoot && project.nodeId === node.nodeId);
  if (present) {
    throw refusal(
      "project_exists",
      `${workspaceRoot} is the project "${present.title}" already.`,
      `Use it: \`muster thread new --project ${shortId(present.projectId)}\`.`,
      {
        projectId: present.projectId,
      },
    );
  }
  const projectId = hub.ids.next() as ProjectId;
  const title = options.title ?? (basename(workspaceRoot) || workspaceRoot);
  const { nodeId } = node;
  await allowed(
    hub.dispatch({ type: "project.create", projectId, sessionId: node.sessionId, nodeId, title, workspaceRoot }),
    node,
  );
  context.voice.answer({
    json: { projectId, title, workspaceRoot, nodeId: node.nodeId, sessionId: node.sessionId },
    text: `${context.paint("green", "✓")} ${oneLine(title)} is a project now ${context.paint("dim", `(${shortId(projectId)}, ${oneLine(workspaceRoot)})`)}\n`,
    quiet: [projectId],
  });
  context.voice.note(`Next: ${context.muster} ${threadCommand(context, projects, { projectId, workspaceRoot })}`);
}

/** Opens a thread in that project: by itself it takes the innermost one around the folder one is in, else the only one. */
export function threadCommand(context: Context, others: readonly ProjectPlace[], project: ProjectPlace): string {
  const isMeant = others.length === 0 || projectsHere(context, [...others, project])[0] === project;
  return isMeant ? "thread new" : `thread new --project ${shortId(project.projectId)}`;
}

/** Says where the machine lets projects lie when it is asked for another place. */
export async function allowed<Answer>(asking: Promise<Answer>, node: NodeSummary): Promise<Answer> {
  try {
    return await asking;
  } catch (error) {
    const roots = (node.capabilities.workspaceRoots ?? []).map(oneLine);
    if (!(error instanceof MusterError) || error.code !== "workspace_not_allowed" || roots.length === 0) throw error;
    throw refusal(
      error.code,
      error.message,
      `On ${nameOfNode(node)} projects lie below ${roots.join(", ")}; for others start its daemon with --workspace-root.`,
      error.details,
    );
  }
}

async function listProjects(context: Context): Promise<void> {
  const hub = connect(context);
  const [{ projects, threads }, { nodes }] = await Promise.all([readEverything(hub), hub.api.nodes.list()]);
  const { paint, shell, width } = context;
  const rows = projects.map((project) => {
    const own = threads.filter(({ projectId }) => projectId === project.projectId);
    const machine = newestSlots(nodes).find(({ nodeId }) => nodeId === project.nodeId)?.capabilities.hostname;
    return [
      oneLine(project.title),
      oneLine(project.workspaceRoot),
      oneLine(machine ?? shortId(project.nodeId)),
      String(own.length),
      ago(own[0]?.updatedAt ?? project.updatedAt, shell.now()),
      paint("dim", shortId(project.projectId)),
    ];
  });
  const columns = [
    { title: "PROJECT" },
    { title: "FOLDER", isFlexible: true },
    { title: "MACHINE" },
    { title: "THREADS", align: "right", spare: 2 },
    { title: "CHANGED", spare: 1 },
    { title: "ID" },
  ] as const;
  context.voice.answer({
    json: { projects },
    text: projects.length === 0 ? "No project yet.\n" : table({ columns, rows, width, paint }),
    quiet: projects.map(({ projectId }) => projectId),
  });
  if (projects.length === 0) context.voice.note(`Next: ${context.muster} project add <path>`);
}
