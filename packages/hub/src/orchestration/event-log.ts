// The event log's table: how an event becomes a row and a row an event. Rows are read as they are; a type or a MAJOR
// this program does not know is carried on as it stands, and one undecodable row never stops a reader.
import type { EventOf, EventType, MusterEvent, NewEvent, SpaceId, WireEvent } from "@muster/contracts";
import {
  EVENT_PAYLOADS,
  EVENT_SCHEMA_VERSION,
  EVENT_TYPES,
  exactly,
  isEventType,
  isKnownEvent,
} from "@muster/contracts";
import type { Parameter, Query, Row, Statement, Store } from "@muster/store";
import { insertRows, queryBuilder } from "@muster/store";
import { HUB_COLUMNS, type HubDatabase } from "../schema/index.ts";

/** An event that has everything but its sequence, which the commit gives. */
export type PendingEvent = { [Type in EventType]: Omit<EventOf<Type>, "sequence"> }[EventType];

/** Statements that append the events; the n-th takes the n-th number of the batch's allocation. */
export const appendStatements = (dialect: Store["dialect"], events: readonly PendingEvent[]): readonly Statement[] =>
  insertRows(dialect, "orchestration_events", HUB_COLUMNS.orchestration_events, events.map(rowOf));

const rowOf = (event: PendingEvent, index: number): Parameter[] => [
  { allocated: index },
  event.eventId,
  event.spaceId,
  event.aggregateKind,
  event.streamId,
  event.streamVersion,
  event.eventType,
  event.schemaVersion,
  event.occurredAt,
  event.commandId,
  event.causationEventId,
  event.correlationId,
  event.actorKind,
  event.actorId,
  JSON.stringify(event.payload),
  JSON.stringify(event.metadata),
];

const UNDECODABLE = { undecodable: true };
/** Also after a journey: a payload without required fields must not be taken for one that was read. */
const isUndecodable = (payload: object): boolean => "undecodable" in payload && payload.undecodable === true;

/** A row as it goes over the wire. A payload that is no JSON object is shown as `{undecodable: true}`. */
export function wireEventOf(row: Row): WireEvent {
  return {
    sequence: Number(row["sequence"]),
    eventId: row["event_id"] as WireEvent["eventId"],
    spaceId: row["space_id"] as WireEvent["spaceId"],
    aggregateKind: row["aggregate_kind"] as WireEvent["aggregateKind"],
    streamId: String(row["stream_id"]),
    streamVersion: Number(row["stream_version"]),
    eventType: String(row["event_type"]),
    occurredAt: String(row["occurred_at"]),
    commandId: row["command_id"] as WireEvent["commandId"],
    causationEventId: row["causation_event_id"] as WireEvent["causationEventId"],
    correlationId: row["correlation_id"] as WireEvent["correlationId"],
    actorKind: row["actor_kind"] as WireEvent["actorKind"],
    actorId: row["actor_id"] as WireEvent["actorId"],
    schemaVersion: String(row["schema_version"]),
    payload: objectOf(row["payload_json"]) ?? UNDECODABLE,
    metadata: objectOf(row["metadata_json"]) ?? {},
  };
}

function objectOf(value: unknown): Record<string, unknown> | null {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  if (typeof value !== "string") return null;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Whether the schema would leave a payload as it is: nearly all are written by this very version. */
const IS_EXACT = new Map(EVENT_TYPES.map((type) => [type, exactly(EVENT_PAYLOADS[type])]));

/** The event for projectors, or null where this program does not know its type, its MAJOR or its shape. */
export function knownEvent(event: WireEvent): MusterEvent | null {
  if (!isEventType(event.eventType) || !isKnownEvent(event) || isUndecodable(event.payload)) return null;
  if (IS_EXACT.get(event.eventType)?.(event.payload) === true) return event;
  const payload = EVENT_PAYLOADS[event.eventType].safeParse(event.payload);
  return payload.success ? ({ ...event, payload: payload.data } as MusterEvent) : null;
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

/** Queries over the log, in sequence order, each bounded by `limit` rows. */
export function logQueries(dialect: Store["dialect"]) {
  const db = queryBuilder<HubDatabase>(dialect);
  const events = db.selectFrom("orchestration_events").selectAll().orderBy("sequence");
  const sizes = db
    .selectFrom("orchestration_events")
    .select((expression) => expression.fn<number>("length", ["payload_json"]).as("bytes"))
    .orderBy("sequence");
  const compiled = (query: { compile(): { sql: string; parameters: readonly unknown[] } }): Query => {
    const { sql, parameters } = query.compile();
    return { sql, parameters: parameters as Query["parameters"] };
  };
  return {
    /** All spaces: for the tail that all feeds of this replica share. */
    after: (sequence: number, limit: number): Query => compiled(events.where("sequence", ">", sequence).limit(limit)),
    ofSpace: (spaceId: string, sequence: number, limit: number): Query =>
      compiled(events.where("space_id", "=", spaceId).where("sequence", ">", sequence).limit(limit)),
    ofStream: (spaceId: string, kind: "project" | "thread", streamId: string, sequence: number, limit: number): Query =>
      compiled(
        events
          .where("space_id", "=", spaceId)
          .where("aggregate_kind", "=", kind)
          .where("stream_id", "=", streamId)
          .where("sequence", ">", sequence)
          .limit(limit),
      ),
    /** One row `{bytes}` per event, to tell how much a replay would be without reading it. */
    gapOfSpace: (spaceId: string, sequence: number, limit: number): Query =>
      compiled(sizes.where("space_id", "=", spaceId).where("sequence", ">", sequence).limit(limit)),
    gapOfStream: (
      spaceId: string,
      kind: "project" | "thread",
      streamId: string,
      sequence: number,
      limit: number,
    ): Query =>
      compiled(
        sizes
          .where("space_id", "=", spaceId)
          .where("aggregate_kind", "=", kind)
          .where("stream_id", "=", streamId)
          .where("sequence", ">", sequence)
          .limit(limit),
      ),
    head: (): Query =>
      compiled(db.selectFrom("orchestration_events").select((expression) => expression.fn.max("sequence").as("head"))),
  };
}
