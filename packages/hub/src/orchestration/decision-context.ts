// What a decision looks at besides its own stream, command by command: who may give it, and the facts that its rules
// name. What the batch has written so far counts before what is stored.
import type { CommandId, InternalCommand, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type DecisionContext, EMPTY_CONTEXT, openedApproval, type ProjectState, type ThreadState } from "@muster/core";
import type { BatchStreams } from "./batch-streams.ts";
import type { BatchTraces } from "./batch-traces.ts";
import type { FactReader } from "./facts.ts";
import type { ClientWork } from "./work.ts";

const WRITING_ROLES: ReadonlySet<string> = new Set(["owner", "collaborator", "runtime_contributor"]);

/** What lets running work end; nothing else is taken in an archived session. */
const ENDING_COMMANDS: ReadonlySet<ClientWork["command"]["type"]> = new Set([
  "thread.turn.interrupt",
  "thread.turn.cancel-queued",
  "thread.approval.respond",
  "thread.session.stop",
]);

/** A refusal that leaves no receipt: who may do what can change, and then the same command may run. */
export class Unauthorized extends MusterError {}

export class DecisionContexts {
  readonly #facts: FactReader;
  readonly #streams: BatchStreams;
  readonly #traces: BatchTraces;

  constructor(facts: FactReader, streams: BatchStreams, traces: BatchTraces) {
    this.#facts = facts;
    this.#streams = streams;
    this.#traces = traces;
  }

  /** What a node's report rests on besides its stream. What this batch has written counts before what is stored. */
  async ofReport(
    thread: ThreadState | null,
    command: InternalCommand,
    correlationId: CommandId | null,
  ): Promise<Partial<DecisionContext>> {
    const { threadId } = command;
    switch (command.type) {
      case "thread.message.assistant.delta":
      case "thread.message.assistant.complete": {
        const { messageId, turnId } = command;
        if (thread?.messages.some((message) => message.messageId === messageId)) return {};
        const traced = this.#traces.message(threadId, messageId);
        const storedMessage = traced === undefined ? await this.#facts.assistantMessage(threadId, messageId) : traced;
        if (storedMessage !== null) return { storedMessage };
        const isRunning = thread?.running?.turnId === turnId;
        return {
          hasTurnStarted:
            isRunning || (this.#traces.hasStarted(turnId) ?? (await this.#facts.hasTurnStarted(threadId, turnId))),
          isMessageIdUsed: this.#traces.hasMessage(messageId) || (await this.#facts.isMessageIdUsed(messageId)),
        };
      }
      case "thread.turn.diff.complete": {
        const { turnId } = command;
        const known = this.#traces.assistantMessageOf(turnId);
        return { assistantMessageId: known ?? (await this.#facts.assistantMessageOf(threadId, turnId)) };
      }
      case "thread.activity.append": {
        const opened = openedApproval(command);
        if (opened === null) return {};
        const { requestId } = opened;
        return {
          isRequestIdUsed: this.#traces.hasRequest(requestId) || (await this.#facts.isRequestIdUsed(requestId)),
        };
      }
      case "thread.revert.complete":
        return {
          revertStands: await this.#facts.revertStands(command, correlationId),
          ...(thread?.reverting == null ? {} : { afterRevert: await this.#facts.afterRevert(command) }),
          isRevertUndelivered: await this.#isRevertUndelivered(threadId, thread),
        };
      default:
        return {};
    }
  }

  async ofClient(work: ClientWork): Promise<DecisionContext> {
    const { command, actor, caller } = work;
    const base: DecisionContext = { ...EMPTY_CONTEXT, actor };
    if (command.type === "project.create") {
      const role = caller.roles.get(command.sessionId);
      if (role === undefined || !WRITING_ROLES.has(role)) throw new Unauthorized("permission_denied");
      if (caller.archivedSessions.has(command.sessionId)) throw new Unauthorized("session_archived");
      const [sessionIsActive, node] = await Promise.all([
        this.#facts.sessionIsActive(command.sessionId),
        this.#facts.node(command),
      ]);
      return { ...base, project: await this.#streams.project(command.projectId), sessionIsActive, node };
    }
    const isOfProject = "projectId" in command;
    const thread = "threadId" in command ? await this.#streams.thread(command.threadId) : null;
    const projectId = isOfProject ? command.projectId : thread?.projectId;
    const found = projectId === undefined ? null : await this.#streams.project(projectId);
    const project = this.#authorize(work, found, isOfProject ? "project_not_found" : "thread_not_found");
    const context: DecisionContext = { ...base, project };
    switch (command.type) {
      case "project.meta.update":
      case "thread.create":
      case "thread.checkpoint.revert":
        return {
          ...context,
          node: await this.#facts.node(project),
          checkpoint: command.type === "thread.checkpoint.revert" ? await this.#facts.checkpoint(command) : null,
        };
      case "project.delete": {
        const threadIds = await this.#facts.liveThreadIds(command.projectId);
        const liveThreads: { threadId: ThreadId; state: ThreadState }[] = [];
        for (const threadId of threadIds) {
          const state = await this.#streams.thread(threadId);
          if (state !== null && !state.isDeleted) liveThreads.push({ threadId, state });
        }
        return { ...context, liveThreads };
      }
      case "thread.turn.start":
        return {
          ...context,
          node: await this.#facts.node(project),
          isTurnIdUsed: this.#traces.hasTurn(command.turnId) || (await this.#facts.isTurnIdUsed(command.turnId)),
          isMessageIdUsed:
            this.#traces.hasMessage(command.message.messageId) ||
            (await this.#facts.isMessageIdUsed(command.message.messageId)),
        };
      case "thread.turn.interrupt":
        return {
          ...context,
          node: await this.#facts.node(project),
          isStartUndelivered:
            thread?.running != null && (await this.#facts.isStartUndelivered(command.threadId, thread.running.turnId)),
          isRevertUndelivered: await this.#isRevertUndelivered(command.threadId, thread),
        };
      case "thread.session.stop":
      case "thread.archive":
      case "thread.delete":
        return { ...context, isRevertUndelivered: await this.#isRevertUndelivered(command.threadId, thread) };
      default:
        return context;
    }
  }

  async #isRevertUndelivered(threadId: ThreadId, thread: ThreadState | null): Promise<boolean> {
    return thread?.reverting != null && (await this.#facts.isRevertUndelivered(threadId));
  }

  /** What is not the caller's looks like what was never there, also to someone who sends the same command twice. */
  #authorize(
    work: ClientWork,
    project: ProjectState | null,
    absent: "project_not_found" | "thread_not_found",
  ): ProjectState {
    const role = project === null ? undefined : work.caller.roles.get(project.sessionId);
    if (project === null || role === undefined) throw new Unauthorized(absent);
    if (!WRITING_ROLES.has(role)) throw new Unauthorized("permission_denied");
    const { caller, command } = work;
    if (caller.archivedSessions.has(project.sessionId) && !ENDING_COMMANDS.has(command.type))
      throw new Unauthorized("session_archived");
    return project;
  }
}
