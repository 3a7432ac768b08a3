// SQL of tokens: who a token stands for, with the roles it has at this moment, and the one state change that spends it.
import type { PrincipalKind, Role, SpaceId } from "@muster/contracts";
import { compileStatement, type Query, type Statement, template } from "@muster/store";
import type { Kysely } from "kysely";
import type { HubDatabase } from "../schema/index.ts";
import type { TokenScope } from "./tokens.ts";

export interface NewToken {
  readonly tokenHash: string;
  readonly spaceId: SpaceId;
  readonly principalId: string;
  readonly scope: TokenScope;
  readonly label: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
}

const scopesJson = (scope: TokenScope): string => JSON.stringify([scope]);

/** One row per membership, or one with null roles, of the principal whose token it is; none when the token is no good. */
export interface CallerRow {
  readonly space_id: string;
  readonly principal_id: string;
  readonly kind: PrincipalKind;
  readonly display_name: string;
  readonly default_session_id: string | null;
  readonly session_id: string | null;
  readonly role: Role | null;
}

/** Compiled once: it runs with every request. */
const findCaller = (database: Kysely<HubDatabase>) =>
  template<{ hash: string; scopes: string; now: string }>((value) =>
    database
      .selectFrom("tokens")
      .innerJoin("principals", (join) =>
        join
          .onRef("principals.space_id", "=", "tokens.space_id")
          .onRef("principals.principal_id", "=", "tokens.principal_id"),
      )
      .innerJoin("spaces", "spaces.space_id", "tokens.space_id")
      .leftJoin("session_memberships", (join) =>
        join
          .onRef("session_memberships.space_id", "=", "tokens.space_id")
          .onRef("session_memberships.participant_id", "=", "tokens.principal_id")
          .on("session_memberships.state", "=", "active"),
      )
      .leftJoin("sessions", (join) =>
        join
          .onRef("sessions.space_id", "=", "session_memberships.space_id")
          .onRef("sessions.session_id", "=", "session_memberships.session_id")
          .on("sessions.state", "!=", "closed"),
      )
      .select([
        "tokens.space_id",
        "tokens.principal_id",
        "principals.kind",
        "principals.display_name",
        "spaces.default_session_id",
        "sessions.session_id",
        "session_memberships.role",
      ])
      .where("tokens.token_hash", "=", value("hash"))
      .where("tokens.scopes_json", "=", value("scopes"))
      .where("tokens.revoked_at", "is", null)
      .where("principals.disabled_at", "is", null)
      .where((expression) =>
        expression.or([
          expression("tokens.expires_at", "is", null),
          expression("tokens.expires_at", ">", value("now")),
        ]),
      ),
  );

export const createTokenQueries = (database: Kysely<HubDatabase>) => {
  const caller = findCaller(database);
  return {
    caller: (input: { readonly tokenHash: string; readonly scope: TokenScope; readonly now: string }): Query =>
      caller({ hash: input.tokenHash, scopes: scopesJson(input.scope), now: input.now }),

    insertToken: (token: NewToken): Statement =>
      compileStatement(
        database.insertInto("tokens").values({
          token_hash: token.tokenHash,
          space_id: token.spaceId,
          principal_id: token.principalId,
          scopes_json: scopesJson(token.scope),
          label: token.label,
          created_at: token.createdAt,
          expires_at: token.expiresAt,
          revoked_at: null,
          last_used_at: null,
        }),
      ),

    /** Changes one row when the token was good until now, and none ever again. */
    revokeToken: (input: { readonly tokenHash: string; readonly scope: TokenScope; readonly now: string }): Statement =>
      compileStatement(
        database
          .updateTable("tokens")
          .set({ revoked_at: input.now })
          .where("token_hash", "=", input.tokenHash)
          .where("scopes_json", "=", scopesJson(input.scope))
          .where("revoked_at", "is", null)
          .where("expires_at", ">", input.now)
          .returning(["space_id", "principal_id"]),
        { returning: true, expectChanges: 1 },
      ),

    /** Keeps the table as small as the logins that are still good. */
    deleteExpired: (spaceId: SpaceId, now: string): Statement =>
      compileStatement(database.deleteFrom("tokens").where("space_id", "=", spaceId).where("expires_at", "<=", now)),
  };
};
