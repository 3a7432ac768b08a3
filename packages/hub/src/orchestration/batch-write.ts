// Everything one batch writes, gathered in memory and turned into the statements of a single transaction: events with
// their projections and cursors, receipts, effects, diff text, journal cursors. Answers are kept back until it commits.
import type { DispatchResult, ErrorCode, MusterEvent, SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { type DiffBlob, effectOf, projectAll, type RowOperation, settledTurnOf, TURN_EFFECTS } from "@muster/core";
import type { Batch, Guard, Parameter, Statement } from "@muster/store";
import { insertRows } from "@muster/store";
import { HUB_COLUMNS } from "../schema/index.ts";
import type { BatchParts } from "./batch.ts";
import { appendStatements, type PendingEvent } from "./event-log.ts";
import { inDialect } from "./placeholders.ts";
import { projectionStatements } from "./projection-writer.ts";
import type { ClientWork, IngestWork } from "./work.ts";

interface Aggregate {
  readonly kind: "project" | "thread";
  readonly id: string;
}

export class BatchWrite {
  readonly #parts: BatchParts;
  readonly #spaceId: SpaceId;
  readonly #now: string;
  readonly #events: PendingEvent[] = [];
  readonly #operations: RowOperation[] = [];
  readonly #effects: Parameter[][] = [];
  readonly #receipts: Parameter[][] = [];
  readonly #refused: Parameter[][] = [];
  readonly #later: Statement[] = [];
  readonly #diffs = new Map<string, DiffBlob>();
  readonly #cursors = new Map<string, { readonly nodeId: string; readonly journalId: string; lastSequence: number }>();
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
  add(event: PendingEvent, nodeId: string | null, traceparent?: string): void {
    const index = this.#events.push(event) - 1;
    // Projectors never look at the sequence, which only the commit knows.
    this.#operations.push(...projectAll({ ...event, sequence: 0 } as MusterEvent));
    this.#addEffect(event, index, nodeId, traceparent);
    const settledTurnId = settledTurnOf(event);
    if (settledTurnId !== null) this.#later.push(this.#cancelEffects(event.streamId, settledTurnId));
    if (event.eventType === "thread.reverted" && event.payload.error !== null)
      this.#later.push(this.#cancelRevert(event.streamId));
    if (event.eventType === "thread.reverted" && event.payload.error === null && event.payload.mode !== "files") {
      this.#later.push({
        sql: this.#holes(
          "DELETE FROM checkpoint_diff_blobs WHERE space_id = ? AND thread_id = ? AND to_turn_count > ?",
        ),
        parameters: [this.#spaceId, event.streamId, event.payload.turnCount],
      });
    }
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
    this.#refused.push([this.#spaceId, work.node.nodeId, work.journalId, sequence, code, this.#now]);
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
      ...insertRows(
        dialect,
        "orchestration_command_receipts",
        HUB_COLUMNS.orchestration_command_receipts,
        this.#receipts,
      ),
      ...insertRows(dialect, "orchestration_effects", HUB_COLUMNS.orchestration_effects, this.#effects),
      ...this.#later,
      ...this.#diffStatements(),
      ...insertRows(dialect, "ingest_rejected", HUB_COLUMNS.ingest_rejected, this.#refused, { conflict: "ignore" }),
      ...insertRows(
        dialect,
        "ingest_cursors",
        HUB_COLUMNS.ingest_cursors,
        [...this.#cursors.values()].map(({ nodeId, journalId, lastSequence }) => [
          this.#spaceId,
          nodeId,
          journalId,
          lastSequence,
          this.#now,
        ]),
        { conflict: { update: ["last_sequence", "updated_at"], on: ["space_id", "node_id", "journal_id"] } },
      ),
    ];
    if (count > 0) {
      statements.push({
        sql: this.#holes("UPDATE projection_state SET last_applied_sequence = ?, updated_at = ?"),
        parameters: [{ allocated: count - 1 }, this.#now],
      });
    }
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
    sequence: Parameter,
    status: "accepted" | "rejected",
    error: string | null,
  ): void {
    const { command, fingerprint } = work;
    this.#receipts.push([
      this.#spaceId,
      command.commandId,
      command.type,
      fingerprint,
      aggregate.kind,
      aggregate.id,
      this.#now,
      sequence,
      status,
      error,
    ]);
  }

  #addEffect(event: PendingEvent, index: number, nodeId: string | null, traceparent: string | undefined): void {
    const intent = effectOf(event as MusterEvent);
    if (intent === null || nodeId === null) return;
    const turnId = intent.payload["turnId"];
    this.#effects.push([
      this.#spaceId,
      this.#parts.ids.next(),
      event.eventId,
      { allocated: index },
      event.streamId,
      typeof turnId === "string" ? turnId : null,
      nodeId,
      intent.kind,
      JSON.stringify(traceparent === undefined ? intent.payload : { ...intent.payload, traceparent }),
      "pending",
      0,
      this.#now,
      null,
      null,
      0,
      null,
      this.#now,
      this.#now,
    ]);
  }

  #cancelEffects(threadId: string, turnId: string): Statement {
    const kinds = TURN_EFFECTS.map((kind) => `'${kind}'`).join(", ");
    return {
      sql: this.#holes(
        `UPDATE orchestration_effects SET status = 'cancelled', updated_at = ? WHERE space_id = ? AND thread_id = ? AND turn_id = ?
         AND status IN ('pending', 'running') AND kind IN (${kinds})`,
      ),
      parameters: [this.#now, this.#spaceId, threadId, turnId],
    };
  }

  /** A revert that was given up must not reach its node any more. */
  #cancelRevert(threadId: string): Statement {
    return {
      sql: this.#holes(
        `UPDATE orchestration_effects SET status = 'cancelled', updated_at = ? WHERE space_id = ? AND thread_id = ?
         AND status IN ('pending', 'running') AND kind = 'node.checkpoint.revert'`,
      ),
      parameters: [this.#now, this.#spaceId, threadId],
    };
  }

  #diffStatements(): readonly Statement[] {
    const rows = [...this.#diffs.values()].map(({ threadId, fromTurnCount, toTurnCount, diff, truncated }) => [
      this.#spaceId,
      threadId,
      fromTurnCount,
      toTurnCount,
      diff,
      truncated ? 1 : 0,
      this.#now,
    ]);
    const conflict = {
      update: ["diff", "truncated", "created_at"],
      on: ["space_id", "thread_id", "from_turn_count", "to_turn_count"],
    };
    return insertRows(this.#parts.store.dialect, "checkpoint_diff_blobs", HUB_COLUMNS.checkpoint_diff_blobs, rows, {
      conflict,
    });
  }

  #holes(sql: string): string {
    return inDialect(this.#parts.store.dialect, sql);
  }
}
