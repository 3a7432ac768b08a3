// Everything one batch writes, gathered in memory and turned into the statements of a single transaction: events with
// their projections and cursors, receipts, effects, diff text, journal cursors. Answers are kept back until it commits.
import type {
  DispatchResult,
  EffectId,
  ErrorCode,
  JournalId,
  MusterEvent,
  NodeId,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type DiffBlob, effectOf, projectAll, type RowOperation, settledTurnOf, TURN_EFFECTS } from "@muster/core";
import type { AllocatedNumber, Batch, Guard, NewRow, Statement } from "@muster/store";
import { allocatable, change, insertInto, integer, text } from "@muster/store";
import { HUB_TABLES, ofThread, ofTurn } from "../schema/index.ts";
import type { BatchParts } from "./batch.ts";
import { appendStatements, type PendingEvent } from "./event-log.ts";
import { projectionStatements } from "./projection-writer.ts";
import type { ClientWork, IngestWork } from "./work.ts";

interface Aggregate {
  readonly kind: "project" | "thread";
  readonly id: string;
}

const {
  checkpoint_diff_blobs: diffBlobs,
  ingest_cursors: cursors,
  ingest_rejected: refused,
  orchestration_command_receipts: receipts,
  orchestration_effects: effects,
} = HUB_TABLES;

const moveProjectors = change({
  request: { sequence: allocatable(), at: text() },
  sql: "UPDATE projection_state SET last_applied_sequence = :sequence, updated_at = :at",
});

const dropDiffs = change({
  request: { ...ofThread, turnCount: integer() },
  sql: `DELETE FROM checkpoint_diff_blobs
    WHERE space_id = :spaceId AND thread_id = :threadId AND to_turn_count > :turnCount`,
});

const cancelEffects = change({
  request: { ...ofTurn, at: text() },
  sql: `UPDATE orchestration_effects SET status = 'cancelled', updated_at = :at
    WHERE space_id = :spaceId AND thread_id = :threadId AND turn_id = :turnId
    AND status IN ('pending', 'running') AND kind IN (${TURN_EFFECTS.map((kind) => `'${kind}'`).join(", ")})`,
});

/** A revert that was given up must not reach its node any more. */
const cancelRevert = change({
  request: { ...ofThread, at: text() },
  sql: `UPDATE orchestration_effects SET status = 'cancelled', updated_at = :at
    WHERE space_id = :spaceId AND thread_id = :threadId
    AND status IN ('pending', 'running') AND kind = 'node.checkpoint.revert'`,
});

const CURSOR_MOVES = {
  conflict: { update: ["last_sequence", "updated_at"], on: ["space_id", "node_id", "journal_id"] },
} as const;

const DIFF_REPLACES = {
  conflict: {
    update: ["diff", "truncated", "created_at"],
    on: ["space_id", "thread_id", "from_turn_count", "to_turn_count"],
  },
} as const;

export class BatchWrite {
  readonly #parts: BatchParts;
  readonly #spaceId: SpaceId;
  readonly #now: string;
  readonly #events: PendingEvent[] = [];
  readonly #operations: RowOperation[] = [];
  readonly #effects: NewRow<typeof effects>[] = [];
  readonly #receipts: NewRow<typeof receipts>[] = [];
  readonly #refused: NewRow<typeof refused>[] = [];
  readonly #later: Statement[] = [];
  readonly #diffs = new Map<string, DiffBlob>();
  readonly #cursors = new Map<string, { nodeId: NodeId; journalId: JournalId; lastSequence: number }>();
  readonly #answers: ((firstSequence: number) => void)[] = [];
  readonly #outcomes = new Map<ClientWork, { readonly index: number } | MusterError>();

  constructor(parts: BatchParts, spaceId: SpaceId, now: string) {
    this.#parts = parts;
    this.#spaceId = spaceId;
    this.#now = now;
  }

  get eventCount(): number {
    return this.#events.length;
  }

  get hasEffects(): boolean {
    return this.#effects.length > 0;
  }

  /** An event with what follows from it. `nodeId` is where its effect goes, with the trace context it was asked in. */
  add(event: PendingEvent, nodeId: NodeId | null, traceparent?: string): void {
    const index = this.#events.push(event) - 1;
    this.#operations.push(...projectAll(event));
    this.#addEffect(event, index, nodeId, traceparent);
    this.#addChanges(event);
  }

  keepDiff(blob: DiffBlob): void {
    this.#diffs.set(`${blob.threadId}/${blob.fromTurnCount}/${blob.toTurnCount}`, blob);
  }

  acceptClient(work: ClientWork, aggregate: Aggregate, index: number): void {
    this.#receipt(work, aggregate, { allocated: index }, "accepted", null);
    this.#outcomes.set(work, { index });
    this.#answers.push((firstSequence) => work.resolve(this.#result(firstSequence + index, "accepted")));
  }

  rejectClient(work: ClientWork, aggregate: Aggregate, error: MusterError): void {
    this.#receipt(work, aggregate, 0, "rejected", JSON.stringify(error.toBody()));
    this.#outcomes.set(work, error);
    this.#answers.push(() => work.reject(error));
  }

  /** The same command twice in one batch: the second gets the first one's answer. */
  follow(first: ClientWork, work: ClientWork): void {
    const outcome = this.#outcomes.get(first);
    this.#answers.push((firstSequence) => {
      if (outcome instanceof MusterError || outcome === undefined)
        work.reject(outcome ?? new MusterError("internal_error"));
      else work.resolve(this.#result(firstSequence + outcome.index, "duplicate"));
    });
  }

  refuseEntry(work: IngestWork, sequence: number, code: ErrorCode): void {
    this.#refused.push({
      space_id: this.#spaceId,
      node_id: work.node.nodeId,
      journal_id: work.journalId,
      sequence,
      code,
      at: this.#now,
    });
  }

  moveCursor(work: IngestWork, lastSequence: number): void {
    const key = `${work.node.nodeId}\0${work.journalId}`;
    this.#cursors.set(key, { nodeId: work.node.nodeId, journalId: work.journalId, lastSequence });
  }

  /** Where this batch has moved the cursor of a journal, if it has. */
  cursorOf(work: IngestWork): number | undefined {
    return this.#cursors.get(`${work.node.nodeId}\0${work.journalId}`)?.lastSequence;
  }

  onCommit(answer: () => void): void {
    this.#answers.push(answer);
  }

  answer(firstSequence: number): void {
    for (const answer of this.#answers) answer(firstSequence);
  }

  toBatch(facts: readonly Guard[]): Batch {
    const { dialect } = this.#parts.store;
    const count = this.#events.length;
    const statements: Statement[] = [
      ...appendStatements(dialect, this.#events),
      ...projectionStatements(dialect, this.#spaceId, this.#operations),
      ...insertInto(dialect, HUB_TABLES, "orchestration_command_receipts", this.#receipts),
      ...insertInto(dialect, HUB_TABLES, "orchestration_effects", this.#effects),
      ...this.#later,
      ...insertInto(dialect, HUB_TABLES, "checkpoint_diff_blobs", this.#diffRows(), DIFF_REPLACES),
      ...insertInto(dialect, HUB_TABLES, "ingest_rejected", this.#refused, { conflict: "ignore" }),
      ...insertInto(dialect, HUB_TABLES, "ingest_cursors", this.#cursorRows(), CURSOR_MOVES),
    ];
    if (count > 0) statements.push(moveProjectors(dialect, { sequence: { allocated: count - 1 }, at: this.#now }));
    const { appendGuard } = this.#parts;
    const guards = [...facts];
    if (count > 0) guards.push(appendGuard.ofAppend());
    else if (statements.length > 0) guards.push(appendGuard.ofRefusal());
    return {
      guards,
      ...(count > 0 ? { allocation: { table: "orchestration_events", column: "sequence", count } } : {}),
      statements,
    };
  }

  #result(sequence: number, receipt: DispatchResult["receipt"]): DispatchResult {
    return { generation: this.#parts.generation, sequence, receipt };
  }

  #receipt(
    work: ClientWork,
    aggregate: Aggregate,
    sequence: number | AllocatedNumber,
    status: "accepted" | "rejected",
    error: string | null,
  ): void {
    const { command, fingerprint } = work;
    this.#receipts.push({
      space_id: this.#spaceId,
      command_id: command.commandId,
      command_type: command.type,
      request_fingerprint: fingerprint,
      aggregate_kind: aggregate.kind,
      aggregate_id: aggregate.id,
      accepted_at: this.#now,
      result_sequence: sequence,
      status,
      error_json: error,
    });
  }

  #addEffect(event: PendingEvent, index: number, nodeId: NodeId | null, traceparent: string | undefined): void {
    const intent = effectOf(event as MusterEvent);
    if (intent === null || nodeId === null) return;
    const turnId = intent.payload["turnId"];
    this.#effects.push({
      space_id: this.#spaceId,
      effect_id: this.#parts.ids.next() as EffectId,
      event_id: event.eventId,
      event_sequence: { allocated: index },
      // Only what happens in a thread asks something of a node.
      thread_id: event.streamId as ThreadId,
      turn_id: typeof turnId === "string" ? (turnId as TurnId) : null,
      node_id: nodeId,
      kind: intent.kind,
      payload_json: JSON.stringify(traceparent === undefined ? intent.payload : { ...intent.payload, traceparent }),
      status: "pending",
      attempt_count: 0,
      available_at: this.#now,
      lease_owner: null,
      lease_expires_at: null,
      fence: 0,
      last_error: null,
      created_at: this.#now,
      updated_at: this.#now,
    });
  }

  /** What the end of a turn or of a revert changes beside the projections. */
  #addChanges(event: PendingEvent): void {
    const { dialect } = this.#parts.store;
    const of = { spaceId: this.#spaceId, threadId: event.streamId as ThreadId };
    const turnId = settledTurnOf(event);
    if (turnId !== null) this.#later.push(cancelEffects(dialect, { ...of, turnId, at: this.#now }));
    if (event.eventType !== "thread.reverted") return;
    const { error, mode, turnCount } = event.payload;
    if (error !== null) this.#later.push(cancelRevert(dialect, { ...of, at: this.#now }));
    else if (mode !== "files") this.#later.push(dropDiffs(dialect, { ...of, turnCount }));
  }

  #diffRows(): NewRow<typeof diffBlobs>[] {
    return Array.from(this.#diffs.values(), ({ threadId, fromTurnCount, toTurnCount, diff, truncated }) => ({
      space_id: this.#spaceId,
      thread_id: threadId,
      from_turn_count: fromTurnCount,
      to_turn_count: toTurnCount,
      diff,
      truncated: truncated ? 1 : 0,
      created_at: this.#now,
    }));
  }

  #cursorRows(): NewRow<typeof cursors>[] {
    return Array.from(this.#cursors.values(), ({ nodeId, journalId, lastSequence }) => ({
      space_id: this.#spaceId,
      node_id: nodeId,
      journal_id: journalId,
      last_sequence: lastSequence,
      updated_at: this.#now,
    }));
  }
}
