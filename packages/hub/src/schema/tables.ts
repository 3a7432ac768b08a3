// Every table of the hub by name, as Kysely types them. One interface per table, in the files beside this one.

import type {
  AuditLogTable,
  NodesTable,
  PrincipalsTable,
  RuntimeNodeAttachmentLogTable,
  RuntimeNodeAttachmentsTable,
  RuntimeNodePresenceTable,
  SessionInvitesTable,
  SessionMembershipsTable,
  SessionsTable,
  SpacesTable,
  TokensTable,
} from "./node-tables.ts";
import type {
  CheckpointDiffBlobsTable,
  IngestCursorsTable,
  IngestRejectedTable,
  OrchestrationCommandReceiptsTable,
  OrchestrationEffectsTable,
  OrchestrationEventsTable,
  ThreadRetentionTable,
} from "./orchestration-tables.ts";
import type {
  ProjectionCheckpointsTable,
  ProjectionPendingApprovalsTable,
  ProjectionProjectsTable,
  ProjectionRebuildsTable,
  ProjectionStateTable,
  ProjectionThreadActivitiesTable,
  ProjectionThreadMessagesTable,
  ProjectionThreadSessionsTable,
  ProjectionThreadsTable,
  ProjectionThreadTurnsTable,
} from "./projection-tables.ts";

export type { HealthState, SlotState } from "./node-tables.ts";
export type { AllocatedInteger } from "./orchestration-tables.ts";

export interface HubDatabase {
  orchestration_events: OrchestrationEventsTable;
  orchestration_command_receipts: OrchestrationCommandReceiptsTable;
  checkpoint_diff_blobs: CheckpointDiffBlobsTable;
  orchestration_effects: OrchestrationEffectsTable;
  ingest_cursors: IngestCursorsTable;
  ingest_rejected: IngestRejectedTable;
  thread_retention: ThreadRetentionTable;
  projection_projects: ProjectionProjectsTable;
  projection_threads: ProjectionThreadsTable;
  projection_thread_messages: ProjectionThreadMessagesTable;
  projection_thread_activities: ProjectionThreadActivitiesTable;
  projection_thread_sessions: ProjectionThreadSessionsTable;
  projection_thread_turns: ProjectionThreadTurnsTable;
  projection_checkpoints: ProjectionCheckpointsTable;
  projection_pending_approvals: ProjectionPendingApprovalsTable;
  projection_state: ProjectionStateTable;
  projection_rebuilds: ProjectionRebuildsTable;
  spaces: SpacesTable;
  principals: PrincipalsTable;
  tokens: TokensTable;
  audit_log: AuditLogTable;
  sessions: SessionsTable;
  session_memberships: SessionMembershipsTable;
  session_invites: SessionInvitesTable;
  nodes: NodesTable;
  runtime_node_attachments: RuntimeNodeAttachmentsTable;
  runtime_node_attachment_log: RuntimeNodeAttachmentLogTable;
  runtime_node_presence: RuntimeNodePresenceTable;
}
