// Valid rows for tests, one per table, so that a test names only the column it is about.
import { type Dialect, insertRows, type SqlValue, type Statement } from "@muster/store";
import { HUB_COLUMNS, type HubTable } from "./tables.ts";

export type Table = HubTable;
export type Values = Readonly<Record<string, SqlValue>>;

const AT = "2026-01-01T00:00:00.000Z";
const ids = {
  space_id: "space",
  session_id: "session",
  thread_id: "thread",
  turn_id: "turn",
  node_id: "node",
  participant_id: "person",
  owner: "person",
  principal_id: "person",
};
const times = {
  at: AT,
  created_at: AT,
  updated_at: AT,
  occurred_at: AT,
  accepted_at: AT,
  requested_at: AT,
  available_at: AT,
  attached_at: AT,
  last_heartbeat_at: AT,
  expires_at: AT,
};
const json = {
  payload_json: "{}",
  metadata_json: "{}",
  scripts_json: "[]",
  attachments_json: "[]",
  files_json: "[]",
  scopes_json: "[]",
  archived_keys_json: "[]",
  details_json: "{}",
  projectors_json: "[]",
  skipped_json: "{}",
};
const numbers = {
  sequence: 1,
  stream_version: 1,
  result_sequence: 1,
  event_sequence: 1,
  last_sequence: 1,
  pruned_through: 1,
  stubbed_through: 1,
  last_applied_sequence: 1,
  rebuild_number: 1,
  applied_sequence: 0,
  head_sequence: 0,
  from_turn_count: 0,
  to_turn_count: 1,
  checkpoint_turn_count: 1,
  truncated: 0,
  is_streaming: 0,
  attempt_count: 0,
  fence: 0,
  epoch: 1,
};
const sets = {
  aggregate_kind: "thread",
  actor_kind: "client",
  runtime_mode: "approval-required",
  role: "owner",
  tone: "info",
  action: "attached",
  health_state: "online",
};

/** Values of closed sets that differ between tables of the same column name. */
const OWN: { readonly [Name in Table]?: Values } = {
  orchestration_command_receipts: { status: "accepted" },
  orchestration_effects: { status: "pending" },
  projection_thread_messages: { role: "user" },
  projection_thread_sessions: { status: "idle" },
  projection_thread_turns: { status: "queued" },
  projection_checkpoints: { status: "ready" },
  projection_pending_approvals: { status: "pending" },
  projection_rebuilds: { status: "running", started_at: AT, lease_expires_at: AT },
  principals: { kind: "human" },
  sessions: { state: "active" },
  session_memberships: { state: "active" },
  session_invites: { state: "pending" },
  runtime_node_attachments: { state: "registering" },
};

/** Columns that may be empty and are, unless the test says otherwise. */
const EMPTY = new Set([
  "command_id",
  "causation_event_id",
  "correlation_id",
  "error_json",
  "error_code",
  "rows_removed",
  "rows_written",
  "held_until",
  "finished_at",
  "lease_owner",
  "lease_expires_at",
  "last_error",
  "default_model",
  "deleted_at",
  "archived_at",
  "model",
  "branch",
  "worktree_path",
  "latest_turn_id",
  "default_session_id",
  "disabled_at",
  "revoked_at",
  "last_used_at",
  "min_client_version",
  "redeemed_by",
  "settled_at",
  "encryption_key",
  "incarnation",
  "capabilities_json",
  "detached_at",
  "detach_reason",
  "reason",
  "connection_id",
  "decision",
  "resolved_at",
  "provider_name",
  "provider_session_id",
  "provider_thread_id",
  "active_turn_id",
  "turn_count",
  "queue_position",
  "effort",
  "assistant_message_id",
  "started_at",
]);

/** A row of the table that breaks no rule, with the given values in place of its own. */
export const sampleRow = (dialect: Dialect, table: Table, values: Values = {}): Statement => {
  const known: Values = { ...ids, ...times, ...json, ...numbers, ...sets, ...OWN[table], ...values };
  const columns: readonly string[] = HUB_COLUMNS[table];
  const keys: readonly string[] = table === "orchestration_command_receipts" ? ["command_id"] : [];
  const row = columns.map(
    (column) => known[column] ?? (column in values || (EMPTY.has(column) && !keys.includes(column)) ? null : column),
  );
  const [statement] = insertRows(dialect, table, columns, [row]);
  if (statement === undefined) throw new Error("one row is one statement");
  return statement;
};
