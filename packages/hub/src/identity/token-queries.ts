// SQL of tokens: who a token stands for, with the roles it has at this moment, and the one state change that spends it.
import type { PrincipalId, SpaceId, TokenScope } from "@muster/contracts";
import {
  change,
  insertInto,
  list,
  nullable,
  type QueryOf,
  type RowOf,
  type Statement,
  type Store,
  select,
  text,
} from "@muster/store";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { scopesJson, scopesOf, type TokenKind } from "./tokens.ts";

type Dialect = Store["dialect"];

export interface NewToken {
  readonly tokenHash: string;
  readonly spaceId: SpaceId;
  readonly principalId: PrincipalId;
  readonly kind: TokenKind;
  /** Of a token of the API; default all. */
  readonly scope?: TokenScope;
  readonly label: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
}

/** A token as it is presented, and when. */
export interface PresentedToken {
  readonly tokenHash: string;
  readonly kind: TokenKind;
  readonly now: string;
}

const { principals, session_memberships: memberships, sessions, spaces, tokens } = HUB_TABLES;

const presented = { hash: text(), scopes: list(text(), 4), now: text() } as const;
const valuesOf = ({ tokenHash, kind, now }: PresentedToken) => ({ hash: tokenHash, scopes: scopesOf(kind), now });

const caller = {
  space_id: tokens.space_id,
  principal_id: tokens.principal_id,
  kind: principals.kind,
  display_name: principals.display_name,
  scopes_json: tokens.scopes_json,
  expires_at: tokens.expires_at,
  last_used_at: tokens.last_used_at,
  default_session_id: spaces.default_session_id,
  session_id: nullable(sessions.session_id),
  session_state: nullable(sessions.state),
  role: nullable(memberships.role),
};

/**
 * One row per membership, or one with null roles, of the principal whose token it is; none when the token is no good. The
 * command line's service has the memberships of the person it stands for beside its own.
 */
export type CallerRow = RowOf<typeof caller>;

const callerByToken = select({
  request: { ...presented, serviceId: text<PrincipalId>(), ownerId: text<PrincipalId>() },
  row: caller,
  sql: `SELECT tokens.space_id, tokens.principal_id, principals.kind, principals.display_name, tokens.scopes_json,
      tokens.expires_at, tokens.last_used_at, spaces.default_session_id, sessions.session_id, sessions.state AS session_state,
      session_memberships.role
    FROM tokens
    JOIN principals ON principals.space_id = tokens.space_id AND principals.principal_id = tokens.principal_id
    JOIN spaces ON spaces.space_id = tokens.space_id
    LEFT JOIN session_memberships ON session_memberships.space_id = tokens.space_id
      AND session_memberships.participant_id
        IN (tokens.principal_id, CASE WHEN tokens.principal_id = :serviceId THEN :ownerId ELSE tokens.principal_id END)
      AND session_memberships.state = 'active'
    LEFT JOIN sessions ON sessions.space_id = session_memberships.space_id
      AND sessions.session_id = session_memberships.session_id AND sessions.state <> 'closed'
    WHERE tokens.token_hash = :hash AND tokens.scopes_json IN (:scopes) AND tokens.revoked_at IS NULL
      AND principals.disabled_at IS NULL AND (tokens.expires_at IS NULL OR tokens.expires_at > :now)`,
});

/** It runs with every request. `stands`: the command line's service, and whom it stands for. */
export const callerOf = (
  dialect: Dialect,
  token: PresentedToken,
  stands: { readonly cliPrincipalId: PrincipalId; readonly ownerId: PrincipalId },
): QueryOf<CallerRow> =>
  callerByToken(dialect, { ...valuesOf(token), serviceId: stands.cliPrincipalId, ownerId: stands.ownerId });

export const insertToken = (dialect: Dialect, token: NewToken): readonly Statement[] =>
  insertInto(dialect, HUB_TABLES, "tokens", [
    {
      token_hash: token.tokenHash,
      space_id: token.spaceId,
      principal_id: token.principalId,
      scopes_json: scopesJson(token.kind, token.scope),
      label: token.label,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
      revoked_at: null,
      last_used_at: null,
    },
  ]);

const insertMade = change({
  request: {
    ...ofSpace,
    principalId: text<PrincipalId>(),
    makerId: text(),
    tokenHash: text(),
    newScopes: text(),
    label: text(),
    now: text(),
    expiresAt: text(),
  },
  sql: `INSERT INTO tokens (token_hash, space_id, principal_id, scopes_json, label, created_at, expires_at, revoked_at,
      last_used_at)
    SELECT :tokenHash, p.space_id, p.principal_id, :newScopes, :label, :now, :expiresAt, NULL, NULL
    FROM principals p WHERE p.space_id = :spaceId AND p.principal_id = :principalId
      AND EXISTS (SELECT m.token_hash FROM tokens m WHERE m.space_id = :spaceId
        AND substr(m.token_hash, 1, length(:makerId)) = :makerId AND m.revoked_at IS NULL
        AND (m.expires_at IS NULL OR m.expires_at > :now))`,
});

/** As `insertToken`, and changes no row where the token that it is made with is good no more. */
export const insertTokenMadeWith = (
  dialect: Dialect,
  { tokenHash, spaceId, principalId, kind, label, createdAt, expiresAt }: NewToken & { readonly expiresAt: string },
  makerId: string,
): readonly Statement[] => [
  insertMade(
    dialect,
    { spaceId, principalId, makerId, tokenHash, newScopes: scopesJson(kind), label, now: createdAt, expiresAt },
    { expectChanges: 1 },
  ),
];

const revoke = change({
  request: presented,
  sql: `UPDATE tokens SET revoked_at = :now
    WHERE token_hash = :hash AND scopes_json IN (:scopes) AND revoked_at IS NULL AND expires_at > :now`,
});

/** Changes one row when the token was good until now, and none ever again. */
export const revokeToken = (dialect: Dialect, token: PresentedToken): Statement =>
  revoke(dialect, valuesOf(token), { expectChanges: 1 });

/** At most once in a while, whoever was used how often. */
export const noteUse = change({
  request: { hash: text(), now: text(), before: text() },
  sql: `UPDATE tokens SET last_used_at = :now
    WHERE token_hash = :hash AND (last_used_at IS NULL OR last_used_at <= :before)`,
});

/** Keeps the table as small as the logins that are still good. */
export const deleteExpired = change({
  request: { ...ofSpace, now: text() },
  sql: "DELETE FROM tokens WHERE space_id = :spaceId AND expires_at <= :now",
});
