// What a person wants to be told of when they look elsewhere: a question that came up, a turn that failed. Pure.
import type { ThreadId, ThreadSummary } from "@muster/contracts";

export interface News {
  readonly threadId: ThreadId;
  readonly title: string;
  readonly text: string;
}

/** What is new in `after`. A thread that was not known before is news only when it came while looking, not with the first list. */
export function newsOf(before: readonly ThreadSummary[], after: readonly ThreadSummary[]): News[] {
  const known = new Map(before.map((thread) => [thread.threadId, thread]));
  return after.flatMap((thread): News[] => {
    const earlier = known.get(thread.threadId);
    const { threadId, title, latestTurn, pendingApprovalCount } = thread;
    if (pendingApprovalCount > (earlier?.pendingApprovalCount ?? 0))
      return [{ threadId, title, text: "Waits for your answer" }];
    const failed =
      latestTurn?.status === "error" &&
      (earlier?.latestTurn?.turnId !== latestTurn.turnId || earlier.latestTurn.status !== "error");
    return failed ? [{ threadId, title, text: "The turn failed" }] : [];
  });
}
