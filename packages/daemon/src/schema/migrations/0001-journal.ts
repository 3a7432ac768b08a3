// Number 1: the journal toward the hub, the effects taken over from it, and the agents' processes.
import type { Migration } from "@muster/store";

export const journalMigration: Migration = {
  number: 1,
  name: "journal-effects-and-provider-sessions",
  sqlite: [
    // A plain table: payloads can be large, which a table without row ids would store badly.
    `CREATE TABLE ingest_journal (
  journal_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT,
  payload TEXT NOT NULL,
  created_at TEXT NOT NULL,
  acked_at TEXT,
  PRIMARY KEY (journal_id, sequence)
) STRICT`,
    `CREATE TABLE effects_seen (
  effect_id TEXT NOT NULL,
  fence INTEGER NOT NULL,
  state TEXT NOT NULL CONSTRAINT effects_seen_state_check
    CHECK (state IN ('accepted', 'done', 'failed', 'running', 'settled', 'interrupted')),
  result_json TEXT,
  seen_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (effect_id)
) STRICT, WITHOUT ROWID`,
    "CREATE INDEX effects_seen_state_updated_at_idx ON effects_seen (state, updated_at)",
    `CREATE TABLE provider_session_runtime (
  provider_session_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  provider_name TEXT NOT NULL,
  adapter_key TEXT NOT NULL,
  provider_thread_id TEXT,
  status TEXT NOT NULL CONSTRAINT provider_session_runtime_status_check
    CHECK (status IN ('starting', 'running', 'stopped', 'error')),
  last_seen_at TEXT NOT NULL,
  resume_cursor_json TEXT,
  runtime_payload_json TEXT NOT NULL,
  PRIMARY KEY (provider_session_id)
) STRICT, WITHOUT ROWID`,
    "CREATE INDEX provider_session_runtime_thread_id_idx ON provider_session_runtime (thread_id)",
    "CREATE INDEX provider_session_runtime_status_idx ON provider_session_runtime (status)",
    "CREATE INDEX provider_session_runtime_provider_name_idx ON provider_session_runtime (provider_name)",
  ],
};
