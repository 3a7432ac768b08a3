// SQL of spaces, their principals and default session, and of the audit log.
import type { PrincipalKind, Role, SessionId, SpaceId } from "@muster/contracts";
import { compile, compileStatement, type Statement } from "@muster/store";
import type { Kysely } from "kysely";
import type { HubDatabase } from "../schema/index.ts";

export interface AuditEntry {
  readonly spaceId: SpaceId;
  readonly auditId: string;
  readonly at: string;
  readonly actorId: string;
  readonly action: "space.created" | "cli-token.created" | "login-link.created" | "login-link.redeemed" | "logout";
  readonly subject: string;
  readonly details: Readonly<Record<string, string>>;
}

export interface NewPrincipal {
  readonly principalId: string;
  readonly kind: PrincipalKind;
  readonly displayName: string;
  readonly role: Role;
}

export interface NewSpace {
  readonly spaceId: SpaceId;
  readonly title: string;
  readonly sessionId: SessionId;
  readonly sessionTitle: string;
  readonly principals: readonly NewPrincipal[];
  readonly createdAt: string;
}

export const createSpaceQueries = (database: Kysely<HubDatabase>) => ({
  spaces: () =>
    compile(database.selectFrom("spaces").select(["space_id"]).orderBy("created_at").orderBy("space_id").limit(1)),

  /** The first of its kind in the space: the owner and the command line's service are made with it. */
  firstPrincipal: (spaceId: SpaceId, kind: PrincipalKind) =>
    compile(
      database
        .selectFrom("principals")
        .select(["principal_id"])
        .where("space_id", "=", spaceId)
        .where("kind", "=", kind)
        .orderBy("created_at")
        .orderBy("principal_id")
        .limit(1),
    ),

  insertSpace: (space: NewSpace): readonly Statement[] => [
    compileStatement(
      database.insertInto("spaces").values({
        space_id: space.spaceId,
        title: space.title,
        default_session_id: space.sessionId,
        created_at: space.createdAt,
      }),
    ),
    compileStatement(
      database.insertInto("sessions").values({
        space_id: space.spaceId,
        session_id: space.sessionId,
        title: space.sessionTitle,
        state: "active",
        min_client_version: null,
        created_at: space.createdAt,
        updated_at: space.createdAt,
      }),
    ),
    compileStatement(
      database.insertInto("principals").values(
        space.principals.map(({ principalId, kind, displayName }) => ({
          space_id: space.spaceId,
          principal_id: principalId,
          kind,
          display_name: displayName,
          created_at: space.createdAt,
          disabled_at: null,
        })),
      ),
    ),
    compileStatement(
      database.insertInto("session_memberships").values(
        space.principals.map(({ principalId, role }) => ({
          space_id: space.spaceId,
          session_id: space.sessionId,
          participant_id: principalId,
          role,
          state: "active" as const,
          created_at: space.createdAt,
          updated_at: space.createdAt,
        })),
      ),
    ),
  ],

  insertAudit: (entry: AuditEntry): Statement =>
    compileStatement(
      database.insertInto("audit_log").values({
        space_id: entry.spaceId,
        audit_id: entry.auditId,
        at: entry.at,
        actor_id: entry.actorId,
        action: entry.action,
        subject: entry.subject,
        details_json: JSON.stringify(entry.details),
      }),
    ),
});
