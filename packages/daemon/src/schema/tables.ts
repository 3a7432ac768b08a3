// Rows of outbox.db, as the database holds them. Times are ISO 8601 UTC with milliseconds, `*_json` is JSON text.

export interface IngestJournalTable {
  journal_id: string;
  sequence: number;
  thread_id: string;
  turn_id: string | null;
  /** JSON of {command, correlationId}. */
  payload: string;
  created_at: string;
  acked_at: string | null;
}

/**
 * What was taken over from the hub, keyed by effect. A turn has a row beside its effect's, keyed `turn:<turnId>`, that
 * outlives it: `running`, then `settled`; `interrupted` is the tombstone of a turn whose start has not come yet.
 */
export type EffectState = "accepted" | "done" | "failed" | "running" | "settled" | "interrupted";

export interface EffectsSeenTable {
  effect_id: string;
  fence: number;
  state: EffectState;
  /**
   * Of an effect: the error it was answered with, or null; of a revert that has begun and not ended, the effect itself.
   * Of a turn: its thread and what it needs to be settled.
   */
  result_json: string | null;
  seen_at: string;
  updated_at: string;
}

export interface ProviderSessionRuntimeTable {
  provider_session_id: string;
  thread_id: string;
  provider_name: string;
  adapter_key: string;
  provider_thread_id: string | null;
  status: "starting" | "running" | "stopped" | "error";
  last_seen_at: string;
  /** {providerThreadId}, where the agent can take the conversation up again. */
  resume_cursor_json: string | null;
  /** {processGroups, cwd}: what to end when the daemon was killed. */
  runtime_payload_json: string;
}

/** Of a turn that runs: a call that began seconds ago and is not in the journal yet. */
export interface BegunCallsTable {
  turn_id: string;
  item_id: string;
  /** JSON of the command that the journal gets if the call is not heard of again. */
  payload: string;
  begun_at: string;
}

export interface DaemonDatabase {
  ingest_journal: IngestJournalTable;
  effects_seen: EffectsSeenTable;
  begun_calls: BegunCallsTable;
  provider_session_runtime: ProviderSessionRuntimeTable;
}
