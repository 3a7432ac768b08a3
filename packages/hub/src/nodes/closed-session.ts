// What a session that is closed does to the slots in it: they end with it, so that its machines may work elsewhere.
import type { SessionId } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { change, pick, type RowOf, type Statement, type Store, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { logSlots } from "./history.ts";
import { SESSION_CLOSED } from "./limits.ts";

const ofSession = { ...ofSpace, sessionId: text<SessionId>() } as const;

const { runtime_node_attachments: slots } = HUB_TABLES;

const active = pick(slots, "space_id", "id", "session_id", "participant_id", "node_id", "epoch");

/** At most as many as a session may have. For a guard: whoever comes or goes meanwhile is found by the next look. */
export const activeSlotsIn = select({
  request: ofSession,
  row: active,
  sql: `SELECT space_id, id, session_id, participant_id, node_id, epoch FROM runtime_node_attachments
    WHERE space_id = :spaceId AND session_id = :sessionId AND state IN ('registering', 'online', 'degraded') ORDER BY id`,
});

const endSlotsIn = change({
  request: { ...ofSession, at: text(), reason: text() },
  sql: `UPDATE runtime_node_attachments SET state = 'offline', detached_at = :at, detach_reason = :reason
    WHERE space_id = :spaceId AND session_id = :sessionId AND state IN ('registering', 'online', 'degraded')`,
});

/** Ends these, which are all that are active there; the turns on them are lost like those of any slot that ended. */
export function endSlots(
  { dialect, ids }: { readonly dialect: Store["dialect"]; readonly ids: Ids },
  at: string,
  ended: readonly RowOf<typeof active>[],
): readonly Statement[] {
  const [first] = ended;
  if (first === undefined) return [];
  const { space_id: spaceId, session_id: sessionId } = first;
  const log = ended.map((slot) => ({
    spaceId,
    nodeId: slot.node_id,
    logId: ids.next(),
    slot,
    action: "detached" as const,
    epoch: slot.epoch,
    reason: SESSION_CLOSED,
    at,
  }));
  return [
    endSlotsIn(dialect, { spaceId, sessionId, at, reason: SESSION_CLOSED }, { expectChanges: ended.length }),
    ...logSlots(dialect, log),
  ];
}
