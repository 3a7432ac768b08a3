// What the effect worker asks of the outbox and writes there. A lease is taken and given back under the fence it was
// claimed with, so whoever holds an older one changes nothing.
import type { EffectId, NodeId } from "@muster/contracts";
import { change, integer, nullable, required, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

/** Effects looked at and claimed together. */
export const EFFECTS_PAGE_MAX = 256;

const { orchestration_effects: effects, runtime_node_attachments: slots, runtime_node_presence: presence } = HUB_TABLES;

const ofNode = { ...ofSpace, nodeId: text<NodeId>() } as const;
const ofEffect = { ...ofSpace, effectId: text<EffectId>() } as const;
const underFence = { ...ofEffect, fence: integer(), now: text() } as const;

/** Nodes with effects that wait or are on their way, each with the connection that is its newest. */
export const nodesWithEffects = select({
  request: {},
  row: { space_id: slots.space_id, node_id: slots.node_id, connection_id: nullable(presence.connection_id) },
  sql: `SELECT DISTINCT a.space_id, a.node_id, h.connection_id FROM runtime_node_attachments a
    LEFT JOIN runtime_node_presence h ON h.space_id = a.space_id AND h.node_id = a.node_id WHERE EXISTS (
      SELECT 1 FROM orchestration_effects e WHERE e.space_id = a.space_id AND e.node_id = a.node_id AND e.status IN ('pending', 'running'))`,
});

/** None for a node that speaks under an epoch that is not its newest. */
export const effectOfNode = select({
  request: { ...ofEffect, nodeId: text<NodeId>(), epoch: integer() },
  row: effects,
  sql: `SELECT * FROM orchestration_effects WHERE space_id = :spaceId AND effect_id = :effectId AND node_id = :nodeId
    AND EXISTS (SELECT 1 FROM nodes WHERE nodes.space_id = :spaceId AND nodes.node_id = :nodeId AND nodes.epoch = :epoch)`,
});

/** Reverts that wait or are on their way, the oldest first. */
export const openReverts = select({
  request: {},
  row: effects,
  sql: `SELECT * FROM orchestration_effects WHERE kind = 'node.checkpoint.revert' AND status IN ('pending', 'running')
    ORDER BY created_at LIMIT ${EFFECTS_PAGE_MAX}`,
});

/** Whoever claims an effect writes down how long. */
export const inFlightOf = select({
  request: ofNode,
  row: { thread_id: effects.thread_id, lease_expires_at: required(effects.lease_expires_at) },
  sql: `SELECT thread_id, lease_expires_at FROM orchestration_effects
    WHERE space_id = :spaceId AND node_id = :nodeId AND status = 'running'`,
});

export const pendingOf = select({
  request: { ...ofNode, after: integer() },
  row: effects,
  sql: `SELECT * FROM orchestration_effects
    WHERE space_id = :spaceId AND node_id = :nodeId AND status = 'pending' AND event_sequence > :after
    ORDER BY event_sequence LIMIT ${EFFECTS_PAGE_MAX}`,
});

const EXPIRED = "status = 'running' AND lease_expires_at < :now";

export const someExpired = select({
  request: { now: text() },
  row: { one: integer() },
  sql: `SELECT 1 AS one FROM orchestration_effects WHERE ${EXPIRED} LIMIT 1`,
});

export const takeBackExpired = change({
  request: { now: text() },
  sql: `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL,
    updated_at = :now WHERE ${EXPIRED}`,
});

export const takeBackOfNode = change({
  request: { ...ofNode, now: text() },
  sql: `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL,
    available_at = :now, updated_at = :now
    WHERE space_id = :spaceId AND node_id = :nodeId AND status IN ('pending', 'running')`,
});

/** Changes one row, or none where another process was faster. */
export const claimEffect = change({
  request: { ...underFence, replicaId: text(), leaseExpiresAt: text() },
  sql: `UPDATE orchestration_effects SET status = 'running', lease_owner = :replicaId, lease_expires_at = :leaseExpiresAt,
    fence = fence + 1, attempt_count = attempt_count + 1, updated_at = :now
    WHERE space_id = :spaceId AND effect_id = :effectId AND status = 'pending' AND fence = :fence`,
});

export const postponeEffect = change({
  request: { ...underFence, availableAt: text(), code: text() },
  sql: `UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_expires_at = NULL,
    available_at = :availableAt, last_error = :code, updated_at = :now
    WHERE space_id = :spaceId AND effect_id = :effectId AND status = 'running' AND fence = :fence`,
});

export const finishEffect = change({
  request: { ...underFence, status: text<"succeeded" | "failed">(), code: nullable(text()) },
  sql: `UPDATE orchestration_effects SET status = :status, lease_owner = NULL, lease_expires_at = NULL,
    last_error = :code, updated_at = :now
    WHERE space_id = :spaceId AND effect_id = :effectId AND status IN ('running', 'cancelled') AND fence = :fence`,
});
