// The record of administrative acts: who did what to whom, written in the commit of the act itself. Never a secret; of
// hashes the first characters.
import type { PrincipalId, SpaceId } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { insertInto, type Statement, type Store } from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";

export type AuditAction =
  | "space.created"
  | "cli-token.created"
  | "login-link.created"
  | "login-link.redeemed"
  | "logout"
  | "session.created"
  | "session.updated"
  | "session.archived"
  | "session.reopened"
  | "session.closed"
  | "session.floor-set"
  | "session.floor-lowered"
  | "member.changed"
  | "member.left"
  | "invite.created"
  | "invite.revoked"
  | "invite.redeemed"
  | "token.created"
  | "token.revoked"
  | "node.enrolled"
  | "node.owner-changed"
  | "node.attached"
  | "node.detached"
  | "node.released"
  | "node.revoked";

export interface AuditedAct {
  readonly spaceId: SpaceId;
  readonly at: string;
  readonly actorId: PrincipalId;
  readonly action: AuditAction;
  /** What it was done to: the id of a session, a principal, a node, or the beginning of a hash. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, string>>;
}

export const audited = (
  { dialect, ids }: { readonly dialect: Store["dialect"]; readonly ids: Ids },
  { spaceId, at, actorId, action, subject, details = {} }: AuditedAct,
): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "audit_log", [
    {
      space_id: spaceId,
      audit_id: ids.next(),
      at,
      actor_id: actorId,
      action,
      subject,
      details_json: JSON.stringify(details),
    },
  ]);
