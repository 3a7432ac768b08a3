// The eight projectors: pure functions from an event to changes of rows. A projector names the types it handles and
// is never called for others. Names are stored as cursors and never change.
import type { EventType, MusterEvent } from "@muster/contracts";
import type { Handlers } from "./handlers.ts";
import type { RowOperation } from "./operations.ts";
import { projects, sessions, threads } from "./thread-projectors.ts";
import { activities, approvals, checkpoints, messages, turns } from "./turn-projectors.ts";

export const PROJECTOR_NAMES = [
  "projects",
  "threads",
  "thread_messages",
  "thread_activities",
  "thread_sessions",
  "thread_turns",
  "checkpoints",
  "pending_approvals",
] as const;
export type ProjectorName = (typeof PROJECTOR_NAMES)[number];

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
