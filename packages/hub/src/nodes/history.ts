// What is kept of slots and of administrative acts on nodes: rows that are written with what they tell of, and never changed.
import type { NodeId, PrincipalId, SpaceId } from "@muster/contracts";
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

export const logSlot = (dialect: Dialect, event: SlotEvent): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "runtime_node_attachment_log", [
    {
      space_id: event.spaceId,
      log_id: event.logId,
      attachment_id: event.slot.id,
      session_id: event.slot.session_id,
      participant_id: event.slot.participant_id,
      node_id: event.nodeId,
      action: event.action,
      epoch: event.epoch,
      reason: event.reason,
      at: event.at,
    },
  ]);

export interface NodeAct {
  readonly spaceId: SpaceId;
  readonly auditId: string;
  readonly actorId: PrincipalId;
  readonly action: "node.attached" | "node.detached" | "node.revoked";
  readonly nodeId: NodeId;
  readonly details: Readonly<Record<string, string>>;
  readonly at: string;
}

export const auditNode = (dialect: Dialect, act: NodeAct): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "audit_log", [
    {
      space_id: act.spaceId,
      audit_id: act.auditId,
      at: act.at,
      actor_id: act.actorId,
      action: act.action,
      subject: act.nodeId,
      details_json: JSON.stringify(act.details),
    },
  ]);
