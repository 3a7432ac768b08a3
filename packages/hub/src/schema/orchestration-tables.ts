// Rows of the event log and of what commits with it, as the database holds them. Times are ISO 8601 UTC with
// milliseconds, `*_json` is JSON text, booleans are 0 and 1.
import type { ActorKind, AggregateKind } from "@muster/contracts";
import type { AllocatedNumber } from "@muster/store";
import type { ColumnType, Generated } from "kysely";

/** An event's sequence: on its way in it may be one that the batch allocates. */
export type AllocatedInteger = ColumnType<number, number | AllocatedNumber, number | AllocatedNumber>;

export interface OrchestrationEventsTable {
  sequence: AllocatedInteger;
  event_id: string;
  space_id: string;
  aggregate_kind: AggregateKind;
  stream_id: string;
  stream_version: number;
  event_type: string;
  schema_version: string;
  occurred_at: string;
  command_id: string | null;
  causation_event_id: string | null;
  correlation_id: string | null;
  actor_kind: ActorKind;
  actor_id: string;
  payload_json: string;
  metadata_json: string;
}

export interface OrchestrationCommandReceiptsTable {
  space_id: string;
  command_id: string;
  command_type: string;
  request_fingerprint: string;
  aggregate_kind: AggregateKind;
  aggregate_id: string;
  accepted_at: string;
  result_sequence: AllocatedInteger;
  status: "accepted" | "rejected";
  error_json: string | null;
}

export interface CheckpointDiffBlobsTable {
  space_id: string;
  thread_id: string;
  from_turn_count: number;
  to_turn_count: number;
  diff: string;
  truncated: 0 | 1;
  created_at: string;
}

export interface OrchestrationEffectsTable {
  space_id: string;
  effect_id: string;
  event_id: string;
  event_sequence: AllocatedInteger;
  thread_id: string;
  turn_id: string | null;
  node_id: string;
  kind: string;
  payload_json: string;
  status: "pending" | "running" | "succeeded" | "failed" | "cancelled";
  attempt_count: Generated<number>;
  available_at: string;
  lease_owner: string | null;
  lease_expires_at: string | null;
  fence: Generated<number>;
  last_error: string | null;
  created_at: string;
  updated_at: string;
}

export interface IngestCursorsTable {
  space_id: string;
  node_id: string;
  journal_id: string;
  last_sequence: number;
  updated_at: string;
}

export interface IngestRejectedTable {
  space_id: string;
  node_id: string;
  journal_id: string;
  sequence: number;
  code: string;
  at: string;
}

/** How far pruning has come in a thread: events up to these sequences need not be looked at again. */
export interface ThreadRetentionTable {
  space_id: string;
  thread_id: string;
  pruned_through: number;
  stubbed_through: number;
  updated_at: string;
}
