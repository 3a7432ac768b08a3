// What several commands look up: threads, projects and nodes by what a person gave, or the one that is obviously meant.
import { isAbsolute, relative } from "node:path";
import type {
  ApprovalRow,
  MusterError,
  NodeSummary,
  ProjectRow,
  ThreadId,
  ThreadSummary,
  ThreadWindow,
  TurnRow,
} from "@muster/contracts";
import type { Context } from "./context.ts";
import { refusal } from "./errors.ts";
import type { Hub } from "./hub.ts";
import { fitsId, isWholeId, matchId, shortId } from "./ids.ts";
import { type AnyNode, isActiveSlot, isInNoSession, nameOfNode, newestSlots } from "./nodes.ts";

/** More than anyone reads; beyond it a whole id is needed. */
const PAGES_MAX = 25;

export interface Everything {
  readonly projects: readonly ProjectRow[];
  /** Latest change first. */
  readonly threads: readonly ThreadSummary[];
}

export async function readEverything(hub: Hub, filter: { archived?: boolean } = {}): Promise<Everything> {
  const projects = new Map<string, ProjectRow>();
  const threads: ThreadSummary[] = [];
  let before: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const snapshot = await hub.api.orchestration.getSnapshot({
      ...(filter.archived === undefined ? {} : { archived: filter.archived }),
      ...(before === undefined ? {} : { before }),
    });
    for (const project of snapshot.projects) projects.set(project.projectId, project);
    threads.push(...snapshot.threads);
    if (!snapshot.page.hasMore || snapshot.page.before === null) break;
    before = snapshot.page.before;
  }
  threads.sort((first, second) =>
    first.updatedAt < second.updatedAt ? 1 : first.updatedAt > second.updatedAt ? -1 : 0,
  );
  return { projects: [...projects.values()].filter((project) => project.deletedAt === null), threads };
}

const isInside = (folder: string, root: string): boolean => {
  const way = relative(root, folder);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
};

/** The projects whose folder holds the one the person stands in, innermost first. */
export const projectsHere = <Project extends Pick<ProjectRow, "workspaceRoot">>(
  context: Context,
  projects: readonly Project[],
): Project[] =>
  projects
    .filter(({ workspaceRoot }) => isInside(context.shell.currentFolder, workspaceRoot))
    .sort((first, second) => second.workspaceRoot.length - first.workspaceRoot.length);

/** The thread with that id, archived or not; without one the latest thread of the project here, else of all. */
export async function resolveThread(context: Context, hub: Hub, given: string | undefined): Promise<ThreadId> {
  if (given !== undefined && isWholeId(given)) return given as ThreadId;
  const { projects, threads } = await readEverything(hub);
  if (given !== undefined) {
    const wanted = { given, noun: "thread", missing: "thread_not_found" } as const;
    const choices = threads.map(({ threadId, title }) => ({ id: threadId, title }));
    if (choices.some(({ id }) => fitsId(id, given))) return matchId(wanted, choices).id;
    const { threads: archived } = await readEverything(hub, { archived: true });
    return matchId(
      wanted,
      archived.map(({ threadId, title }) => ({ id: threadId, title })),
    ).id;
  }
  const here = new Set(projectsHere(context, projects).map(({ projectId }) => projectId));
  const latest = threads.find(({ projectId }) => here.has(projectId)) ?? threads[0];
  if (latest === undefined) {
    throw refusal("thread_not_found", "There is no thread yet.", "Make one with `muster thread new`.");
  }
  return latest.threadId;
}

/** The project with that id or title; without one the project of this folder, else the only one. */
export function chooseProject(
  context: Context,
  projects: readonly ProjectRow[],
  given: string | undefined,
): ProjectRow {
  if (given !== undefined) {
    const choices = projects.map((project) => ({ ...project, id: project.projectId }));
    return matchId({ given, noun: "project", named: "title", missing: "project_not_found" }, choices);
  }
  const chosen = projectsHere(context, projects)[0] ?? (projects.length === 1 ? projects[0] : undefined);
  if (chosen) return chosen;
  if (projects.length === 0) {
    throw refusal("project_not_found", "There is no project yet.", "Add a folder with `muster project add <path>`.");
  }
  throw refusal(
    "validation_failed",
    `There are ${projects.length} projects, and none of them is the folder you are in.`,
    "Name one with --project; `muster project list` shows them.",
    { projects: projects.map(({ projectId }) => projectId) },
  );
}

/**
 * The machine with that id or host name; without one this machine, else the only one that may work, or the only one of those
 * that is online. `here`: this machine's id, where it is one of the hub's.
 */
export function chooseNode(
  slots: readonly NodeSummary[],
  given: string | undefined,
  here: string | null = null,
): NodeSummary {
  const nodes = newestSlots(slots);
  if (given !== undefined) return matchNode(nodes, given);
  const working = nodes.filter(isActiveSlot);
  const own = working.find(({ nodeId }) => nodeId === here);
  if (own !== undefined) return own;
  const online = working.filter(({ health }) => health !== "offline");
  const [only, ...others] = online.length === 1 ? online : working;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw refusal(
      "node_not_attached",
      "No machine is attached to this hub.",
      "Start one with `muster up`, or let one in with `muster invite`; `muster nodes` shows those that were.",
    );
  throw severalMachines(working);
}

/** The machine with that id or host name, of those that are listed once each. */
export function matchNode<Node extends AnyNode>(nodes: readonly Node[], given: string): Node {
  const named = nodes.filter(({ capabilities }) => capabilities.hostname === given);
  // Of machines of one name, as those have that joined anew, the one that may work.
  const [only, ...others] =
    named.length > 1 ? named.filter((node) => !isInNoSession(node) && isActiveSlot(node)) : named;
  if (only && others.length === 0) return only;
  if (named.length > 1) throw severalMachines(named);
  const choices = nodes.map((node) => ({ node, id: node.nodeId, title: node.capabilities.hostname ?? "unnamed" }));
  return matchId({ given, noun: "machine", named: "host name", missing: "node_not_attached" }, choices).node;
}

const severalMachines = (nodes: readonly AnyNode[]): MusterError =>
  refusal(
    "validation_failed",
    `${nodes.length} machines could be meant: ${nodes.map((node) => `${nameOfNode(node)} (${shortId(node.nodeId)})`).join(", ")}.`,
    "Name one by its id; `muster nodes` shows them.",
    { nodes: nodes.map(({ nodeId }) => nodeId) },
  );

export interface PendingApproval {
  readonly approval: ApprovalRow;
  readonly thread: ThreadSummary;
}

/** Every question that waits for an answer, oldest first. */
export async function pendingApprovals(hub: Hub): Promise<PendingApproval[]> {
  const { threads } = await readEverything(hub);
  const waiting = threads.filter(({ pendingApprovalCount }) => pendingApprovalCount > 0);
  const windows = await Promise.all(
    // The newest window holds what waits for an answer, however small it is.
    waiting.map(({ threadId }) => hub.api.orchestration.getThread({ threadId, turnLimit: 1 })),
  );
  return windows
    .flatMap(({ approvals }, index) => {
      const thread = waiting[index];
      if (thread === undefined) return [];
      return approvals.filter(({ status }) => status === "pending").map((approval) => ({ approval, thread }));
    })
    .sort((first, second) => (first.approval.createdAt < second.approval.createdAt ? -1 : 1));
}

/** The turn that runs, else the latest one. */
export const currentTurn = ({ turns, thread }: ThreadWindow): TurnRow | undefined =>
  turns.find(({ status }) => status === "running") ??
  turns.find(({ turnId }) => turnId === thread.latestTurnId) ??
  turns.at(-1);
