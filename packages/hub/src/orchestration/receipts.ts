// Receipts: what a commandId led to, kept as long as any sender may repeat it.
import type { ErrorBody } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { compareFingerprint } from "@muster/core";
import type { Query, Store } from "@muster/store";
import type { FactReader } from "./facts.ts";
import { inDialect } from "./placeholders.ts";
import type { ClientWork } from "./work.ts";

export interface StoredResult {
  readonly sequence: number;
  readonly receipt: "duplicate";
}

const RECEIPT =
  "SELECT request_fingerprint, status, result_sequence, error_json FROM orchestration_command_receipts WHERE space_id = ? AND command_id = ?";

export const receiptQuery = (dialect: Store["dialect"], spaceId: string, commandId: string): Query => ({
  sql: inDialect(dialect, RECEIPT),
  parameters: [spaceId, commandId],
});

/** The answer that is stored already, or null for a new command. */
export async function receiptOutcome(
  facts: FactReader,
  spaceId: string,
  work: Pick<ClientWork, "command" | "fingerprint">,
): Promise<StoredResult | MusterError | null> {
  const rows = await facts.guarded(RECEIPT, spaceId, work.command.commandId);
  const row = rows[0];
  if (row === undefined) return null;
  if (compareFingerprint(String(row["request_fingerprint"]), work.fingerprint) === "other")
    return new MusterError("command_id_reused");
  if (row["status"] === "rejected") return MusterError.from(JSON.parse(String(row["error_json"])) as ErrorBody);
  return { sequence: Number(row["result_sequence"]), receipt: "duplicate" };
}
