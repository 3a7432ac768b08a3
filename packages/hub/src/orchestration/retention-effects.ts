// Retention of the effect outbox: rows of effects that ended long ago, and of those that only a machine that stays away
// could do and that no longer matter. An answer to an effect that is gone changes nothing, like one under an older fence.
import { daysToMs, EFFECTS_KEPT_DAYS, EFFECTS_WAIT_MAX_DAYS } from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Row, Statement, Store } from "@muster/store";
import { query } from "./placeholders.ts";
import type { RetentionParts, RetentionScope } from "./retention-queries.ts";

const ENDED = ["succeeded", "failed", "cancelled"] as const;
/** One after the other, so that each is a stretch of one index. */
const STRETCHES = [...ENDED, "waiting"] as const;
type Stretch = (typeof STRETCHES)[number];

/** Behind an effect of a stretch. */
export interface EffectsPlace {
  readonly stretch: Stretch;
  readonly availableAt: string;
  readonly effectId: string;
}

export interface EffectCutoffs {
  /** Effects that ended before this go. */
  readonly ended: string;
  /** Effects that wait since before this are wanted by nobody, where nothing rests on them. */
  readonly waiting: string;
}

export const EFFECTS_START: EffectsPlace = { stretch: "succeeded", availableAt: "", effectId: "" };

/** The next stretch from its beginning, or null after the last. */
export function nextStretch({ stretch }: EffectsPlace): EffectsPlace | null {
  const next = STRETCHES[STRETCHES.indexOf(stretch) + 1];
  return next === undefined ? null : { ...EFFECTS_START, stretch: next };
}

export const effectCutoffs = (now: number): EffectCutoffs => ({
  ended: isoTime(now - daysToMs(EFFECTS_KEPT_DAYS)),
  waiting: isoTime(now - daysToMs(EFFECTS_WAIT_MAX_DAYS)),
});

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

/** SQL over `f`, with the `waiting` cutoff as its parameter: the effect waits or is on its way, and is still wanted. */
export const STILL_WANTED = `f.status IN ('pending', 'running') AND (f.created_at >= ? OR NOT (${NOT_NEEDED}))`;

/** The next effects to go behind a place, with their bytes. The index of status and time serves it. */
export async function effectsPage(
  { store, limits }: RetentionParts,
  cutoffs: EffectCutoffs,
  { stretch, availableAt, effectId }: EffectsPlace,
): Promise<readonly Row[]> {
  const isWaiting = stretch === "waiting";
  const chosen = isWaiting
    ? `f.status IN ('pending', 'running') AND f.created_at < ? AND ${NOT_NEEDED}`
    : `f.status = '${stretch}' AND f.available_at < ? AND f.updated_at < ? AND ${NOT_NEEDED}`;
  return store.read(
    query(
      store.dialect,
      `SELECT f.space_id, f.effect_id, f.thread_id, f.available_at, octet_length(f.effect_id) + octet_length(f.event_id)
         + octet_length(f.thread_id) + octet_length(f.node_id) + octet_length(f.kind) + octet_length(f.payload_json) AS bytes
       FROM orchestration_effects f
       WHERE ${chosen} AND f.available_at >= ? AND (f.available_at > ? OR f.effect_id > ?)
       ORDER BY f.available_at, f.effect_id LIMIT ${limits.effectsMax}`,
      ...(isWaiting ? [cutoffs.waiting] : [cutoffs.ended, cutoffs.ended]),
      availableAt,
      availableAt,
      effectId,
    ),
  );
}

/** Those of a page that are of threads in the scope. Asked apart, so that the page is always found by its index. */
export async function effectsInScope(
  store: Store,
  scope: RetentionScope,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  if (scope === "everything") return rows;
  const { spaceId, sessionIds } = scope;
  const ofSpace = rows.filter((row) => row["space_id"] === spaceId);
  const threadIds = [...new Set(ofSpace.map((row) => String(row["thread_id"])))];
  if (threadIds.length === 0 || sessionIds.length === 0) return [];
  const holes = (values: readonly string[]): string => values.map(() => "?").join(", ");
  const owned = await store.read(
    query(
      store.dialect,
      `SELECT t.thread_id FROM projection_threads t
       JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
       WHERE t.space_id = ? AND t.thread_id IN (${holes(threadIds)}) AND p.session_id IN (${holes(sessionIds)})`,
      spaceId,
      ...threadIds,
      ...sessionIds,
    ),
  );
  const threads = new Set(owned.map((row) => row["thread_id"]));
  return ofSpace.filter((row) => threads.has(row["thread_id"]));
}

/** Another process that was faster with the row, or an answer that came just now, makes it a conflict. */
export function effectDeletion(store: Store, { stretch }: EffectsPlace, row: Row): Statement {
  const statuses = stretch === "waiting" ? "'pending', 'running'" : `'${stretch}'`;
  const sql = `DELETE FROM orchestration_effects WHERE space_id = ? AND effect_id = ? AND status IN (${statuses})`;
  return {
    ...query(store.dialect, sql, String(row["space_id"]), String(row["effect_id"])),
    expectChanges: 1,
  };
}

export const behindEffect = ({ stretch }: EffectsPlace, row: Row): EffectsPlace => ({
  stretch,
  availableAt: String(row["available_at"]),
  effectId: String(row["effect_id"]),
});

export const effectsCursorOf = ({ stretch, availableAt, effectId }: EffectsPlace): string =>
  `~effects~${stretch}~${availableAt}~${effectId}`;

/** Null for what is no place among effects. */
export function effectsPlaceOf(after: string): EffectsPlace | null {
  const match = /^~effects~([a-z]+)~([0-9TZ:.-]{0,32})~([A-Za-z0-9_-]{0,64})$/.exec(after);
  const stretch = STRETCHES.find((one) => one === match?.[1]);
  if (match === null || stretch === undefined) return null;
  return { stretch, availableAt: match[2] ?? "", effectId: match[3] ?? "" };
}
