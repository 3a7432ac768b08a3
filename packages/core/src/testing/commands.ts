// Commands and journal entries for tests: each builder fills in what a test is not about. Ids are plain words, so that
// a failing test can be read.
import type {
  CheckpointRef,
  ClientCommand,
  ClientCommandType,
  CommandId,
  IngestEntry,
  InternalCommand,
  MessageId,
  NodeId,
  ProjectId,
  SessionId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { ClientCommand as ClientCommandSchema, InternalCommand as InternalCommandSchema } from "@muster/contracts";

type CommandOf<Type extends ClientCommandType> = Extract<ClientCommand, { type: Type }>;

let commandNumber = 0;

/** A client's command as the HTTP layer hands it over: parsed, defaults filled in, with a commandId of its own. */
export const command = <Type extends ClientCommandType>(
  type: Type,
  fields: Readonly<Record<string, unknown>>,
): CommandOf<Type> => {
  commandNumber += 1;
  return ClientCommandSchema.parse({ commandId: `command-${commandNumber}`, ...fields, type }) as CommandOf<Type>;
};

export const createProject = (fields: Readonly<Record<string, unknown>> = {}): CommandOf<"project.create"> =>
  command("project.create", {
    projectId: "project",
    sessionId: "session",
    nodeId: "node",
    title: "A project",
    workspaceRoot: "/work/project",
    ...fields,
  });

export const createThread = (fields: Readonly<Record<string, unknown>> = {}): CommandOf<"thread.create"> =>
  command("thread.create", {
    threadId: "thread",
    projectId: "project",
    title: "A thread",
    provider: "sample",
    branch: null,
    worktreePath: null,
    runtimeMode: "approval-required",
    ...fields,
  });

/** A turn `name` with its message `name-message`. */
export const startTurn = (
  name: string,
  fields: Readonly<Record<string, unknown>> & { readonly text?: string } = {},
): CommandOf<"thread.turn.start"> => {
  const { text = `Please do ${name}.`, ...rest } = fields;
  return command("thread.turn.start", {
    threadId: "thread",
    turnId: name,
    message: { messageId: `${name}-message`, role: "user", text },
    ...rest,
  });
};

/** What a node reports, parsed as the uplink parses it. */
export const internal = <Type extends InternalCommand["type"]>(
  type: Type,
  fields: Readonly<Record<string, unknown>> = {},
): Extract<InternalCommand, { type: Type }> =>
  InternalCommandSchema.parse({ threadId: "thread", ...fields, type }) as Extract<InternalCommand, { type: Type }>;

export const delta = (offset: number, text: string, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.message.assistant.delta", { turnId: "turn", messageId: "answer", offset, text, ...fields });

export const complete = (offset: number, text: string, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.message.assistant.complete", { turnId: "turn", messageId: "answer", offset, text, ...fields });

export const settle = (turnId: string, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.turn.settle", { turnId, status: "completed", reason: null, detail: null, ...fields });

export const activity = (kind: string, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.activity.append", { turnId: "turn", tone: "info", kind, summary: kind, payload: {}, ...fields });

export const askApproval = (requestId: string, fields: Readonly<Record<string, unknown>> = {}) =>
  activity("approval.requested", {
    tone: "approval",
    payload: {
      requestId,
      kind: "command",
      title: "May I?",
      options: [{ decision: "accept", label: "Yes" }],
    },
    ...fields,
  });

export const refOf = (turnCount: number, threadId = "thread"): CheckpointRef =>
  `refs/muster/checkpoints/${threadId}/turn/${turnCount}` as CheckpointRef;

export const finishDiff = (turnId: string, turnCount: number, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.turn.diff.complete", {
    turnId,
    turnCount,
    checkpointRef: refOf(turnCount),
    status: "ready",
    files: [],
    diff: `diff of ${turnCount}`,
    truncated: false,
    ...fields,
  });

export const finishRevert = (turnCount: number, fields: Readonly<Record<string, unknown>> = {}) =>
  internal("thread.revert.complete", { turnCount, mode: "both", safetyRef: null, files: [], error: null, ...fields });

/** Journal entries in a row, the first with the given sequence. */
export const entries = (firstSequence: number, commands: readonly InternalCommand[]): IngestEntry[] =>
  commands.map((one, index) => ({
    sequence: firstSequence + index,
    command: one,
    correlationId: null,
    createdAt: "2026-01-01T00:00:00.000Z",
  }));

/** Plain words as the ids they stand for. */
export const id = {
  thread: "thread" as ThreadId,
  project: "project" as ProjectId,
  session: "session" as SessionId,
  node: "node" as NodeId,
  turn: (name: string) => name as TurnId,
  message: (name: string) => name as MessageId,
  command: (name: string) => name as CommandId,
} as const;
