// The tables of outbox.db, with one schema each: from it come the types of rows and statements. Times are ISO 8601 UTC
// with milliseconds, `*_json` is JSON text.
import type { JournalId, ProviderItemId, ProviderSessionId, ThreadId, TurnId } from "@muster/contracts";
import { type Columns, integer, nullable, type RowOf, text } from "@muster/store";

/**
 * What was taken over from the hub, keyed by effect. A turn has a row beside its effect's, keyed `turn:<turnId>`, that
 * outlives it: `running`, then `settled`; `interrupted` is the tombstone of a turn whose start has not come yet.
 */
export type EffectState = "accepted" | "done" | "failed" | "running" | "settled" | "interrupted";

export const DAEMON_TABLES = {
  ingest_journal: {
    journal_id: text<JournalId>(),
    sequence: integer(),
    thread_id: text<ThreadId>(),
    turn_id: nullable(text<TurnId>()),
    /** JSON of {command, correlationId}. */
    payload: text(),
    created_at: text(),
    acked_at: nullable(text()),
  },

  effects_seen: {
    effect_id: text(),
    fence: integer(),
    state: text<EffectState>(),
    /**
     * Of an effect: the error it was answered with, or null; of a revert that has begun and not ended, the effect itself.
     * Of a turn: its thread and what it needs to be settled.
     */
    result_json: nullable(text()),
    seen_at: text(),
    updated_at: text(),
  },

  provider_session_runtime: {
    provider_session_id: text<ProviderSessionId>(),
    thread_id: text<ThreadId>(),
    provider_name: text(),
    adapter_key: text(),
    provider_thread_id: nullable(text()),
    status: text<"starting" | "running" | "stopped" | "error">(),
    last_seen_at: text(),
    /** {providerThreadId}, where the agent can take the conversation up again. */
    resume_cursor_json: nullable(text()),
    /** {processGroups, cwd}: what to end when the daemon was killed. */
    runtime_payload_json: text(),
  },

  /** Of a turn that runs: a call that began seconds ago and is not in the journal yet. */
  begun_calls: {
    turn_id: text<TurnId>(),
    item_id: text<ProviderItemId>(),
    /** JSON of the command that the journal gets if the call is not heard of again. */
    payload: text(),
    begun_at: text(),
  },
} as const satisfies Readonly<Record<string, Columns>>;

/** A row of a table, as the database holds it. */
export type DaemonRow<Table extends keyof typeof DAEMON_TABLES> = RowOf<(typeof DAEMON_TABLES)[Table]>;
