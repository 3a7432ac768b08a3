// What a thread is doing, in one word, as lists show it. Pure.
import type { ThreadSummary } from "@muster/contracts";

export type ThreadState = "waiting" | "running" | "failed" | "idle";

export const THREAD_STATE_TEXT: Readonly<Record<ThreadState, string>> = {
  waiting: "Waits for your answer",
  running: "Working",
  failed: "The last turn failed",
  idle: "Idle",
};

export function threadState({
  pendingApprovalCount,
  latestTurn,
}: Pick<ThreadSummary, "pendingApprovalCount" | "latestTurn">): ThreadState {
  if (pendingApprovalCount > 0) return "waiting";
  if (latestTurn?.status === "running") return "running";
  return latestTurn?.status === "error" ? "failed" : "idle";
}
