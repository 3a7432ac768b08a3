// What an activity's payload holds, by its kind. A payload that does not fit its schema is not shown rather than shown
// wrongly: a full journal drops payloads, and another version of the daemon may have written it.
import { type ActivityRow, PlanEntry, type ToolCall, Usage } from "@muster/contracts";
import { callOf, isPruned } from "@muster/core";

const cache = new WeakMap<ActivityRow, unknown>();

/** Parses once per row; rows never change. */
function parsed<Value>(activity: ActivityRow, parse: () => Value): Value {
  if (!cache.has(activity)) cache.set(activity, parse());
  return cache.get(activity) as Value;
}

export const toolOf = (activity: ActivityRow): ToolCall | null =>
  activity.kind.startsWith("tool.") ? parsed(activity, () => callOf(activity)) : null;

export const planOf = (activity: ActivityRow): PlanEntry[] | null =>
  activity.kind === "plan.updated"
    ? parsed(activity, () => PlanEntry.array().safeParse(activity.payload["entries"]).data ?? null)
    : null;

export const usageOf = (activity: ActivityRow): Usage | null =>
  activity.kind === "usage.updated" && !hasLostDetails(activity)
    ? parsed(activity, () => Usage.safeParse(activity.payload).data ?? null)
    : null;

/** Its details went with time; kind and summary are what is left of it. */
export const hasLostDetails = (activity: ActivityRow): boolean => isPruned(activity.payload);

export const requestIdOf = (activity: ActivityRow): string | null => {
  const requestId = activity.payload["requestId"];
  return activity.kind === "approval.requested" && typeof requestId === "string" ? requestId : null;
};
