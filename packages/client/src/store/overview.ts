// The fold behind lists: projects, threads and what each thread is doing, from a snapshot and the events after it. Text,
// activities and checkpoints are not kept here, so its size follows the number of threads and not their length.
import type { MusterEvent, ProjectRow, Snapshot, ThreadId, ThreadSummary } from "@muster/contracts";
import { MemoryTables, openedApproval, type ProjectionTable, projectAll } from "@muster/core";

const KEPT: ReadonlySet<ProjectionTable> = new Set([
  "projection_projects",
  "projection_threads",
  "projection_thread_sessions",
  "projection_thread_turns",
]);

export interface Overview {
  /** False until the first snapshot. */
  readonly isLoaded: boolean;
  /** Not deleted, by title. */
  readonly projects: readonly ProjectRow[];
  /** Neither deleted nor archived, the newest first. */
  readonly threads: readonly ThreadSummary[];
}

interface Counts {
  approvals: number;
  queued: number;
}

export class OverviewFold {
  readonly #tables = new MemoryTables();
  readonly #counts = new Map<ThreadId, Counts>();
  /** Later pages of a snapshot are newer than its first; events up to their sequence are in them already. */
  readonly #floors = new Map<string, number>();
  #isLoaded = false;
  #view: Overview | null = null;

  /** Starts anew from the first page of a snapshot. */
  load(snapshot: Snapshot): void {
    this.#tables.clear();
    this.#counts.clear();
    this.#floors.clear();
    this.loadPage(snapshot);
    this.#isLoaded = true;
  }

  loadPage({ projects, threads, snapshotSequence }: Snapshot): void {
    this.#tables.load("projection_projects", projects);
    for (const thread of threads) {
      const { latestTurn, sessionStatus, pendingApprovalCount, queuedTurnCount, ...row } = thread;
      this.#floors.set(row.threadId, snapshotSequence);
      this.#counts.set(row.threadId, { approvals: pendingApprovalCount, queued: queuedTurnCount });
      this.#tables.load("projection_threads", [row]);
      if (latestTurn !== null) this.#tables.load("projection_thread_turns", [latestTurn]);
      this.#tables.load("projection_thread_sessions", [
        {
          threadId: row.threadId,
          status: sessionStatus,
          providerName: row.provider,
          providerSessionId: null,
          providerThreadId: null,
          activeTurnId: latestTurn?.status === "running" ? latestTurn.turnId : null,
          lastError: null,
          updatedAt: row.updatedAt,
        },
      ]);
    }
    this.#view = null;
  }

  /** False when the event concerns a thread that this fold cannot show without another snapshot. */
  apply(event: MusterEvent): boolean {
    if (event.sequence <= (this.#floors.get(event.streamId) ?? 0)) return true;
    this.#tables.apply(projectAll(event).filter((operation) => KEPT.has(operation.table)));
    if (event.aggregateKind === "thread") this.#count(event);
    this.#view = null;
    return (
      event.eventType !== "thread.unarchived" || this.#tables.get("projection_threads", event.streamId) !== undefined
    );
  }

  view(): Overview {
    this.#view ??= {
      isLoaded: this.#isLoaded,
      projects: this.#tables
        .rows("projection_projects")
        .filter((project) => project.deletedAt === null)
        .sort((first, second) => first.title.localeCompare(second.title)),
      threads: this.#threads(),
    };
    return this.#view;
  }

  #threads(): ThreadSummary[] {
    return this.#tables
      .rows("projection_threads")
      .filter((thread) => {
        const project = this.#tables.get("projection_projects", thread.projectId);
        return thread.deletedAt === null && thread.archivedAt === null && project?.deletedAt === null;
      })
      .map((thread) => {
        const counts = this.#counts.get(thread.threadId);
        const latestTurn =
          thread.latestTurnId === null ? undefined : this.#tables.get("projection_thread_turns", thread.latestTurnId);
        return {
          ...thread,
          latestTurn: latestTurn ?? null,
          sessionStatus: this.#tables.get("projection_thread_sessions", thread.threadId)?.status ?? "idle",
          pendingApprovalCount: counts?.approvals ?? 0,
          queuedTurnCount: counts?.queued ?? 0,
        };
      })
      .sort((first, second) => second.updatedAt.localeCompare(first.updatedAt));
  }

  /** Counts follow the events exactly: each says how many approvals or queued turns came or went. */
  #count(event: MusterEvent): void {
    const threadId = event.streamId as ThreadId;
    const counts = this.#counts.get(threadId) ?? { approvals: 0, queued: 0 };
    switch (event.eventType) {
      case "thread.activity-appended":
        if (openedApproval(event.payload) !== null) counts.approvals += 1;
        break;
      case "thread.approval-response-requested":
      case "thread.approval-expired":
        counts.approvals -= 1;
        break;
      case "thread.turn-settled":
        counts.approvals -= event.payload.expiredRequestIds.length;
        break;
      case "thread.turn-queued":
        counts.queued += 1;
        break;
      case "thread.turn-dequeued":
        counts.queued -= 1;
        break;
      default:
        return;
    }
    this.#counts.set(threadId, counts);
  }
}
