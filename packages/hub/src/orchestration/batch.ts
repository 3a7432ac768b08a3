// One batch of one space: decides work in order on the state that earlier work left, and gathers everything that
// commits with it (events, projections, receipts, effects, cursors) into a single write of data. Nothing here is
// visible to anyone before the store has committed it.
import type {
  CommandId,
  ErrorCode,
  EventId,
  InternalCommand,
  JournalId,
  NodeId,
  PrincipalId,
  ReceivedEntry,
  SpaceId,
  ThreadId,
  TurnId,
  UnreadableEntry,
} from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import {
  type Clock,
  type Decision,
  type DecisionContext,
  decideInternal,
  decideProject,
  decideThread,
  EMPTY_CONTEXT,
  type Ids,
  isoTime,
  type ProjectState,
  type Reporter,
} from "@muster/core";
import { pick, type Store, select, text } from "@muster/store";
import { HUB_TABLES, messageIdUse, ofSpace, turnIdUse } from "../schema/index.ts";
import type { AppendGuard } from "./append-guard.ts";
import { BatchStreams } from "./batch-streams.ts";
import { BatchTraces } from "./batch-traces.ts";
import { BatchWrite } from "./batch-write.ts";
import { DecisionContexts, Unauthorized } from "./decision-context.ts";
import { type EventTemplate, pendingEvent } from "./event-log.ts";
import type { ReadEvent } from "./event-reader.ts";
import { FactReader } from "./facts.ts";
import { receiptOf, receiptOutcome } from "./receipts.ts";
import type { StateCache } from "./stream-states.ts";
import { type ClientWork, type HubWork, type IngestWork, opensBatch, type Work } from "./work.ts";

/** The last entry of a node's journal that the hub has taken; no row before the first. */
export const ingestCursorOf = select({
  request: { ...ofSpace, nodeId: text<NodeId>(), journalId: text<JournalId>() },
  row: pick(HUB_TABLES.ingest_cursors, "last_sequence"),
  sql: "SELECT last_sequence FROM ingest_cursors WHERE space_id = :spaceId AND node_id = :nodeId AND journal_id = :journalId",
});

export interface BatchParts {
  readonly store: Store;
  readonly cache: StateCache;
  readonly readEvent: ReadEvent;
  readonly appendGuard: AppendGuard;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly generation: string;
  /** Stands for the hub itself in the log. */
  readonly hubPrincipalId: PrincipalId;
}

export class BatchDecision {
  readonly #parts: BatchParts;
  readonly #spaceId: SpaceId;
  readonly #now: string;
  readonly #facts: FactReader;
  readonly #streams: BatchStreams;
  readonly #contexts: DecisionContexts;
  readonly #firstByCommandId = new Map<CommandId, ClientWork>();
  readonly #traces = new BatchTraces();
  readonly write: BatchWrite;

  constructor(parts: BatchParts, spaceId: SpaceId) {
    this.#parts = parts;
    this.#spaceId = spaceId;
    this.#now = isoTime(parts.clock.now());
    this.#facts = new FactReader(parts.store, spaceId);
    this.#streams = new BatchStreams(parts, spaceId);
    this.#contexts = new DecisionContexts(this.#facts, this.#streams, this.#traces);
    this.write = new BatchWrite(parts, spaceId, this.#now);
  }

  /**
   * Reads what the works will be decided on, all together, so that a batch costs a few round trips and not a few per
   * command. Decides nothing: whatever is missing is read when it is asked for.
   */
  async prepare(works: readonly Work[]): Promise<void> {
    const { dialect } = this.#parts.store;
    const commands = works.flatMap((work) => (work.kind === "client" ? [work.command] : []));
    if (commands.length < 2) return;
    const queries = commands.flatMap((command) => [
      receiptOf(dialect, { spaceId: this.#spaceId, commandId: command.commandId }),
      ...(command.type === "thread.turn.start"
        ? [
            turnIdUse(dialect, { spaceId: this.#spaceId, id: command.turnId }),
            messageIdUse(dialect, { spaceId: this.#spaceId, id: command.message.messageId }),
          ]
        : []),
    ]);
    const threadIds = new Set(commands.flatMap((command) => ("threadId" in command ? [command.threadId] : [])));
    // A read that fails here fails again where its command asks for it, and there it has someone to tell.
    await Promise.allSettled([
      this.#facts.prefetch(queries),
      ...[...threadIds].map((threadId) => this.#streams.prefetchThread(threadId)),
    ]);
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
      const context = await this.#contexts.ofClient(work);
      decision = await this.#decideClientCommand(work, context);
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      if (error instanceof Unauthorized) return this.write.onCommit(() => work.reject(error));
      this.#firstByCommandId.set(command.commandId, work);
      return this.write.rejectClient(work, aggregate, error);
    }
    this.#firstByCommandId.set(command.commandId, work);
    const metadata = command.clientCreatedAt === undefined ? {} : { clientCreatedAt: command.clientCreatedAt };
    const last = await this.#append(
      decision,
      {
        actorKind: work.actor.kind,
        actorId: work.actor.id,
        commandId: command.commandId,
        correlationId: command.commandId,
        metadata,
      },
      command.traceparent,
    );
    this.write.acceptClient(work, aggregate, last);
  }

  /** Decides a command of the hub itself. A refusal is its answer and leaves nothing. */
  async decideHub(work: HubWork): Promise<void> {
    try {
      if (work.condition !== undefined && (await this.#facts.guardedQuery(work.condition)).length === 0)
        throw new MusterError("concurrency_conflict");
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
    if (work.entries.some((entry, index) => entry.sequence !== work.firstSequence + index)) {
      const message = "The entries of a journal batch are numbered one after the other, from firstSequence.";
      this.write.onCommit(() => work.reject(new MusterError("validation_failed", message)));
      return { isDone: true };
    }
    if (work.firstSequence > cursor + 1) {
      const gap = new MusterError("ingest_gap", undefined, { expected: cursor + 1 });
      this.write.onCommit(() => work.resolve({ lastSequence: cursor, error: gap.toBody() }));
      return { isDone: true };
    }
    let last = cursor;
    let taken = 0;
    for (const entry of work.entries) {
      if (entry.sequence <= cursor) continue;
      if (taken >= limit || (entry.command !== null && opensBatch(entry.command.type) && !this.isFresh)) break;
      await this.#entry(work, entry);
      last = entry.sequence;
      taken += 1;
    }
    if (last > cursor) this.write.moveCursor(work, last);
    const isDone = last >= (work.entries.at(-1)?.sequence ?? cursor);
    if (isDone) this.write.onCommit(() => work.resolve({ lastSequence: last }));
    return { isDone };
  }

  /**
   * Writes down that the next entry could not be stored, so that it no longer blocks the ones behind it, and tells its
   * thread, unless that cannot be stored either.
   */
  async passEntry(work: IngestWork, { isTold }: { readonly isTold: boolean }): Promise<void> {
    const cursor = await this.#cursorOf(work);
    const entry = work.entries.find(({ sequence }) => sequence > cursor);
    if (entry === undefined) return;
    this.write.refuseEntry(work, entry.sequence, "internal_error");
    this.write.moveCursor(work, entry.sequence);
    if (isTold) await this.#tellPassed(work, entry, "internal_error");
  }

  /** Nothing has been decided in this batch yet. */
  get isFresh(): boolean {
    return this.write.eventCount === 0;
  }

  /** What the store commits. */
  toBatch() {
    return this.write.toBatch([...this.#facts.guards, ...this.#streams.guards]);
  }

  /** After the commit: the cache learns the new states, then everyone is answered. */
  committed(firstSequence: number): void {
    this.#streams.committed();
    this.write.answer(firstSequence);
  }

  /** After a conflict or a failure: what was read may be stale. */
  forget(): void {
    this.#streams.forget();
  }

  async #cursorOf(work: IngestWork): Promise<number> {
    const pending = this.write.cursorOf(work);
    if (pending !== undefined) return pending;
    const { nodeId } = work.node;
    const { journalId } = work;
    const [row] = await this.#facts.guarded(ingestCursorOf, { spaceId: this.#spaceId, nodeId, journalId });
    return row?.last_sequence ?? 0;
  }

  async #entry(work: IngestWork, entry: ReceivedEntry): Promise<void> {
    if (entry.command === null) {
      this.write.refuseEntry(work, entry.sequence, "validation_failed");
      return this.#tellPassed(work, entry, "validation_failed");
    }
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

  /** Says in the thread that something of it is missing, and ends the turn whose end that was. */
  async #tellPassed(work: IngestWork, entry: ReceivedEntry, code: ErrorCode): Promise<void> {
    const { threadId, turnId, type } = entry.command === null ? entry.about : aboutOf(entry.command);
    if (threadId === null) return;
    const thread = await this.#streams.thread(threadId);
    const project = thread === null ? null : await this.#streams.project(thread.projectId);
    // A node is heard on threads of its own projects only, also about what it could not say.
    if (project === null || project.nodeId !== work.node.nodeId) return;
    const reporter = await this.#reporter(work.actor, project);
    if (reporter === "revoked" || (reporter === "suspended" && (turnId ?? "") !== thread?.latestTurnId)) return;
    const activity = {
      type: "thread.activity.append",
      threadId,
      turnId,
      tone: "error",
      kind: "ingest.rejected",
      summary: "Something that the machine reported could not be stored and is missing here",
      payload: { type, sequence: entry.sequence, journalId: work.journalId, code },
    } as const;
    const actor = { kind: "server", id: this.#parts.hubPrincipalId } as const;
    try {
      await this.#internal(actor, activity, null, { ingestedAt: this.#now });
      // The node tells the end of a turn once: without it the turn would run for ever.
      if (type === "thread.turn.settle" && turnId !== null)
        await this.#internal(actor, endOf(entry, { threadId, turnId }), null, {});
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
    }
  }

  async #internal(
    actor: HubWork["actor"],
    command: InternalCommand,
    correlationId: CommandId | null,
    metadata: EventTemplate["metadata"],
  ): Promise<void> {
    const thread = await this.#streams.thread(command.threadId);
    const project = thread === null ? null : await this.#streams.project(thread.projectId);
    const [reporter, facts] = await Promise.all([
      this.#reporter(actor, project),
      this.#contexts.ofReport(thread, command, correlationId),
    ]);
    const decision = decideInternal(thread, command, { ...EMPTY_CONTEXT, actor, project, reporter, ...facts });
    await this.#append(decision, {
      actorKind: actor.kind,
      actorId: actor.id,
      commandId: null,
      correlationId,
      metadata,
    });
  }

  /** Asked of the project's own node only: any other is refused whatever became of it. */
  async #reporter(actor: HubWork["actor"], project: ProjectState | null): Promise<Reporter> {
    if (actor.kind !== "provider" || project === null || actor.nodeId !== project.nodeId) return "heard";
    return this.#facts.reporter(project);
  }

  async #decideClientCommand(work: ClientWork, context: DecisionContext): Promise<Decision> {
    const { command } = work;
    if ("threadId" in command) return decideThread(await this.#streams.thread(command.threadId), command, context);
    return decideProject(await this.#streams.project(command.projectId), command, context);
  }

  /** Gives each event its place and lets the overlay follow. Returns the index of the last one. */
  async #append(
    decision: Decision,
    origin: Pick<EventTemplate, "actorKind" | "actorId" | "commandId" | "correlationId" | "metadata">,
    traceparent?: string,
  ): Promise<number> {
    const eventIds: EventId[] = [];
    for (const decided of decision.events) {
      const streamVersion = await this.#streams.evolve(decided);
      this.#traces.follow(decided);
      const eventId = this.#parts.ids.next() as EventId;
      eventIds.push(eventId);
      const event = pendingEvent(
        {
          ...origin,
          spaceId: this.#spaceId,
          aggregateKind: decided.aggregateKind,
          streamId: decided.streamId,
          streamVersion,
          eventId,
          occurredAt: this.#now,
          causationEventId: decided.causedBy === undefined ? null : (eventIds[decided.causedBy] ?? null),
        },
        decided.event,
      );
      const thread =
        decided.aggregateKind === "thread" ? await this.#streams.thread(decided.streamId as ThreadId) : null;
      const project = thread === null ? null : await this.#streams.project(thread.projectId);
      this.write.add(event, project?.nodeId ?? null, traceparent);
    }
    if (decision.diffBlob !== undefined) this.write.keepDiff(decision.diffBlob);
    return this.write.eventCount - 1;
  }
}

const aboutOf = (command: InternalCommand): UnreadableEntry["about"] => ({
  type: command.type,
  threadId: command.threadId,
  turnId: "turnId" in command ? command.turnId : null,
});

/** A turn's end without its details, which may be what could not be stored or read. */
const endOf = (entry: ReceivedEntry, turn: { readonly threadId: ThreadId; readonly turnId: TurnId }) =>
  ({
    type: "thread.turn.settle",
    ...turn,
    ...(entry.command?.type === "thread.turn.settle"
      ? { status: entry.command.status, reason: entry.command.reason }
      : { status: "error" as const, reason: "end_unreadable" }),
    detail: null,
  }) as const;
