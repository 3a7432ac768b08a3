// Decides commands of a project: (state, command, context) → events or a typed refusal. Pure.
import type { ClientCommand, ProjectId } from "@muster/contracts";
import type { DecidedEvent, Decision, DecisionContext } from "./context.ts";
import { refuse, requireWorkingNode } from "./context.ts";
import { settleAndClear } from "./settle.ts";
import type { ProjectState } from "./state.ts";
import { isInsideRoots } from "./workspace.ts";

export type ProjectCommand = Extract<ClientCommand, { projectId: ProjectId; type: `project.${string}` }>;

export function decideProject(state: ProjectState | null, command: ProjectCommand, context: DecisionContext): Decision {
  const decided = (event: DecidedEvent["event"]): Decision => ({
    events: [{ aggregateKind: "project", streamId: command.projectId, event }],
  });
  if (command.type === "project.create") {
    if (state !== null) refuse("project_exists");
    if (!context.sessionIsActive) refuse("node_not_attached");
    requireWorkingNode(context);
    allowWorkspace(command.workspaceRoot, context);
    const { sessionId, nodeId, title, workspaceRoot } = command;
    return decided({
      eventType: "project.created",
      payload: { sessionId, nodeId, title, workspaceRoot, defaultModel: command.defaultModel ?? null },
    });
  }
  if (state === null || state.isDeleted) refuse("project_not_found");
  if (command.type === "project.meta.update") {
    const { title, workspaceRoot, defaultModel, scripts } = command;
    if (title === undefined && workspaceRoot === undefined && defaultModel === undefined && scripts === undefined) {
      refuse("validation_failed", "Name at least one field to change: title, workspaceRoot, defaultModel or scripts.");
    }
    if (workspaceRoot !== undefined) allowWorkspace(workspaceRoot, context);
    return decided({
      eventType: "project.meta-updated",
      payload: {
        ...(title === undefined ? {} : { title }),
        ...(workspaceRoot === undefined ? {} : { workspaceRoot }),
        ...(defaultModel === undefined ? {} : { defaultModel }),
        ...(scripts === undefined ? {} : { scripts }),
      },
    });
  }
  const isForced = command.force ?? false;
  if (context.liveThreads.length > 0 && !isForced) {
    refuse("project_has_threads", undefined, { threadCount: context.liveThreads.length });
  }
  const events: DecidedEvent[] = [];
  for (const { threadId, state: thread } of context.liveThreads) {
    const settled = settleAndClear(thread, "project_deleted", context);
    for (const event of settled) events.push({ aggregateKind: "thread", streamId: threadId, event });
    events.push({ aggregateKind: "thread", streamId: threadId, event: { eventType: "thread.deleted", payload: {} } });
  }
  events.push({
    aggregateKind: "project",
    streamId: command.projectId,
    event: { eventType: "project.deleted", payload: { force: isForced } },
  });
  return { events };
}

function allowWorkspace(workspaceRoot: string, context: DecisionContext): void {
  const roots = context.node?.workspaceRoots ?? null;
  if (roots !== null && !isInsideRoots(workspaceRoot, roots)) {
    refuse("workspace_not_allowed", `The node does not allow work in ${workspaceRoot}.`, {
      workspaceRoot,
      workspaceRoots: [...roots],
    });
  }
}
