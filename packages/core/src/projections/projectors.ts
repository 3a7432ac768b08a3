// The eight projectors: pure functions from an event to changes of rows. A projector names the types it handles and
// is never called for others. Names are stored as cursors and never change.
import { EVENT_TYPES, type EventType, PROJECTOR_NAMES, type ProjectorName } from "@muster/contracts";
import type { Handlers, ProjectedEvent } from "./handlers.ts";
import type { ProjectionTable, RowOperation } from "./operations.ts";
import { projects, sessions, threads } from "./thread-projectors.ts";
import { activities, approvals, checkpoints, messages, turns } from "./turn-projectors.ts";

export { PROJECTOR_NAMES, type ProjectedEvent, type ProjectorName };

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

type Handler = (event: ProjectedEvent) => readonly RowOperation[];

/** Who handles a type, in the order of PROJECTOR_NAMES. */
const BY_TYPE: ReadonlyMap<EventType, readonly (readonly [ProjectorName, Handler])[]> = new Map(
  EVENT_TYPES.map((type) => [
    type,
    PROJECTOR_NAMES.flatMap((name) => {
      const handler = HANDLERS[name][type] as Handler | undefined;
      return handler === undefined ? [] : [[name, handler] as const];
    }),
  ]),
);

/** What some projectors make of an event, in the order of PROJECTOR_NAMES. */
export function projectBy(names: readonly ProjectorName[], event: ProjectedEvent): RowOperation[] {
  const operations: RowOperation[] = [];
  for (const [name, handler] of BY_TYPE.get(event.eventType) ?? [])
    if (names === PROJECTOR_NAMES || names.includes(name)) operations.push(...handler(event));
  return operations;
}

/** What one projector makes of an event. */
export const project = (name: ProjectorName, event: ProjectedEvent): readonly RowOperation[] =>
  projectBy([name], event);

/** What all projectors make of an event. */
export const projectAll = (event: ProjectedEvent): RowOperation[] => projectBy(PROJECTOR_NAMES, event);
