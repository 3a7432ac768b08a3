// Deciders as sentences: given events, when a command comes, then these events or this refusal. The facts around a
// stream are those of a project whose node is attached and online, unless a test says otherwise.
import type {
  ClientCommand,
  EventPayload,
  EventType,
  InternalCommand,
  NewEvent,
  NodeId,
  ProjectId,
  SessionId,
} from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import {
  type Actor,
  type Decision,
  type DecisionContext,
  decideInternal,
  decideProject,
  decideThread,
  EMPTY_CONTEXT,
  evolveProject,
  evolveThread,
  type NodeFacts,
  type ProjectState,
  type ThreadState,
} from "../index.ts";

export const CLIENT: Actor = { kind: "client", id: "owner" };
export const HUB: Actor = { kind: "server", id: "hub" };
export const NODE: Actor = { kind: "provider", id: "node", nodeId: "node" as NodeId };

export const ATTACHED: NodeFacts = {
  isAttached: true,
  isReadOnly: false,
  isSuspended: false,
  isOnline: true,
  workspaceRoots: null,
  providers: null,
};

export const PROJECT: ProjectState = {
  sessionId: "session" as SessionId,
  nodeId: "node" as NodeId,
  workspaceRoot: "/work/project",
  isDeleted: false,
};

/** A fact, as a decider returns it. */
export const event = <Type extends EventType>(eventType: Type, payload: EventPayload<Type>): NewEvent =>
  ({ eventType, payload }) as NewEvent;

export const threadCreated = event("thread.created", {
  projectId: "project" as ProjectId,
  title: "A thread",
  provider: "sample",
  model: null,
  branch: null,
  worktreePath: null,
  runtimeMode: "approval-required",
});

export const projectCreated = event("project.created", {
  sessionId: "session" as SessionId,
  nodeId: "node" as NodeId,
  title: "A project",
  workspaceRoot: "/work/project",
  defaultModel: null,
});

export const foldThread = (events: readonly NewEvent[]): ThreadState | null =>
  events.reduce<ThreadState | null>(evolveThread, null);
export const foldProject = (events: readonly NewEvent[]): ProjectState | null =>
  events.reduce<ProjectState | null>(evolveProject, null);

export interface Outcome {
  readonly decision: Decision | null;
  /** The code of the refusal, or null. */
  readonly refused: string | null;
  readonly events: readonly NewEvent[];
  readonly types: readonly string[];
}

const outcomeOf = (decide: () => Decision): Outcome => {
  try {
    const decision = decide();
    const events = decision.events.map((decided) => decided.event);
    return { decision, refused: null, events, types: events.map(({ eventType }) => eventType) };
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    return { decision: null, refused: error.code, events: [], types: [] };
  }
};

type ThreadClientCommand = Parameters<typeof decideThread>[1];
const isProjectCommand = (command: ClientCommand): command is Parameters<typeof decideProject>[1] =>
  command.type.startsWith("project.");

/** Decides a client's command on the stream that the events make. */
export const decideClient = (
  given: readonly NewEvent[],
  command: ClientCommand,
  context: Partial<DecisionContext> = {},
): Outcome => {
  const whole: DecisionContext = { ...EMPTY_CONTEXT, actor: CLIENT, project: PROJECT, node: ATTACHED, ...context };
  return outcomeOf(() =>
    isProjectCommand(command)
      ? decideProject(foldProject(given), command, whole)
      : decideThread(foldThread(given), command as ThreadClientCommand, whole),
  );
};

/** Decides what a node, or with another actor the hub, reports. */
export const decideReport = (
  given: readonly NewEvent[],
  command: InternalCommand,
  context: Partial<DecisionContext> = {},
): Outcome => {
  const whole: DecisionContext = { ...EMPTY_CONTEXT, actor: NODE, project: PROJECT, ...context };
  return outcomeOf(() => decideInternal(foldThread(given), command, whole));
};
