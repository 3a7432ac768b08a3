// What every projector is made of: a function per event type it handles, from the event to changes of rows.
import type { EventOf, EventType, ThreadId } from "@muster/contracts";
import type { RowOperation } from "./operations.ts";

/** What projectors look at of an event: whoever follows the log for them reads no more. */
export type ProjectedEvent = { [Type in EventType]: ProjectedEventOf<Type> }[EventType];
export type ProjectedEventOf<Type extends EventType> = Pick<
  EventOf<Type>,
  "eventType" | "eventId" | "streamId" | "occurredAt" | "payload"
>;

export type Handlers = { readonly [Type in EventType]?: (event: ProjectedEventOf<Type>) => readonly RowOperation[] };

/** The payload as rows take it up: whether its content was taken out is the log's business. */
export const withoutMarks = <Payload extends { readonly pruned?: true; readonly digest?: string }>(
  payload: Payload,
): Omit<Payload, "pruned" | "digest"> => {
  const { pruned: _pruned, digest: _digest, ...rest } = payload;
  return rest;
};

export const threadOf = (event: ProjectedEvent): ThreadId => event.streamId as ThreadId;

export const removeTurnsOf = (
  event: ProjectedEventOf<"thread.reverted">,
  table: "projection_thread_activities" | "projection_pending_approvals" | "projection_thread_turns",
): RowOperation[] =>
  event.payload.droppedTurnIds.length === 0
    ? []
    : [
        {
          operation: "remove",
          table,
          where: { threadId: threadOf(event), turnId: event.payload.droppedTurnIds },
        } as RowOperation,
      ];
