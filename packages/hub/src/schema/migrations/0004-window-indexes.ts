// Number 4: a thread's window is found by its turns, however many rows the thread has; its latest plan by itself.
import type { Migration } from "@muster/store";

const indexes = [
  "CREATE INDEX projection_thread_messages_turn_id_idx ON projection_thread_messages (space_id, thread_id, turn_id, created_at)",
  "CREATE INDEX projection_thread_activities_turn_id_idx ON projection_thread_activities (space_id, thread_id, turn_id, created_at)",
  "CREATE INDEX projection_pending_approvals_turn_id_idx ON projection_pending_approvals (space_id, thread_id, turn_id, created_at)",
  "CREATE INDEX projection_checkpoints_turn_id_idx ON projection_checkpoints (space_id, thread_id, turn_id)",
  `CREATE INDEX projection_thread_activities_plan_idx ON projection_thread_activities (space_id, thread_id, created_at)
  WHERE kind = 'plan.updated'`,
];

export const windowIndexes: Migration = { number: 4, name: "window-indexes", sqlite: indexes, postgres: indexes };
