// Receipts: what a commandId led to, kept as long as any sender may repeat it.
import type { CommandId, ErrorBody, SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { compareFingerprint } from "@muster/core";
import { pick, select, text } from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import type { FactReader } from "./facts.ts";
import type { ClientWork } from "./work.ts";

export interface StoredResult {
  readonly sequence: number;
  readonly receipt: "duplicate";
}

const { orchestration_command_receipts: receipts } = HUB_TABLES;

export const receiptOf = select({
  request: { ...ofSpace, commandId: text<CommandId>() },
  row: pick(receipts, "request_fingerprint", "status", "result_sequence", "error_json"),
  sql: `SELECT request_fingerprint, status, result_sequence, error_json FROM orchestration_command_receipts
    WHERE space_id = :spaceId AND command_id = :commandId`,
});

/** The answer that is stored already, or null for a new command. */
export async function receiptOutcome(
  facts: FactReader,
  spaceId: SpaceId,
  work: Pick<ClientWork, "command" | "fingerprint">,
): Promise<StoredResult | MusterError | null> {
  const [row] = await facts.guarded(receiptOf, { spaceId, commandId: work.command.commandId });
  if (row === undefined) return null;
  if (compareFingerprint(row.request_fingerprint, work.fingerprint) === "other")
    return new MusterError("command_id_reused");
  if (row.status === "rejected") return MusterError.from(JSON.parse(String(row.error_json)) as ErrorBody);
  return { sequence: row.result_sequence, receipt: "duplicate" };
}
