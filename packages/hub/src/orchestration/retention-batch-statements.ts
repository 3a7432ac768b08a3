// The statements of a retention batch: how large the rows are that it takes from, and how log and rows change. What an
// event made is named by the event's own ids, so that rows and log stay in agreement.
import type { ApprovalRequestId, MessageId } from "@muster/contracts";
import { change, integer, list, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace, ofThread } from "../schema/index.ts";

const {
  projection_checkpoints: checkpoints,
  projection_pending_approvals: approvals,
  projection_thread_activities: activities,
  projection_thread_messages: messages,
} = HUB_TABLES;

/** In one question for sizes. */
export const SIZES_MAX = 500;

export const rewriteEvent = change({
  request: { sequence: integer(), eventType: text(), schemaVersion: text(), payload: text() },
  sql: `UPDATE orchestration_events SET event_type = :eventType, schema_version = :schemaVersion, payload_json = :payload
    WHERE sequence = :sequence`,
});

const activitySizesBy = (bytes: string) =>
  select({
    request: { ...ofSpace, ids: list(text(), SIZES_MAX) },
    row: { id: activities.activity_id, bytes: integer() },
    sql: `SELECT activity_id AS id, ${bytes} AS bytes FROM projection_thread_activities
      WHERE space_id = :spaceId AND activity_id IN (:ids)`,
  });

export const activityDetailSizes = activitySizesBy("octet_length(payload_json)");
export const activitySizes = activitySizesBy("octet_length(payload_json) + octet_length(summary)");

export const approvalSizes = select({
  request: { ...ofThread, ids: list(text<ApprovalRequestId>(), SIZES_MAX) },
  row: { id: approvals.request_id, bytes: integer() },
  sql: `SELECT request_id AS id, octet_length(payload_json) AS bytes FROM projection_pending_approvals
    WHERE space_id = :spaceId AND thread_id = :threadId AND request_id IN (:ids)`,
});

export const messageSizes = select({
  request: { ...ofThread, ids: list(text<MessageId>(), SIZES_MAX) },
  row: { id: messages.message_id, bytes: integer() },
  sql: `SELECT message_id AS id, octet_length(text) + octet_length(attachments_json) AS bytes
    FROM projection_thread_messages WHERE space_id = :spaceId AND thread_id = :threadId AND message_id IN (:ids)`,
});

export const checkpointSizes = select({
  request: { ...ofThread, ids: list(integer(), SIZES_MAX) },
  row: { id: checkpoints.checkpoint_turn_count, bytes: integer() },
  sql: `SELECT checkpoint_turn_count AS id, octet_length(files_json) AS bytes
    FROM projection_checkpoints WHERE space_id = :spaceId AND thread_id = :threadId AND checkpoint_turn_count IN (:ids)`,
});

export const shrinkActivity = change({
  request: { ...ofSpace, id: text(), payload: text() },
  sql: "UPDATE projection_thread_activities SET payload_json = :payload WHERE space_id = :spaceId AND activity_id = :id",
});

export const shrinkApproval = change({
  request: { ...ofThread, id: text<ApprovalRequestId>(), payload: text() },
  sql: `UPDATE projection_pending_approvals SET payload_json = :payload
    WHERE space_id = :spaceId AND thread_id = :threadId AND request_id = :id`,
});

export const deleteApproval = change({
  request: { ...ofThread, id: text<ApprovalRequestId>() },
  sql: `DELETE FROM projection_pending_approvals
    WHERE space_id = :spaceId AND thread_id = :threadId AND request_id = :id`,
});

export const deleteActivity = change({
  request: { ...ofThread, id: text() },
  sql: `DELETE FROM projection_thread_activities
    WHERE space_id = :spaceId AND thread_id = :threadId AND activity_id = :id`,
});

export const deleteMessage = change({
  request: { ...ofThread, id: text<MessageId>() },
  sql: `DELETE FROM projection_thread_messages
    WHERE space_id = :spaceId AND thread_id = :threadId AND message_id = :id`,
});

export const deleteCheckpoint = change({
  request: { ...ofThread, id: integer() },
  sql: `DELETE FROM projection_checkpoints
    WHERE space_id = :spaceId AND thread_id = :threadId AND checkpoint_turn_count = :id`,
});

export const headSize = select({
  request: ofThread,
  row: { bytes: integer() },
  sql: `SELECT octet_length(t.title) + octet_length(coalesce(t.model, '')) + octet_length(coalesce(t.branch, ''))
      + octet_length(coalesce(t.worktree_path, '')) + octet_length(coalesce(s.last_error, '')) AS bytes
    FROM projection_threads t LEFT JOIN projection_thread_sessions s ON s.space_id = t.space_id AND s.thread_id = t.thread_id
    WHERE t.space_id = :spaceId AND t.thread_id = :threadId`,
});

export const emptyHead = change({
  request: ofThread,
  sql: `UPDATE projection_threads SET title = '', model = NULL, branch = NULL, worktree_path = NULL
    WHERE space_id = :spaceId AND thread_id = :threadId`,
});

export const deleteSession = change({
  request: ofThread,
  sql: "DELETE FROM projection_thread_sessions WHERE space_id = :spaceId AND thread_id = :threadId",
});

export const cancelEffects = change({
  request: ofThread,
  sql: `UPDATE orchestration_effects SET status = 'cancelled', lease_owner = NULL, lease_expires_at = NULL,
      available_at = created_at, updated_at = created_at
    WHERE space_id = :spaceId AND thread_id = :threadId AND status IN ('pending', 'running') AND kind <> 'node.session.stop'`,
});
