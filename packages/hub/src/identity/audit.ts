// The record of administrative acts: who did what to whom, written in the commit of the act itself. Never a secret; of
// hashes the first characters.
import type { PrincipalId, SpaceId } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { insertInto, integer, nullable, pick, type Statement, type Store, select, text } from "@muster/store";
import type { Audit } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

const { audit_log: log, principals } = HUB_TABLES;

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
  ...acts: readonly AuditedAct[]
): readonly Statement[] =>
  insertInto(
    dialect,
    HUB_TABLES,
    "audit_log",
    acts.map(({ spaceId, at, actorId, action, subject, details = {} }) => ({
      space_id: spaceId,
      audit_id: ids.next(),
      at,
      actor_id: actorId,
      action,
      subject,
      details_json: JSON.stringify(details),
    })),
  );

/** Behind every id that there is: they are hexadecimal. */
const NEWEST = "z";

/** Ids are made of the time, so they are in the order of what they tell of. */
const page = select({
  request: { ...ofSpace, before: text(), limit: integer() },
  row: {
    ...pick(log, "audit_id", "at", "actor_id", "action", "subject", "details_json"),
    display_name: nullable(principals.display_name),
  },
  sql: `SELECT l.audit_id, l.at, l.actor_id, l.action, l.subject, l.details_json, p.display_name
    FROM audit_log l LEFT JOIN principals p ON p.space_id = l.space_id AND p.principal_id = l.actor_id
    WHERE l.space_id = :spaceId AND l.audit_id < :before ORDER BY l.audit_id DESC LIMIT :limit`,
});

export const createAudit = ({ store }: { readonly store: Store }): Audit => ({
  list: async (caller, { before = NEWEST, limit }) => {
    const rows = await store.read(page(store.dialect, { spaceId: caller.spaceId, before, limit }));
    return rows.map((row) => ({
      auditId: row.audit_id,
      at: row.at,
      actorId: row.actor_id,
      actorName: row.display_name,
      action: row.action,
      subject: row.subject,
      details: JSON.parse(row.details_json) as Record<string, string>,
    }));
  },
});
