// What is kept of slots: rows that are written with what they tell of, and never changed.
import type { NodeId, SpaceId } from "@muster/contracts";
import { insertInto, type Statement, type Store } from "@muster/store";
import { HUB_TABLES, type HubRow } from "../schema/index.ts";

type Dialect = Store["dialect"];
type LogRow = HubRow<"runtime_node_attachment_log">;

export interface SlotEvent {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly logId: string;
  readonly slot: Pick<HubRow<"runtime_node_attachments">, "id" | "session_id" | "participant_id">;
  readonly action: LogRow["action"];
  readonly epoch: number;
  readonly reason: string | null;
  readonly at: string;
}

export const logSlots = (dialect: Dialect, events: readonly SlotEvent[]): readonly Statement[] =>
  insertInto(
    dialect,
    HUB_TABLES,
    "runtime_node_attachment_log",
    events.map(({ spaceId, nodeId, logId, slot, action, epoch, reason, at }) => ({
      space_id: spaceId,
      log_id: logId,
      attachment_id: slot.id,
      session_id: slot.session_id,
      participant_id: slot.participant_id,
      node_id: nodeId,
      action,
      epoch,
      reason,
      at,
    })),
  );

export const logSlot = (dialect: Dialect, event: SlotEvent): readonly Statement[] => logSlots(dialect, [event]);
