// Calls of tools of one thread that have begun and are not recorded yet: each stands in for the activity that will be,
// until that comes or its turn ends.
import type { ActivityRow, EventId, LiveCall, TurnId } from "@muster/contracts";

export const itemIdOf = ({ payload }: Pick<ActivityRow, "payload">): string | null =>
  typeof payload["itemId"] === "string" ? payload["itemId"] : null;

const keyOf = (turnId: TurnId | null, itemId: string): string => `${turnId}/${itemId}`;

export class LiveCalls {
  readonly #rows = new Map<string, ActivityRow>();

  /** In the order in which they began; without a time, for the hub has not recorded one. */
  rows(): ActivityRow[] {
    return [...this.#rows.values()];
  }

  begun({ threadId, turnId, tool }: LiveCall): void {
    this.#rows.set(keyOf(turnId, tool.itemId), {
      activityId: `live-${tool.itemId}` as EventId,
      threadId,
      turnId,
      tone: "tool",
      kind: "tool.started",
      summary: tool.title,
      payload: tool,
      createdAt: "",
    });
  }

  recorded(activity: Pick<ActivityRow, "turnId" | "payload">): void {
    const itemId = itemIdOf(activity);
    if (itemId !== null) this.#rows.delete(keyOf(activity.turnId, itemId));
  }

  settled(turnId: TurnId): void {
    for (const [key, row] of this.#rows) if (row.turnId === turnId) this.#rows.delete(key);
  }
}
