// The event log's table: how an event becomes a row and a row an event. Rows are read as they are; a type or a MAJOR
// this program does not know is carried on as it stands, and one undecodable row never stops a reader.
import type { AggregateKind, EventOf, EventPayload, EventType, NewEvent, SpaceId, WireEvent } from "@muster/contracts";
import {
  EVENT_PAYLOADS,
  EVENT_SCHEMA_VERSION,
  EVENT_TYPES,
  exactly,
  isEventType,
  isKnownKind,
} from "@muster/contracts";
import {
  insertInto,
  integer,
  type NewRow,
  nullable,
  pick,
  type Request,
  type RowOf,
  type Statement,
  type Store,
  select,
  text,
} from "@muster/store";
import { HUB_TABLES, type HubRow, ofSpace } from "../schema/index.ts";

export type EventRow = HubRow<"orchestration_events">;

/** What projectors look at, and what it takes to read it. The rest is a third of the cost of a row. */
export const PROJECTED_COLUMNS = pick(
  HUB_TABLES.orchestration_events,
  "sequence",
  "event_id",
  "space_id",
  "stream_id",
  "event_type",
  "schema_version",
  "occurred_at",
  "payload_json",
);
export type ProjectedRow = RowOf<typeof PROJECTED_COLUMNS>;
export type ProjectedWireEvent = Pick<
  WireEvent,
  "sequence" | "eventId" | "spaceId" | "streamId" | "eventType" | "occurredAt" | "schemaVersion" | "payload"
>;

/** An event that has everything but its sequence, which the commit gives. */
export type PendingEvent = { [Type in EventType]: Omit<EventOf<Type>, "sequence"> }[EventType];

/** Statements that append the events; the n-th takes the n-th number of the batch's allocation. */
export const appendStatements = (dialect: Store["dialect"], events: readonly PendingEvent[]): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "orchestration_events", events.map(rowOf));

const rowOf = (event: PendingEvent, index: number): NewRow<typeof HUB_TABLES.orchestration_events> => ({
  sequence: { allocated: index },
  event_id: event.eventId,
  space_id: event.spaceId,
  aggregate_kind: event.aggregateKind,
  stream_id: event.streamId,
  stream_version: event.streamVersion,
  event_type: event.eventType,
  schema_version: event.schemaVersion,
  occurred_at: event.occurredAt,
  command_id: event.commandId,
  causation_event_id: event.causationEventId,
  correlation_id: event.correlationId,
  actor_kind: event.actorKind,
  actor_id: event.actorId,
  payload_json: JSON.stringify(event.payload),
  metadata_json: JSON.stringify(event.metadata),
});

const UNDECODABLE = { undecodable: true };
/** Also after a journey: a payload without required fields must not be taken for one that was read. */
const isUndecodable = (payload: object): boolean => "undecodable" in payload && payload.undecodable === true;

/** A row as it goes over the wire. A payload that is no JSON object is shown as `{undecodable: true}`. */
export function wireEventOf(row: EventRow): WireEvent {
  return {
    sequence: row.sequence,
    eventId: row.event_id,
    spaceId: row.space_id,
    aggregateKind: row.aggregate_kind,
    streamId: row.stream_id,
    streamVersion: row.stream_version,
    eventType: row.event_type,
    occurredAt: row.occurred_at,
    commandId: row.command_id,
    causationEventId: row.causation_event_id,
    correlationId: row.correlation_id,
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    schemaVersion: row.schema_version,
    payload: objectOf(row.payload_json) ?? UNDECODABLE,
    metadata: objectOf(row.metadata_json) ?? {},
  };
}

/** The same of a row with no other columns. */
export const projectedEventOf = (row: ProjectedRow): ProjectedWireEvent => ({
  sequence: row.sequence,
  eventId: row.event_id,
  spaceId: row.space_id,
  streamId: row.stream_id,
  eventType: row.event_type,
  occurredAt: row.occurred_at,
  schemaVersion: row.schema_version,
  payload: objectOf(row.payload_json) ?? UNDECODABLE,
});

function objectOf(json: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Whether the schema would leave a payload as it is: nearly all are written by this very version. */
const IS_EXACT = new Map(EVENT_TYPES.map((type) => [type, exactly(EVENT_PAYLOADS[type])]));

/** An event of which as much is known, with a payload that is as its type says. */
export type Known<Event> = {
  [Type in EventType]: Omit<Event, "eventType" | "payload"> & { eventType: Type; payload: EventPayload<Type> };
}[EventType];

/** The event for projectors, or null where this program does not know its type, its MAJOR or its shape. */
export function knownEvent<Event extends ProjectedWireEvent>(event: Event): Known<Event> | null {
  const { eventType, payload } = event;
  if (!isEventType(eventType) || !isKnownKind(event) || isUndecodable(payload)) return null;
  // What the payload's schema says is what the type says.
  if (IS_EXACT.get(eventType)?.(payload) === true) return event as unknown as Known<Event>;
  const parsed = EVENT_PAYLOADS[eventType].safeParse(payload);
  return parsed.success ? ({ ...event, payload: parsed.data } as unknown as Known<Event>) : null;
}

export interface EventTemplate {
  readonly spaceId: SpaceId;
  readonly aggregateKind: "project" | "thread";
  readonly streamId: string;
  readonly streamVersion: number;
  readonly eventId: PendingEvent["eventId"];
  readonly occurredAt: string;
  readonly commandId: PendingEvent["commandId"];
  readonly causationEventId: PendingEvent["causationEventId"];
  readonly correlationId: PendingEvent["correlationId"];
  readonly actorKind: PendingEvent["actorKind"];
  readonly actorId: PendingEvent["actorId"];
  readonly metadata: PendingEvent["metadata"];
}

export const pendingEvent = (template: EventTemplate, event: NewEvent): PendingEvent =>
  ({ ...template, ...event, schemaVersion: EVENT_SCHEMA_VERSION }) as PendingEvent;

const OF_SPACE = "space_id = :spaceId";
const OF_STREAM = `${OF_SPACE} AND aggregate_kind = :kind AND stream_id = :streamId`;
const page = { after: integer(), limit: integer() } as const;
const ofStream = { ...ofSpace, kind: text<AggregateKind>(), streamId: text(), ...page } as const;

const eventsWhere = <Asked extends Request>(request: Asked, condition: string) =>
  select({
    request,
    row: HUB_TABLES.orchestration_events,
    sql: `SELECT * FROM orchestration_events WHERE ${condition} ORDER BY sequence LIMIT :limit`,
  });

/** One row `{bytes}` per event, to tell how much a replay would be without reading it. */
const sizesWhere = <Asked extends Request>(request: Asked, condition: string) =>
  select({
    request,
    row: { bytes: integer() },
    sql: `SELECT length(payload_json) AS bytes FROM orchestration_events WHERE ${condition} ORDER BY sequence LIMIT :limit`,
  });

/** Queries over the log, in sequence order, each bounded by `limit` rows. */
export const logQueries = {
  /** All spaces: for the tail that all feeds of this replica share. */
  after: eventsWhere(page, "sequence > :after"),
  ofSpace: eventsWhere({ ...ofSpace, ...page }, `${OF_SPACE} AND sequence > :after`),
  ofStream: eventsWhere(ofStream, `${OF_STREAM} AND sequence > :after`),
  gapOfSpace: sizesWhere({ ...ofSpace, ...page }, `${OF_SPACE} AND sequence > :after`),
  gapOfStream: sizesWhere(ofStream, `${OF_STREAM} AND sequence > :after`),
  /** One row; null in it while nothing has happened. */
  head: select({
    request: {},
    row: { head: nullable(integer()) },
    sql: "SELECT max(sequence) AS head FROM orchestration_events",
  }),
};
