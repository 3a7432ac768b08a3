// First schema, projections: the eight tables that readers see, and how far each has followed the event log.

const projectsAndThreads = [
  `CREATE TABLE projection_projects (
  space_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  title TEXT NOT NULL,
  workspace_root TEXT NOT NULL,
  default_model TEXT,
  scripts_json TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  deleted_at TEXT,
  PRIMARY KEY (space_id, project_id)
) STRICT`,
  "CREATE INDEX projection_projects_session_id_idx ON projection_projects (space_id, session_id)",
  `CREATE TABLE projection_threads (
  space_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  title TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT,
  runtime_mode TEXT NOT NULL CONSTRAINT projection_threads_runtime_mode_check
    CHECK (runtime_mode IN ('approval-required', 'auto-accept-edits', 'full-access')),
  branch TEXT,
  worktree_path TEXT,
  latest_turn_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  archived_at TEXT,
  deleted_at TEXT,
  PRIMARY KEY (space_id, thread_id)
) STRICT`,
  "CREATE INDEX projection_threads_project_id_idx ON projection_threads (space_id, project_id)",
];

const messages = [
  `CREATE TABLE projection_thread_messages (
  space_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT,
  role TEXT NOT NULL CONSTRAINT projection_thread_messages_role_check CHECK (role IN ('user', 'assistant', 'system')),
  text TEXT NOT NULL,
  attachments_json TEXT NOT NULL,
  is_streaming INTEGER NOT NULL CONSTRAINT projection_thread_messages_is_streaming_check CHECK (is_streaming IN (0, 1)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, message_id)
) STRICT`,
  "CREATE INDEX projection_thread_messages_thread_id_created_at_idx ON projection_thread_messages (space_id, thread_id, created_at)",
  `CREATE TABLE projection_thread_activities (
  space_id TEXT NOT NULL,
  activity_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT,
  tone TEXT NOT NULL CONSTRAINT projection_thread_activities_tone_check CHECK (tone IN ('info', 'tool', 'approval', 'error')),
  kind TEXT NOT NULL,
  summary TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (space_id, activity_id)
) STRICT`,
  "CREATE INDEX projection_thread_activities_thread_id_created_at_idx ON projection_thread_activities (space_id, thread_id, created_at)",
];

const turns = [
  `CREATE TABLE projection_thread_sessions (
  space_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  status TEXT NOT NULL CONSTRAINT projection_thread_sessions_status_check
    CHECK (status IN ('idle', 'starting', 'running', 'ready', 'interrupted', 'stopped', 'error')),
  provider_name TEXT,
  provider_session_id TEXT,
  provider_thread_id TEXT,
  active_turn_id TEXT,
  last_error TEXT,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, thread_id)
) STRICT`,
  `CREATE TABLE projection_thread_turns (
  space_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  turn_count INTEGER,
  status TEXT NOT NULL CONSTRAINT projection_thread_turns_status_check
    CHECK (status IN ('queued', 'running', 'completed', 'interrupted', 'error')),
  reason TEXT,
  queue_position INTEGER,
  model TEXT,
  effort TEXT,
  user_message_id TEXT NOT NULL,
  assistant_message_id TEXT,
  requested_at TEXT NOT NULL,
  started_at TEXT,
  completed_at TEXT,
  PRIMARY KEY (space_id, turn_id)
) STRICT`,
  "CREATE INDEX projection_thread_turns_thread_id_requested_at_idx ON projection_thread_turns (space_id, thread_id, requested_at)",
  // At most 21 rows a thread, looked for whenever its state is loaded.
  `CREATE INDEX projection_thread_turns_unsettled_idx ON projection_thread_turns (space_id, thread_id, queue_position)
  WHERE status IN ('queued', 'running')`,
];

const checkpointsAndApprovals = [
  `CREATE TABLE projection_checkpoints (
  space_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  checkpoint_turn_count INTEGER NOT NULL,
  checkpoint_ref TEXT NOT NULL,
  status TEXT NOT NULL CONSTRAINT projection_checkpoints_status_check CHECK (status IN ('ready', 'missing', 'error')),
  files_json TEXT NOT NULL,
  assistant_message_id TEXT,
  completed_at TEXT NOT NULL,
  PRIMARY KEY (space_id, thread_id, checkpoint_turn_count)
) STRICT`,
  `CREATE TABLE projection_pending_approvals (
  space_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL CONSTRAINT projection_pending_approvals_status_check CHECK (status IN ('pending', 'resolved', 'expired')),
  decision TEXT CONSTRAINT projection_pending_approvals_decision_check
    CHECK (decision IN ('accept', 'acceptForSession', 'decline', 'cancel')),
  payload_json TEXT NOT NULL,
  created_at TEXT NOT NULL,
  resolved_at TEXT,
  PRIMARY KEY (space_id, request_id)
) STRICT`,
  "CREATE INDEX projection_pending_approvals_thread_id_status_idx ON projection_pending_approvals (space_id, thread_id, status)",
];

/** One row per projector for the whole store: sequences are global, not a space's. */
const state = [
  `CREATE TABLE projection_state (
  projector TEXT NOT NULL,
  last_applied_sequence INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (projector)
) STRICT, WITHOUT ROWID`,
];

export const projectionTables: readonly string[] = [
  ...projectsAndThreads,
  ...messages,
  ...turns,
  ...checkpointsAndApprovals,
  ...state,
];
