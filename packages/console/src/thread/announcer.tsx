// Says to a screen reader what happens in the thread: that the agent works, asks, or has ended. Streaming text itself is
// not read piece by piece; the finished message can be read in the timeline.
import type { ThreadView } from "@muster/client";
import { turnEnding } from "../timeline/turn-ending.ts";

export function Announcer({ view }: { view: ThreadView }) {
  return (
    <div className="visually-hidden" aria-live="polite" role="status">
      {announcement(view)}
    </div>
  );
}

function announcement({ approvals, turns }: ThreadView): string {
  const pending = approvals.find(({ status }) => status === "pending");
  if (pending !== undefined) return `The agent asks: ${pending.payload.title}`;
  const latest = turns.findLast(({ status }) => status !== "queued");
  if (latest === undefined) return "";
  if (latest.completedAt === null) return "The agent is working.";
  const { title, hint } = turnEnding(latest);
  return `${title}. ${hint ?? ""}`;
}
