// One batch of one space: decides work in order on the state that earlier work left, and gathers everything that
// commits with it (events, projections, receipts, effects, cursors) into a single write of data. Nothing here is
// visible to anyone before the store has committed it.
import type { CommandId, EventId, IngestEntry, InternalCommand, SpaceId, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import {
  type Clock,
  type DecidedEvent,
  type Decision,
  type DecisionContext,
  decideInternal,
  decideProject,
  decideThread,
  EMPTY_CONTEXT,
  evolveProject,
  evolveThread,
  type Ids,
  isoTime,
  openedApproval,
  type ProjectState,
  type ThreadState,
} from "@muster/core";
import type { Store } from "@muster/store";
import { BatchTraces } from "./batch-traces.ts";
import { BatchWrite } from "./batch-write.ts";
import { type EventTemplate, pendingEvent } from "./event-log.ts";
import { FactReader } from "./facts.ts";
import { receiptOutcome } from "./receipts.ts";
import {
  loadProject,
  loadThread,
  projectKey,
  type StateCache,
  type StreamKey,
  threadKey,
  type Versioned,
} from "./stream-states.ts";
import { type ClientWork, type HubWork, type IngestWork, opensBatch } from "./work.ts";

const WRITING_ROLES: ReadonlySet<string> = new Set(["owner", "collaborator", "runtime_contributor"]);

export interface BatchParts {
  readonly store: Store;
  readonly cache: StateCache;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly generation: string;
}

interface Overlay {
  readonly kind: "project" | "thread";
  readonly id: string;
  /** As read, before this batch: what the append must still find. */
  readonly baseVersion: number;
  version: number;
  state: ProjectState | ThreadState | null;
}

export class BatchDecision {
  readonly #parts: BatchParts;
  readonly #spaceId: SpaceId;
  readonly #now: string;
  readonly #facts: FactReader;
  readonly #overlays = new Map<StreamKey, Overlay>();
  readonly #firstByCommandId = new Map<CommandId, ClientWork>();
  readonly #traces = new BatchTraces();
  readonly write: BatchWrite;

  constructor(parts: BatchParts, spaceId: SpaceId) {
    this.#parts = parts;
    this.#spaceId = spaceId;
    this.#now = isoTime(parts.clock.now());
    this.#facts = new FactReader(parts.store, spaceId);
    this.write = new BatchWrite(parts, spaceId, this.#now);
  }

  get isEmpty(): boolean {
    return this.#overlays.size === 0 && this.write.isEmpty;
  }

  /** Decides a client's command; its answer waits for the commit, except where a stored receipt answers it. */
  async decideClient(work: ClientWork): Promise<void> {
    const { command } = work;
    const earlier = this.#firstByCommandId.get(command.commandId);
    if (earlier !== undefined) {
      if (earlier.fingerprint !== work.fingerprint)
        return this.write.onCommit(() => work.reject(new MusterError("command_id_reused")));
      return this.write.follow(earlier, work);
    }
    const stored = await receiptOutcome(this.#facts, this.#spaceId, work);
    if (stored !== null) {
      return this.write.onCommit(() =>
        stored instanceof MusterError
          ? work.reject(stored)
          : work.resolve({ ...stored, generation: this.#parts.generation }),
      );
    }
    const aggregate =
      "projectId" in command && command.type.startsWith("project.")
        ? { kind: "project" as const, id: command.projectId as string }
        : { kind: "thread" as const, id: (command as { threadId: ThreadId }).threadId as string };
    let decision: Decision;
    try {
      const context = await this.#clientContext(work);
      decision = await this.#decideClientCommand(work, context);
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      if (error instanceof Unauthorized) return this.write.onCommit(() => work.reject(error));
      this.#firstByCommandId.set(command.commandId, work);
      return this.write.rejectClient(work, aggregate, error);
    }
    this.#firstByCommandId.set(command.commandId, work);
    const metadata = command.clientCreatedAt === undefined ? {} : { clientCreatedAt: command.clientCreatedAt };
    const last = await this.#append(decision, {
      actorKind: work.actor.kind,
      actorId: work.actor.id,
      commandId: command.commandId,
      correlationId: command.commandId,
      metadata,
    });
    this.write.acceptClient(work, aggregate, last);
  }

  /** Decides a command of the hub itself. A refusal is its answer and leaves nothing. */
  async decideHub(work: HubWork): Promise<void> {
    try {
      await this.#internal(work.actor, work.command, work.correlationId, {});
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      return this.write.onCommit(() => work.reject(error));
    }
    this.write.onCommit(() => work.resolve());
  }

  /**
   * Decides entries of a node's journal, at most `limit`, and says how many it took. Entries at or below the cursor are
   * skipped; an entry that is refused is written down as such and passed.
   */
  async decideIngest(work: IngestWork, limit: number): Promise<{ isDone: boolean }> {
    const cursor = await this.#cursorOf(work);
    if (work.firstSequence > cursor + 1) {
      const gap = new MusterError("ingest_gap", undefined, { expected: cursor + 1 });
      this.write.onCommit(() => work.resolve({ lastSequence: cursor, error: gap.toBody() }));
      return { isDone: true };
    }
    let last = cursor;
    let taken = 0;
    for (const entry of work.entries) {
      if (entry.sequence <= cursor) continue;
      if (taken >= limit || (opensBatch(entry.command.type) && !this.isFresh)) break;
      await this.#entry(work, entry);
      last = entry.sequence;
      taken += 1;
    }
    if (last > cursor) this.write.moveCursor(work, last);
    const isDone = last >= (work.entries.at(-1)?.sequence ?? cursor);
    if (isDone) this.write.onCommit(() => work.resolve({ lastSequence: last }));
    return { isDone };
  }

  /** Writes down that the next entry could not be stored, so that it no longer blocks the ones behind it. */
  async passEntry(work: IngestWork): Promise<void> {
    const cursor = await this.#cursorOf(work);
    const entry = work.entries.find(({ sequence }) => sequence > cursor);
    if (entry === undefined) return;
    this.write.refuseEntry(work, entry.sequence, "internal_error");
    this.write.moveCursor(work, entry.sequence);
  }

  /** Nothing has been decided in this batch yet. */
  get isFresh(): boolean {
    return this.write.eventCount === 0;
  }

  /** What the store commits. */
  toBatch() {
    const streams = [...this.#overlays.values()];
    return this.write.toBatch(this.#facts.guards, streams);
  }

  /** After the commit: the cache learns the new states, then everyone is answered. */
  committed(firstSequence: number): void {
    for (const [key, { version, state }] of this.#overlays) this.#parts.cache.set(key, { version, state });
    this.write.answer(firstSequence);
  }

  /** After a conflict or a failure: what was read may be stale. */
  forget(): void {
    for (const key of this.#overlays.keys()) this.#parts.cache.drop(key);
  }

  async #cursorOf(work: IngestWork): Promise<number> {
    const pending = this.write.cursorOf(work);
    if (pending !== undefined) return pending;
    const rows = await this.#facts.guarded(
      "SELECT last_sequence FROM ingest_cursors WHERE space_id = ? AND node_id = ? AND journal_id = ?",
      this.#spaceId,
      work.node.nodeId,
      work.journalId,
    );
    return Number(rows[0]?.["last_sequence"] ?? 0);
  }

  async #entry(work: IngestWork, entry: IngestEntry): Promise<void> {
    try {
      await this.#internal(work.actor, entry.command, entry.correlationId, {
        ingestedAt: this.#now,
        clientCreatedAt: entry.createdAt,
      });
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      this.write.refuseEntry(work, entry.sequence, error.code);
    }
  }

  async #internal(
    actor: HubWork["actor"],
    command: InternalCommand,
    correlationId: CommandId | null,
    metadata: EventTemplate["metadata"],
  ): Promise<void> {
    const thread = await this.#thread(command.threadId);
    const project = thread === null ? null : await this.#project(thread.projectId);
    const facts = await this.#internalFacts(thread, command);
    const decision = decideInternal(thread, command, { ...EMPTY_CONTEXT, actor, project, ...facts });
    await this.#append(decision, {
      actorKind: actor.kind,
      actorId: actor.id,
      commandId: null,
      correlationId,
      metadata,
    });
  }

  /** What a node's report rests on besides its stream. What this batch has written counts before what is stored. */
  async #internalFacts(thread: ThreadState | null, command: InternalCommand): Promise<Partial<DecisionContext>> {
    const { threadId } = command;
    switch (command.type) {
      case "thread.message.assistant.delta":
      case "thread.message.assistant.complete": {
        const { messageId } = command;
        if (thread?.messages.some((message) => message.messageId === messageId)) return {};
        const storedMessage =
          this.#traces.message(threadId, messageId) ?? (await this.#facts.assistantMessage(threadId, messageId));
        if (storedMessage !== null) return { storedMessage };
        return {
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
        return { afterRevert: await this.#facts.afterRevert(command) };
      default:
        return {};
    }
  }

  async #clientContext(work: ClientWork): Promise<DecisionContext> {
    const { command, actor, caller } = work;
    const base: DecisionContext = { ...EMPTY_CONTEXT, actor };
    if (command.type === "project.create") {
      const role = caller.roles.get(command.sessionId);
      if (role === undefined || !WRITING_ROLES.has(role)) throw new Unauthorized("permission_denied");
      const [sessionIsActive, node] = await Promise.all([
        this.#facts.sessionIsActive(command.sessionId),
        this.#facts.node(command),
      ]);
      return { ...base, project: await this.#project(command.projectId), sessionIsActive, node };
    }
    const isOfProject = "projectId" in command;
    const thread = "threadId" in command ? await this.#thread(command.threadId) : null;
    const projectId = isOfProject ? command.projectId : thread?.projectId;
    const project = projectId === undefined ? null : await this.#project(projectId);
    this.#authorize(work, project, isOfProject ? "project_not_found" : "thread_not_found");
    if (project === null) return base;
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
          const state = await this.#thread(threadId);
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
        };
      default:
        return context;
    }
  }

  /** What is not the caller's looks like what does not exist. */
  #authorize(work: ClientWork, project: ProjectState | null, absent: "project_not_found" | "thread_not_found"): void {
    if (project === null) return;
    const role = work.caller.roles.get(project.sessionId);
    if (role === undefined) throw new Unauthorized(absent);
    if (!WRITING_ROLES.has(role)) throw new Unauthorized("permission_denied");
  }

  async #decideClientCommand(work: ClientWork, context: DecisionContext): Promise<Decision> {
    const { command } = work;
    if ("threadId" in command) return decideThread(await this.#thread(command.threadId), command, context);
    return decideProject(await this.#project(command.projectId), command, context);
  }

  /** Gives each event its place and lets the overlay follow. Returns the index of the last one. */
  async #append(
    decision: Decision,
    origin: Pick<EventTemplate, "actorKind" | "actorId" | "commandId" | "correlationId" | "metadata">,
  ): Promise<number> {
    const eventIds: EventId[] = [];
    for (const decided of decision.events) {
      const overlay = await this.#overlayOf(decided);
      const eventId = this.#parts.ids.next() as EventId;
      eventIds.push(eventId);
      const event = pendingEvent(
        {
          ...origin,
          spaceId: this.#spaceId,
          aggregateKind: decided.aggregateKind,
          streamId: decided.streamId,
          streamVersion: overlay.version + 1,
          eventId,
          occurredAt: this.#now,
          causationEventId: decided.causedBy === undefined ? null : (eventIds[decided.causedBy] ?? null),
        },
        decided.event,
      );
      this.#traces.follow(decided);
      overlay.version += 1;
      overlay.state =
        overlay.kind === "project"
          ? evolveProject(overlay.state as ProjectState | null, decided.event)
          : evolveThread(overlay.state as ThreadState | null, decided.event);
      const thread = overlay.kind === "thread" ? (overlay.state as ThreadState | null) : null;
      const project = thread === null ? null : await this.#project(thread.projectId);
      this.write.add(event, project?.nodeId ?? null);
    }
    if (decision.diffBlob !== undefined) this.write.keepDiff(decision.diffBlob);
    return this.write.eventCount - 1;
  }

  async #overlayOf(decided: DecidedEvent): Promise<Overlay> {
    const id = decided.streamId;
    if (decided.aggregateKind === "project") await this.#project(id as never);
    else await this.#thread(id as ThreadId);
    const key =
      decided.aggregateKind === "project"
        ? projectKey(this.#spaceId, id as never)
        : threadKey(this.#spaceId, id as ThreadId);
    const overlay = this.#overlays.get(key);
    if (overlay === undefined) throw new Error(`no state was read for ${key}`);
    return overlay;
  }

  async #project(projectId: Parameters<typeof projectKey>[1]): Promise<ProjectState | null> {
    const { store } = this.#parts;
    const key = projectKey(this.#spaceId, projectId);
    return (await this.#stateOf(key, "project", projectId, () =>
      loadProject(store, this.#spaceId, projectId),
    )) as ProjectState | null;
  }

  async #thread(threadId: ThreadId): Promise<ThreadState | null> {
    const { store } = this.#parts;
    const key = threadKey(this.#spaceId, threadId);
    return (await this.#stateOf(key, "thread", threadId, () =>
      loadThread(store, this.#spaceId, threadId),
    )) as ThreadState | null;
  }

  async #stateOf(
    key: StreamKey,
    kind: "project" | "thread",
    id: string,
    load: () => Promise<Versioned<ProjectState | ThreadState>>,
  ): Promise<ProjectState | ThreadState | null> {
    const known = this.#overlays.get(key);
    if (known !== undefined) return known.state;
    const { version, state } = this.#parts.cache.get(key) ?? (await load());
    this.#overlays.set(key, { kind, id, baseVersion: version, version, state });
    return state;
  }
}

/** A refusal that leaves no receipt: who may do what can change, and then the same command may run. */
class Unauthorized extends MusterError {}
