// Retention of the effect outbox: rows of effects that ended long ago, and of those that only a machine that stays away
// could do and that no longer matter. An answer to an effect that is gone changes nothing, like one under an older fence.
import { daysToMs, EFFECTS_KEPT_DAYS, EFFECTS_WAIT_MAX_DAYS } from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Statement, Store } from "@muster/store";
import {
  EFFECT_DELETIONS,
  EFFECT_PAGES,
  type EffectRow,
  STRETCHES,
  type Stretch,
  threadsOfSessions,
} from "./retention-effect-statements.ts";
import type { RetentionParts, RetentionScope } from "./retention-queries.ts";

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

/** The next effects to go behind a place, with their bytes. */
export async function effectsPage(
  { store, limits }: RetentionParts,
  cutoffs: EffectCutoffs,
  { stretch, availableAt, effectId }: EffectsPlace,
): Promise<readonly EffectRow[]> {
  const cutoff = stretch === "waiting" ? cutoffs.waiting : cutoffs.ended;
  return store.read(EFFECT_PAGES[stretch](store.dialect, { cutoff, availableAt, effectId, limit: limits.effectsMax }));
}

/** Those of a page that are of threads in the scope. Asked apart, so that the page is always found by its index. */
export async function effectsInScope(
  store: Store,
  scope: RetentionScope,
  rows: readonly EffectRow[],
): Promise<readonly EffectRow[]> {
  if (scope === "everything") return rows;
  const { spaceId, sessionIds } = scope;
  const ofSpace = rows.filter((row) => row.space_id === spaceId);
  const threadIds = [...new Set(ofSpace.map((row) => row.thread_id))];
  if (threadIds.length === 0 || sessionIds.length === 0) return [];
  const owned = await store.read(threadsOfSessions(store.dialect, { spaceId, threadIds, sessionIds }));
  const threads = new Set(owned.map((row) => row.thread_id));
  return ofSpace.filter((row) => threads.has(row.thread_id));
}

/** Another process that was faster with the row, or an answer that came just now, makes it a conflict. */
export const effectDeletion = (
  store: Store,
  { stretch }: EffectsPlace,
  { space_id: spaceId, effect_id: effectId }: EffectRow,
): Statement => EFFECT_DELETIONS[stretch](store.dialect, { spaceId, effectId }, { expectChanges: 1 });

export const behindEffect = ({ stretch }: EffectsPlace, row: EffectRow): EffectsPlace => ({
  stretch,
  availableAt: row.available_at,
  effectId: row.effect_id,
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
