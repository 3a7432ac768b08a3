// What decisions ask the database beside their streams. Each is found by an index that begins with what is asked for.
import type { ApprovalRequestId, MessageId, NodeId, ProjectId, SessionId } from "@muster/contracts";
import { integer, pick, required, select, text } from "@muster/store";
import { CONTRIBUTES } from "../nodes/index.ts";
import { HUB_TABLES, ofSpace, ofThread, ofTurn } from "../schema/index.ts";

const {
  orchestration_effects: effects,
  orchestration_events: events,
  projection_checkpoints: checkpoints,
  projection_pending_approvals: approvals,
  projection_thread_activities: activities,
  projection_thread_messages: messages,
  projection_thread_turns: turns,
  projection_threads: threads,
  runtime_node_attachments: slots,
  runtime_node_presence: presence,
  sessions,
} = HUB_TABLES;

const ofSession = { ...ofSpace, sessionId: text<SessionId>() } as const;
const ofNode = { ...ofSpace, nodeId: text<NodeId>() } as const;

export const slotOf = select({
  request: { ...ofSession, nodeId: text<NodeId>() },
  row: pick(slots, "state", "client_version", "capabilities_json"),
  sql: `SELECT state, client_version, capabilities_json FROM runtime_node_attachments
    WHERE space_id = :spaceId AND node_id = :nodeId AND session_id = :sessionId`,
});

/** What derives from the session for the node: its floor, and whether the node's owner may contribute one. */
export const standingOf = select({
  request: { ...ofSession, nodeId: text<NodeId>() },
  row: { ...pick(sessions, "min_client_version"), contributes: integer() },
  sql: `SELECT session.min_client_version, ${CONTRIBUTES} AS contributes FROM sessions session
    LEFT JOIN nodes node ON node.space_id = session.space_id AND node.node_id = :nodeId
    WHERE session.space_id = :spaceId AND session.session_id = :sessionId`,
});

/** Two flags and not the rows, so that what else changes of a node under way stands in no report's way. */
export const reporterOf = select({
  request: { ...ofSession, nodeId: text<NodeId>() },
  row: { revoked: integer(), contributes: integer() },
  sql: `SELECT CASE WHEN slot.state = 'revoked' THEN 1 ELSE 0 END AS revoked, ${CONTRIBUTES} AS contributes
    FROM sessions session
    LEFT JOIN nodes node ON node.space_id = session.space_id AND node.node_id = :nodeId
    LEFT JOIN runtime_node_attachments slot ON slot.space_id = session.space_id AND slot.node_id = :nodeId
      AND slot.session_id = session.session_id
    WHERE session.space_id = :spaceId AND session.session_id = :sessionId`,
});

export const healthOf = select({
  request: ofNode,
  row: pick(presence, "health_state"),
  sql: "SELECT health_state FROM runtime_node_presence WHERE space_id = :spaceId AND node_id = :nodeId",
});

export const sessionState = select({
  request: ofSession,
  row: pick(sessions, "state"),
  sql: "SELECT state FROM sessions WHERE space_id = :spaceId AND session_id = :sessionId",
});

export const requestIdUse = select({
  request: { ...ofSpace, requestId: text<ApprovalRequestId>() },
  row: pick(approvals, "request_id"),
  sql: "SELECT request_id FROM projection_pending_approvals WHERE space_id = :spaceId AND request_id = :requestId",
});

export const assistantMessage = select({
  request: { ...ofThread, messageId: text<MessageId>() },
  row: { turn_id: required(messages.turn_id), text: messages.text },
  sql: `SELECT turn_id, text FROM projection_thread_messages WHERE space_id = :spaceId AND message_id = :messageId
    AND thread_id = :threadId AND role = 'assistant' AND turn_id IS NOT NULL`,
});

export const startedTurn = select({
  request: ofTurn,
  row: { turn_count: required(turns.turn_count) },
  sql: `SELECT turn_count FROM projection_thread_turns
    WHERE space_id = :spaceId AND turn_id = :turnId AND thread_id = :threadId AND turn_count IS NOT NULL`,
});

export const assistantMessageOfTurn = select({
  request: ofTurn,
  row: pick(turns, "assistant_message_id"),
  sql: `SELECT assistant_message_id FROM projection_thread_turns
    WHERE space_id = :spaceId AND turn_id = :turnId AND thread_id = :threadId`,
});

export const liveThreads = select({
  request: { ...ofSpace, projectId: text<ProjectId>() },
  row: pick(threads, "thread_id"),
  sql: `SELECT thread_id FROM projection_threads WHERE space_id = :spaceId AND project_id = :projectId
    AND deleted_at IS NULL ORDER BY created_at, thread_id`,
});

export const startDeliveries = select({
  request: ofTurn,
  row: pick(effects, "status", "attempt_count"),
  sql: `SELECT status, attempt_count FROM orchestration_effects WHERE space_id = :spaceId AND thread_id = :threadId
    AND turn_id = :turnId AND kind = 'node.turn.start' ORDER BY event_sequence`,
});

const checkpoint = pick(checkpoints, "checkpoint_turn_count", "checkpoint_ref", "status");

export const checkpointByTurnCount = select({
  request: { ...ofThread, turnCount: integer() },
  row: checkpoint,
  sql: `SELECT checkpoint_turn_count, checkpoint_ref, status FROM projection_checkpoints
    WHERE space_id = :spaceId AND thread_id = :threadId AND checkpoint_turn_count = :turnCount`,
});

export const checkpointByRef = select({
  request: { ...ofThread, checkpointRef: text() },
  row: checkpoint,
  sql: `SELECT checkpoint_turn_count, checkpoint_ref, status FROM projection_checkpoints
    WHERE space_id = :spaceId AND thread_id = :threadId AND checkpoint_ref = :checkpointRef`,
});

export const turnsOfThread = select({
  request: ofThread,
  row: pick(turns, "turn_id", "turn_count"),
  sql: `SELECT turn_id, turn_count FROM projection_thread_turns WHERE space_id = :spaceId AND thread_id = :threadId
    ORDER BY requested_at, turn_id`,
});

export const messagesOfThread = select({
  request: ofThread,
  row: pick(messages, "message_id", "turn_id"),
  sql: "SELECT message_id, turn_id FROM projection_thread_messages WHERE space_id = :spaceId AND thread_id = :threadId",
});

export const waitingReverts = select({
  request: ofThread,
  row: pick(effects, "attempt_count"),
  sql: `SELECT attempt_count FROM orchestration_effects WHERE space_id = :spaceId AND thread_id = :threadId
    AND status = 'pending' AND kind = 'node.checkpoint.revert'`,
});

/** The end of a revert that is named by its request's event, or by the command that asked for it. */
const revertEnd = (column: "event_id" | "correlation_id") =>
  select({
    request: { ...ofThread, named: text() },
    row: pick(events, "sequence", "actor_kind", "payload_json"),
    sql: `SELECT sequence, actor_kind, payload_json FROM orchestration_events
      WHERE space_id = :spaceId AND aggregate_kind = 'thread' AND stream_id = :threadId AND event_type = 'thread.reverted'
      AND sequence > (SELECT sequence FROM orchestration_events WHERE space_id = :spaceId AND ${column} = :named
        AND stream_id = :threadId AND event_type = 'thread.checkpoint-revert-requested')
      ORDER BY sequence LIMIT 1`,
  });

export const revertEndByEvent = revertEnd("event_id");
export const revertEndByCommand = revertEnd("correlation_id");

export const lateReverts = select({
  request: { ...ofThread, kind: text(), after: integer() },
  row: { payload_json: activities.payload_json, correlation_id: events.correlation_id },
  sql: `SELECT a.payload_json, e.correlation_id FROM projection_thread_activities a
    JOIN orchestration_events e ON e.space_id = a.space_id AND e.event_id = a.activity_id
    WHERE a.space_id = :spaceId AND a.thread_id = :threadId AND a.kind = :kind AND e.sequence > :after`,
});
