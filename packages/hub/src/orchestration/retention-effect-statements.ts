// The statements of retention over the effect outbox: which effects may go, of whom they are, and how their rows go. One
// of each per stretch, because a status that stands in the text is found by the index of status and time.
import type { EffectId, ThreadId } from "@muster/contracts";
import { change, integer, list, pick, type RowOf, select, text } from "@muster/store";
import { HUB_TABLES, ofSessions, ofSpace } from "../schema/index.ts";

const ENDED = ["succeeded", "failed", "cancelled"] as const;
/** One after the other, so that each is a stretch of one index. */
export const STRETCHES = [...ENDED, "waiting"] as const;
export type Stretch = (typeof STRETCHES)[number];

/** Of one page, so of one commit. */
export const RETENTION_EFFECTS_MAX = 200;

/**
 * Of a turn that has not ended its start says whether the node has it, and of a revert that the node may still have to
 * tell. What any other asks, a machine that comes back after so long needs no more: an agent that nobody uses is ended by
 * its own daemon, and a turn takes the checkpoint of a dropped one over.
 */
const NOT_NEEDED = `NOT EXISTS (SELECT 1 FROM projection_thread_turns u WHERE u.space_id = f.space_id AND u.turn_id = f.turn_id
    AND u.status IN ('queued', 'running'))
  AND (f.kind <> 'node.checkpoint.revert' OR EXISTS (SELECT 1 FROM orchestration_events x
    WHERE x.space_id = f.space_id AND x.aggregate_kind = 'thread' AND x.stream_id = f.thread_id
    AND x.event_type = 'thread.reverted' AND x.sequence > f.event_sequence))`;

/** SQL over `f`, with the cutoff `:waiting`: the effect waits or is on its way, and is still wanted. */
export const STILL_WANTED = `f.status IN ('pending', 'running') AND (f.created_at >= :waiting OR NOT (${NOT_NEEDED}))`;

const effect = {
  ...pick(HUB_TABLES.orchestration_effects, "space_id", "effect_id", "thread_id", "available_at"),
  bytes: integer(),
} as const;

/** An effect to go, with its bytes. */
export type EffectRow = RowOf<typeof effect>;

const pageOf = (chosen: string) =>
  select({
    request: { cutoff: text(), availableAt: text(), effectId: text(), limit: integer() },
    row: effect,
    sql: `SELECT f.space_id, f.effect_id, f.thread_id, f.available_at, octet_length(f.effect_id) + octet_length(f.event_id)
         + octet_length(f.thread_id) + octet_length(f.node_id) + octet_length(f.kind) + octet_length(f.payload_json) AS bytes
       FROM orchestration_effects f
       WHERE ${chosen} AND f.available_at >= :availableAt AND (f.available_at > :availableAt OR f.effect_id > :effectId)
       ORDER BY f.available_at, f.effect_id LIMIT :limit`,
  });

const pageOfEnded = (status: (typeof ENDED)[number]) =>
  pageOf(`f.status = '${status}' AND f.available_at < :cutoff AND f.updated_at < :cutoff AND ${NOT_NEEDED}`);

/** The next effects to go behind a place. */
export const EFFECT_PAGES: Readonly<Record<Stretch, ReturnType<typeof pageOf>>> = {
  succeeded: pageOfEnded("succeeded"),
  failed: pageOfEnded("failed"),
  cancelled: pageOfEnded("cancelled"),
  waiting: pageOf(`f.status IN ('pending', 'running') AND f.created_at < :cutoff AND ${NOT_NEEDED}`),
};

const deletionOf = (statuses: string) =>
  change({
    request: { ...ofSpace, effectId: text<EffectId>() },
    sql: `DELETE FROM orchestration_effects WHERE space_id = :spaceId AND effect_id = :effectId AND status IN (${statuses})`,
  });

export const EFFECT_DELETIONS: Readonly<Record<Stretch, ReturnType<typeof deletionOf>>> = {
  succeeded: deletionOf("'succeeded'"),
  failed: deletionOf("'failed'"),
  cancelled: deletionOf("'cancelled'"),
  waiting: deletionOf("'pending', 'running'"),
};

export const threadsOfSessions = select({
  request: {
    ...ofSessions,
    threadIds: list(text<ThreadId>(), RETENTION_EFFECTS_MAX),
  },
  row: pick(HUB_TABLES.projection_threads, "thread_id"),
  sql: `SELECT t.thread_id FROM projection_threads t
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    WHERE t.space_id = :spaceId AND t.thread_id IN (:threadIds) AND p.session_id IN (:sessionIds)`,
});
