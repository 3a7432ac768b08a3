// The fold behind one open thread: a window of its turns, the events after it, and live text ahead of what is persisted.
// While a window is on its way, events are held back and put on top of it, so nothing between the two is lost.
import type {
  ActivityRow,
  ApprovalRow,
  CheckpointRow,
  EventPayload,
  LiveCall,
  LiveDelta,
  MessageRow,
  MusterError,
  MusterEvent,
  ProjectRow,
  ThreadRow,
  ThreadSessionRow,
  ThreadWindow,
  TurnRow,
} from "@muster/contracts";
import { MemoryTables, projectAll } from "@muster/core";
import { itemIdOf, LiveCalls } from "./live-calls.ts";
import { LiveTexts } from "./live-texts.ts";

/** What became of one file. */
export type RevertedFile = EventPayload<"thread.reverted">["files"][number];

/** The newest going back to an earlier turn that this reader saw being asked for. */
export interface RevertProgress {
  readonly turnCount: number;
  readonly mode: "both" | "files" | "conversation";
  /** null while it is under way. */
  readonly outcome: { readonly files: readonly RevertedFile[]; readonly error: string | null } | null;
}

export interface ThreadView {
  readonly status: "loading" | "ready" | "failed";
  readonly error: MusterError | null;
  readonly thread: ThreadRow | null;
  readonly project: ProjectRow | null;
  readonly session: ThreadSessionRow | null;
  /** Each list in the order things happened, as far as the window reaches back. */
  readonly turns: readonly TurnRow[];
  readonly messages: readonly MessageRow[];
  readonly activities: readonly ActivityRow[];
  readonly checkpoints: readonly CheckpointRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly revert: RevertProgress | null;
  readonly hasOlder: boolean;
  readonly isLoadingOlder: boolean;
}

const byCreation = (first: { createdAt: string }, second: { createdAt: string }): number =>
  first.createdAt < second.createdAt ? -1 : first.createdAt > second.createdAt ? 1 : 0;

/** Queued turns come after all that have started. */
const byTurn = (first: TurnRow, second: TurnRow): number =>
  (first.turnCount ?? Number.POSITIVE_INFINITY) - (second.turnCount ?? Number.POSITIVE_INFINITY) ||
  (first.queuePosition ?? 0) - (second.queuePosition ?? 0);

export class ThreadFold {
  readonly live = new LiveTexts();
  readonly #calls = new LiveCalls();
  readonly #tables = new MemoryTables();
  #status: ThreadView["status"] = "loading";
  #error: MusterError | null = null;
  #floor = 0;
  /** Events since the read of the newest window was begun; null when none is under way. */
  #held: MusterEvent[] | null = null;
  /** The same for an older window. */
  #heldForOlder: MusterEvent[] | null = null;
  /** A fresh window could not be read: events are of no use until one is. */
  #isStale = false;
  #before: string | null = null;
  #revert: RevertProgress | null = null;
  #view: ThreadView | null = null;

  get before(): string | null {
    return this.#before;
  }

  /** Holds events back until `load` or `fail`. What is shown stays. */
  beginLoad(): void {
    this.#held = [];
    if (this.#status === "failed") this.#status = "loading";
    this.#view = null;
  }

  /** Replaces everything with the newest window. */
  load(window: ThreadWindow): void {
    this.#tables.clear();
    this.#insert(window);
    this.#floor = window.snapshotSequence;
    this.#status = "ready";
    this.#error = null;
    this.#before = window.page.hasMore ? window.page.before : null;
    this.#isStale = false;
    const held = this.#held ?? [];
    this.#held = null;
    for (const event of held) this.#fold(event);
    this.live.reconcile(this.#tables.rows("projection_thread_messages"));
    for (const activity of this.#tables.rows("projection_thread_activities")) this.#calls.recorded(activity);
    for (const turn of this.#tables.rows("projection_thread_turns"))
      if (turn.completedAt !== null) this.#calls.settled(turn.turnId);
    this.#view = null;
  }

  fail(error: MusterError): void {
    this.#held = null;
    this.#isStale = true;
    this.#error = error;
    if (this.#status !== "ready") this.#status = "failed";
    this.#view = null;
  }

  beginOlder(): void {
    this.#heldForOlder = [];
    this.#view = null;
  }

  failOlder(): void {
    this.#heldForOlder = null;
    this.#view = null;
  }

  /**
   * Puts an older window before what is there. Rows known already are newer than the window's and stay. Of the events
   * that came meanwhile only changes and removals matter to older rows; doing those twice does nothing.
   */
  loadOlder(window: ThreadWindow): void {
    const held = this.#heldForOlder ?? [];
    this.#heldForOlder = null;
    this.#insert(window, { isOlder: true });
    for (const event of held) {
      this.#tables.apply(projectAll(event).filter(({ operation }) => operation === "update" || operation === "remove"));
    }
    this.#before = window.page.hasMore ? window.page.before : null;
    this.#view = null;
  }

  apply(event: MusterEvent): void {
    this.#heldForOlder?.push(event);
    if (this.#held !== null) this.#held.push(event);
    else if (!this.#isStale) this.#fold(event);
  }

  /** True when the list of messages changed, not only the text of one. */
  applyDelta(delta: LiveDelta): boolean {
    const persisted = this.#tables.get("projection_thread_messages", delta.messageId);
    if (persisted !== undefined && !persisted.isStreaming) return false;
    const turn = this.#tables.get("projection_thread_turns", delta.turnId);
    if (turn !== undefined && turn.completedAt !== null) return false;
    const isNew = this.live.merge(delta, persisted?.text ?? "", persisted === undefined);
    if (isNew) this.#view = null;
    return isNew;
  }

  /** A call that is recorded already, or whose turn is over, has been told better. */
  applyCall(call: LiveCall): void {
    const turn = this.#tables.get("projection_thread_turns", call.turnId);
    if (turn !== undefined && turn.completedAt !== null) return;
    const activities = this.#tables.rows("projection_thread_activities");
    if (activities.some((row) => row.turnId === call.turnId && itemIdOf(row) === call.tool.itemId)) return;
    this.#calls.begun(call);
    this.#view = null;
  }

  view(): ThreadView {
    this.#view ??= this.#makeView();
    return this.#view;
  }

  #fold(event: MusterEvent): void {
    if (event.sequence <= this.#floor) return;
    this.#tables.apply(projectAll(event));
    if (event.eventType === "thread.message-sent") {
      const message = this.#tables.get("projection_thread_messages", event.payload.messageId);
      if (message !== undefined) this.live.persisted(message);
    }
    if (event.eventType === "thread.activity-appended") this.#calls.recorded(event.payload);
    if (event.eventType === "thread.turn-settled") {
      this.live.settled(event.payload.turnId);
      this.#calls.settled(event.payload.turnId);
    }
    this.#noteRevert(event);
    this.#view = null;
  }

  #noteRevert(event: MusterEvent): void {
    if (event.eventType === "thread.checkpoint-revert-requested") {
      const { turnCount, mode } = event.payload;
      this.#revert = { turnCount, mode, outcome: null };
    } else if (event.eventType === "thread.reverted") {
      const { turnCount, mode, files, error } = event.payload;
      this.#revert = { turnCount, mode, outcome: { files, error } };
    }
  }

  #insert(window: ThreadWindow, { isOlder = false } = {}): void {
    const { messages, activities, turns, checkpoints, approvals } = window;
    const tables = this.#tables;
    const fresh = <Row>(rows: readonly Row[], isKnown: (row: Row) => boolean): Row[] =>
      isOlder ? rows.filter((row) => !isKnown(row)) : [...rows];
    tables.load(
      "projection_thread_messages",
      fresh(messages, (row) => tables.get("projection_thread_messages", row.messageId) !== undefined),
    );
    tables.load(
      "projection_thread_activities",
      fresh(activities, (row) => tables.get("projection_thread_activities", row.activityId) !== undefined),
    );
    tables.load(
      "projection_thread_turns",
      fresh(turns, (row) => tables.get("projection_thread_turns", row.turnId) !== undefined),
    );
    tables.load(
      "projection_checkpoints",
      fresh(
        checkpoints,
        (row) => tables.get("projection_checkpoints", row.threadId, row.checkpointTurnCount) !== undefined,
      ),
    );
    tables.load(
      "projection_pending_approvals",
      fresh(approvals, (row) => tables.get("projection_pending_approvals", row.requestId) !== undefined),
    );
    if (isOlder) return;
    tables.load("projection_projects", [window.project]);
    tables.load("projection_threads", [window.thread]);
    tables.load("projection_thread_sessions", [window.session]);
  }

  #makeView(): ThreadView {
    const tables = this.#tables;
    return {
      status: this.#status,
      error: this.#error,
      thread: tables.rows("projection_threads")[0] ?? null,
      project: tables.rows("projection_projects")[0] ?? null,
      session: tables.rows("projection_thread_sessions")[0] ?? null,
      turns: tables.rows("projection_thread_turns").sort(byTurn),
      messages: [...tables.rows("projection_thread_messages").sort(byCreation), ...this.live.unpersisted()],
      activities: [...tables.rows("projection_thread_activities").sort(byCreation), ...this.#calls.rows()],
      checkpoints: tables
        .rows("projection_checkpoints")
        .sort((first, second) => first.checkpointTurnCount - second.checkpointTurnCount),
      approvals: tables.rows("projection_pending_approvals").sort(byCreation),
      revert: this.#revert,
      hasOlder: this.#before !== null,
      isLoadingOlder: this.#heldForOlder !== null,
    };
  }
}
