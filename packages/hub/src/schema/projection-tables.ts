// Rows of the projections, as the database holds them: the columns of the contract's rows in snake_case, with
// `space_id` in front. `*_json` is JSON text, booleans are 0 and 1.
import type {
  ActivityTone,
  ApprovalDecision,
  ApprovalRow,
  CheckpointRow,
  MessageRow,
  ProviderSessionStatus,
  Rebuild,
  RuntimeMode,
  TurnStatus,
} from "@muster/contracts";
import type { AllocatedInteger } from "./orchestration-tables.ts";

export interface ProjectionProjectsTable {
  space_id: string;
  project_id: string;
  session_id: string;
  node_id: string;
  title: string;
  workspace_root: string;
  default_model: string | null;
  scripts_json: string;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
}

export interface ProjectionThreadsTable {
  space_id: string;
  thread_id: string;
  project_id: string;
  title: string;
  provider: string;
  model: string | null;
  runtime_mode: RuntimeMode;
  branch: string | null;
  worktree_path: string | null;
  latest_turn_id: string | null;
  created_at: string;
  updated_at: string;
  archived_at: string | null;
  deleted_at: string | null;
}

export interface ProjectionThreadMessagesTable {
  space_id: string;
  message_id: string;
  thread_id: string;
  turn_id: string | null;
  role: MessageRow["role"];
  text: string;
  attachments_json: string;
  is_streaming: 0 | 1;
  created_at: string;
  updated_at: string;
}

export interface ProjectionThreadActivitiesTable {
  space_id: string;
  activity_id: string;
  thread_id: string;
  turn_id: string | null;
  tone: ActivityTone;
  kind: string;
  summary: string;
  payload_json: string;
  created_at: string;
}

export interface ProjectionThreadSessionsTable {
  space_id: string;
  thread_id: string;
  status: ProviderSessionStatus;
  provider_name: string | null;
  provider_session_id: string | null;
  provider_thread_id: string | null;
  active_turn_id: string | null;
  last_error: string | null;
  updated_at: string;
}

export interface ProjectionThreadTurnsTable {
  space_id: string;
  turn_id: string;
  thread_id: string;
  turn_count: number | null;
  status: TurnStatus;
  reason: string | null;
  queue_position: number | null;
  model: string | null;
  effort: string | null;
  user_message_id: string;
  assistant_message_id: string | null;
  requested_at: string;
  started_at: string | null;
  completed_at: string | null;
}

export interface ProjectionCheckpointsTable {
  space_id: string;
  thread_id: string;
  turn_id: string;
  checkpoint_turn_count: number;
  checkpoint_ref: string;
  status: CheckpointRow["status"];
  files_json: string;
  assistant_message_id: string | null;
  completed_at: string;
}

export interface ProjectionPendingApprovalsTable {
  space_id: string;
  request_id: string;
  thread_id: string;
  turn_id: string;
  kind: string;
  status: ApprovalRow["status"];
  decision: ApprovalDecision | null;
  payload_json: string;
  created_at: string;
  resolved_at: string | null;
}

export interface ProjectionRebuildsTable {
  rebuild_number: AllocatedInteger;
  owner: string;
  projectors_json: string;
  status: Rebuild["state"];
  applied_sequence: number;
  head_sequence: number;
  skipped_json: string;
  rows_removed: number | null;
  rows_written: number | null;
  error_code: string | null;
  started_at: string;
  lease_expires_at: string;
  held_until: string | null;
  finished_at: string | null;
}

export interface ProjectionStateTable {
  projector: string;
  last_applied_sequence: AllocatedInteger;
  updated_at: string;
}
