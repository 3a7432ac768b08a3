// First schema, orchestration: the event log and what commits with it. Clients choose ids, so every key starts with
// space_id. Index names leave out that leading space_id, because PostgreSQL cuts names at 63 characters.

const events = [
  `CREATE TABLE orchestration_events (
  sequence INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL,
  space_id TEXT NOT NULL,
  aggregate_kind TEXT NOT NULL CONSTRAINT orchestration_events_aggregate_kind_check CHECK (aggregate_kind IN ('project', 'thread')),
  stream_id TEXT NOT NULL,
  stream_version INTEGER NOT NULL CONSTRAINT orchestration_events_stream_version_check CHECK (stream_version >= 1),
  event_type TEXT NOT NULL,
  schema_version TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  command_id TEXT,
  causation_event_id TEXT,
  correlation_id TEXT,
  actor_kind TEXT NOT NULL CONSTRAINT orchestration_events_actor_kind_check CHECK (actor_kind IN ('client', 'server', 'provider')),
  actor_id TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  metadata_json TEXT NOT NULL
) STRICT`,
  "CREATE UNIQUE INDEX orchestration_events_event_id_key ON orchestration_events (space_id, event_id)",
  "CREATE UNIQUE INDEX orchestration_events_stream_id_stream_version_key ON orchestration_events (space_id, aggregate_kind, stream_id, stream_version)",
  "CREATE INDEX orchestration_events_stream_id_sequence_idx ON orchestration_events (space_id, aggregate_kind, stream_id, sequence)",
  "CREATE INDEX orchestration_events_sequence_idx ON orchestration_events (space_id, sequence)",
  "CREATE INDEX orchestration_events_command_id_idx ON orchestration_events (space_id, command_id) WHERE command_id IS NOT NULL",
  "CREATE INDEX orchestration_events_correlation_id_idx ON orchestration_events (space_id, correlation_id) WHERE correlation_id IS NOT NULL",
  // Ids that were ever used are refused even after a revert dropped their rows: only the log still knows them.
  `CREATE INDEX orchestration_events_message_id_idx ON orchestration_events (space_id, json_extract(payload_json, '$.messageId'))
  WHERE event_type = 'thread.message-sent'`,
  `CREATE INDEX orchestration_events_turn_id_idx ON orchestration_events (space_id, json_extract(payload_json, '$.turnId'))
  WHERE event_type IN ('thread.turn-start-requested', 'thread.turn-queued')`,
  // Whether a revert is under way is asked whenever a thread's state is loaded, of threads with any number of events.
  `CREATE INDEX orchestration_events_revert_idx ON orchestration_events (space_id, stream_id, sequence)
  WHERE event_type IN ('thread.checkpoint-revert-requested', 'thread.reverted')`,
];

const receipts = [
  `CREATE TABLE orchestration_command_receipts (
  space_id TEXT NOT NULL,
  command_id TEXT NOT NULL,
  command_type TEXT NOT NULL,
  request_fingerprint TEXT NOT NULL,
  aggregate_kind TEXT NOT NULL CONSTRAINT orchestration_command_receipts_aggregate_kind_check CHECK (aggregate_kind IN ('project', 'thread')),
  aggregate_id TEXT NOT NULL,
  accepted_at TEXT NOT NULL,
  result_sequence INTEGER NOT NULL,
  status TEXT NOT NULL CONSTRAINT orchestration_command_receipts_status_check CHECK (status IN ('accepted', 'rejected')),
  error_json TEXT,
  PRIMARY KEY (space_id, command_id)
) STRICT, WITHOUT ROWID`,
  "CREATE INDEX orchestration_command_receipts_aggregate_kind_aggregate_id_idx ON orchestration_command_receipts (space_id, aggregate_kind, aggregate_id)",
];

const diffBlobs = [
  `CREATE TABLE checkpoint_diff_blobs (
  space_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  from_turn_count INTEGER NOT NULL,
  to_turn_count INTEGER NOT NULL,
  diff TEXT NOT NULL,
  truncated INTEGER NOT NULL CONSTRAINT checkpoint_diff_blobs_truncated_check CHECK (truncated IN (0, 1)),
  created_at TEXT NOT NULL,
  PRIMARY KEY (space_id, thread_id, from_turn_count, to_turn_count)
) STRICT`,
  "CREATE INDEX checkpoint_diff_blobs_thread_id_to_turn_count_idx ON checkpoint_diff_blobs (space_id, thread_id, to_turn_count)",
];

const effects = [
  `CREATE TABLE orchestration_effects (
  space_id TEXT NOT NULL,
  effect_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event_sequence INTEGER NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT,
  node_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  status TEXT NOT NULL CONSTRAINT orchestration_effects_status_check CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  attempt_count INTEGER NOT NULL DEFAULT 0,
  available_at TEXT NOT NULL,
  lease_owner TEXT,
  lease_expires_at TEXT,
  fence INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, effect_id)
) STRICT`,
  "CREATE INDEX orchestration_effects_status_available_at_idx ON orchestration_effects (status, available_at)",
  "CREATE INDEX orchestration_effects_thread_id_status_idx ON orchestration_effects (space_id, thread_id, status)",
  "CREATE INDEX orchestration_effects_node_id_status_idx ON orchestration_effects (space_id, node_id, status)",
];

const ingest = [
  `CREATE TABLE ingest_cursors (
  space_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  journal_id TEXT NOT NULL,
  last_sequence INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, node_id, journal_id)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE ingest_rejected (
  space_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  journal_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  code TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (space_id, node_id, journal_id, sequence)
) STRICT, WITHOUT ROWID`,
];

export const orchestrationTables: readonly string[] = [...events, ...receipts, ...diffBlobs, ...effects, ...ingest];
