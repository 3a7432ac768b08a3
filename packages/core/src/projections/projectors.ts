// The eight projectors: pure functions from an event to changes of rows. A projector names the types it handles and
// is never called for others. Names are stored as cursors and never change.
import { type EventType, type MusterEvent, PROJECTOR_NAMES, type ProjectorName } from "@muster/contracts";
import type { Handlers } from "./handlers.ts";
import type { ProjectionTable, RowOperation } from "./operations.ts";
import { projects, sessions, threads } from "./thread-projectors.ts";
import { activities, approvals, checkpoints, messages, turns } from "./turn-projectors.ts";

export { PROJECTOR_NAMES, type ProjectorName };

/** The table whose rows a projector makes; no other projector touches it. */
export const PROJECTOR_TABLES: Readonly<Record<ProjectorName, ProjectionTable>> = {
  projects: "projection_projects",
  threads: "projection_threads",
  thread_messages: "projection_thread_messages",
  thread_activities: "projection_thread_activities",
  thread_sessions: "projection_thread_sessions",
  thread_turns: "projection_thread_turns",
  checkpoints: "projection_checkpoints",
  pending_approvals: "projection_pending_approvals",
};

const HANDLERS: Readonly<Record<ProjectorName, Handlers>> = {
  projects,
  threads,
  thread_messages: messages,
  thread_activities: activities,
  thread_sessions: sessions,
  thread_turns: turns,
  checkpoints,
  pending_approvals: approvals,
};

/** Event types that a projector handles; for all others it does no row work. */
export const handledTypes = (name: ProjectorName): readonly EventType[] => Object.keys(HANDLERS[name]) as EventType[];

/** What one projector makes of an event. */
export function project(name: ProjectorName, event: MusterEvent): readonly RowOperation[] {
  const handler = HANDLERS[name][event.eventType] as ((event: MusterEvent) => readonly RowOperation[]) | undefined;
  return handler === undefined ? [] : handler(event);
}

/** What all projectors make of an event, in the order of PROJECTOR_NAMES. */
export const projectAll = (event: MusterEvent): RowOperation[] =>
  PROJECTOR_NAMES.flatMap((name) => project(name, event));
