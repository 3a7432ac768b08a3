// Rows of the event log and of what commits with it, as the database holds them. Times are ISO 8601 UTC with
// milliseconds, `*_json` is JSON text, booleans are 0 and 1.
import type {
  ActorKind,
  AggregateKind,
  CommandId,
  EffectId,
  EffectKind,
  EventId,
  JournalId,
  NodeId,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { type Columns, integer, nullable, text } from "@muster/store";

export const ORCHESTRATION_TABLES = {
  orchestration_events: {
    sequence: integer(),
    event_id: text<EventId>(),
    space_id: text<SpaceId>(),
    aggregate_kind: text<AggregateKind>(),
    stream_id: text(),
    stream_version: integer(),
    event_type: text(),
    schema_version: text(),
    occurred_at: text(),
    command_id: nullable(text<CommandId>()),
    causation_event_id: nullable(text<EventId>()),
    correlation_id: nullable(text<CommandId>()),
    actor_kind: text<ActorKind>(),
    actor_id: text(),
    payload_json: text(),
    metadata_json: text(),
  },

  orchestration_command_receipts: {
    space_id: text<SpaceId>(),
    command_id: text<CommandId>(),
    command_type: text(),
    request_fingerprint: text(),
    aggregate_kind: text<AggregateKind>(),
    aggregate_id: text(),
    accepted_at: text(),
    result_sequence: integer(),
    status: text<"accepted" | "rejected">(),
    error_json: nullable(text()),
  },

  checkpoint_diff_blobs: {
    space_id: text<SpaceId>(),
    thread_id: text<ThreadId>(),
    from_turn_count: integer(),
    to_turn_count: integer(),
    diff: text(),
    truncated: integer<0 | 1>(),
    created_at: text(),
  },

  orchestration_effects: {
    space_id: text<SpaceId>(),
    effect_id: text<EffectId>(),
    event_id: text<EventId>(),
    event_sequence: integer(),
    thread_id: text<ThreadId>(),
    turn_id: nullable(text<TurnId>()),
    node_id: text<NodeId>(),
    kind: text<EffectKind>(),
    payload_json: text(),
    status: text<"pending" | "running" | "succeeded" | "failed" | "cancelled">(),
    attempt_count: integer(),
    available_at: text(),
    lease_owner: nullable(text()),
    lease_expires_at: nullable(text()),
    fence: integer(),
    last_error: nullable(text()),
    created_at: text(),
    updated_at: text(),
  },

  ingest_cursors: {
    space_id: text<SpaceId>(),
    node_id: text<NodeId>(),
    journal_id: text<JournalId>(),
    last_sequence: integer(),
    updated_at: text(),
  },

  ingest_rejected: {
    space_id: text<SpaceId>(),
    node_id: text<NodeId>(),
    journal_id: text<JournalId>(),
    sequence: integer(),
    code: text(),
    at: text(),
  },

  /** How far pruning has come in a thread: events up to these sequences need not be looked at again. */
  thread_retention: {
    space_id: text<SpaceId>(),
    thread_id: text<ThreadId>(),
    pruned_through: integer(),
    stubbed_through: integer(),
    updated_at: text(),
  },
} as const satisfies Readonly<Record<string, Columns>>;
