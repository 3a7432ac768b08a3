// Tokens as people see and handle them: listed without their secrets, made for oneself, made worthless. A token is named
// by the beginning of its hash.
import { MusterError, type PrincipalId, type SpaceId, TOKENS_MAX, type TokenSummary } from "@muster/contracts";
import { type Clock, type Ids, isoTime, type Random } from "@muster/core";
import { change, integer, list, nullable, pick, type RowOf, type Store, select, text } from "@muster/store";
import type { Caller, Identity, Tokens } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";
import { audited } from "./audit.ts";
import { TOKENS_LISTED_MAX } from "./limits.ts";
import { deleteExpired } from "./token-queries.ts";
import { createToken, hashToken, readScopes, scopesJson, scopesOf, tokenIdOf } from "./tokens.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Login links are no tokens of anybody yet. */
const LISTED: readonly string[] = [...scopesOf("api"), ...scopesOf("cookie")];

const { principals, tokens } = HUB_TABLES;

const tokenRow = {
  ...pick(tokens, "token_hash", "principal_id", "scopes_json", "label", "created_at", "expires_at"),
  ...pick(tokens, "revoked_at", "last_used_at"),
  display_name: principals.display_name,
};
type TokenRow = RowOf<typeof tokenRow>;

const tokenSql = (condition: string): string => `SELECT t.token_hash, t.principal_id, t.scopes_json, t.label,
      t.created_at, t.expires_at, t.revoked_at, t.last_used_at, p.display_name
    FROM tokens t JOIN principals p ON p.space_id = t.space_id AND p.principal_id = t.principal_id
    WHERE t.space_id = :spaceId AND t.scopes_json IN (:scopes)${condition}
    ORDER BY CASE WHEN t.revoked_at IS NULL THEN 0 ELSE 1 END, t.created_at DESC, t.token_hash
    LIMIT ${TOKENS_LISTED_MAX}`;

const ofKinds = { ...ofSpace, scopes: list(text(), 8) } as const;
const ofPrincipals = { ...ofKinds, principalIds: list(text<PrincipalId>(), 2) } as const;
const OWN = " AND t.principal_id IN (:principalIds)";
const NAMED = ` AND substr(t.token_hash, 1, length(:tokenId)) = :tokenId`;

const tokensOfSpace = select({ request: ofKinds, row: tokenRow, sql: tokenSql("") });
const tokensOf = select({ request: ofPrincipals, row: tokenRow, sql: tokenSql(OWN) });
const tokenOfSpace = select({ request: { ...ofKinds, tokenId: text() }, row: tokenRow, sql: tokenSql(NAMED) });
const tokenOf = select({ request: { ...ofPrincipals, tokenId: text() }, row: tokenRow, sql: tokenSql(OWN + NAMED) });

const ofPrincipal = { ...ofSpace, principalId: text<PrincipalId>(), scopes: list(text(), 8), now: text() } as const;
const GOOD = `t.space_id = :spaceId AND t.principal_id = :principalId AND t.scopes_json IN (:scopes)
      AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now)`;

const goodTokens = select({
  request: ofPrincipal,
  row: { count: integer() },
  sql: `SELECT count(*) AS count FROM tokens t WHERE ${GOOD}`,
});

/** Makes no token where the principal has `max` good ones, or where the one that it is made with is good no more. */
const issueToken = change({
  request: {
    ...ofPrincipal,
    makerHash: text(),
    tokenHash: text(),
    newScopes: text(),
    label: text(),
    expiresAt: nullable(text()),
    max: integer(),
  },
  sql: `INSERT INTO tokens (token_hash, space_id, principal_id, scopes_json, label, created_at, expires_at, revoked_at,
      last_used_at)
    SELECT :tokenHash, p.space_id, p.principal_id, :newScopes, :label, :now, :expiresAt, NULL, NULL
    FROM principals p WHERE p.space_id = :spaceId AND p.principal_id = :principalId
      AND EXISTS (SELECT m.token_hash FROM tokens m WHERE m.token_hash = :makerHash AND m.revoked_at IS NULL
        AND (m.expires_at IS NULL OR m.expires_at > :now))
      AND (SELECT count(*) FROM tokens t WHERE ${GOOD}) < :max`,
});

const revokeById = change({
  request: { tokenHash: text(), now: text() },
  sql: "UPDATE tokens SET revoked_at = :now WHERE token_hash = :tokenHash AND revoked_at IS NULL",
});

export interface TokensOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly identity: Pick<Identity, "standsFor">;
}

export const createTokens = (options: TokensOptions): Tokens => new StoredTokens(options);

class StoredTokens implements Tokens {
  readonly #options: TokensOptions;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  async list(caller: Caller, { all }: Parameters<Tokens["list"]>[1]): Promise<TokenSummary[]> {
    if (all && !ownsSpace(caller)) throw new MusterError("permission_denied");
    const { store } = this.#options;
    const of = { spaceId: caller.spaceId, scopes: LISTED };
    const rows = await store.read(
      all
        ? tokensOfSpace(store.dialect, of)
        : tokensOf(store.dialect, { ...of, principalIds: this.#principalIds(caller) }),
    );
    return rows.map((row) => toSummary(caller, row));
  }

  async create(caller: Caller, { label, scope, expiresInDays }: Parameters<Tokens["create"]>[1]) {
    const { store, clock, ids, random, identity } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const maker = await this.#find(caller, caller.tokenId, [caller.principalId]);
    if (maker === undefined) throw new MusterError("unauthenticated");
    const secret = createToken(random);
    const tokenHash = hashToken(secret);
    const principalId = identity.standsFor(caller);
    const now = isoTime(clock.now());
    const wanted = expiresInDays === null ? null : isoTime(clock.now() + expiresInDays * DAY_MS);
    const expiresAt = earlier(wanted, caller.notAfter ?? null);
    const good = { spaceId, principalId, scopes: scopesOf("api"), now };
    const issued = { makerHash: maker.token_hash, tokenHash, newScopes: scopesJson("api", scope), label, expiresAt };
    const details = { principal: principalId, scope, label, expires: expiresAt ?? "never" };
    const subject = tokenIdOf(tokenHash);
    const result = await store.commit({
      guards: [],
      statements: [
        issueToken(dialect, { ...good, ...issued, max: TOKENS_MAX }, { expectChanges: 1 }),
        deleteExpired(dialect, { spaceId, now }),
        ...audited(
          { dialect, ids },
          { spaceId, at: now, actorId: caller.principalId, action: "token.created", subject, details },
        ),
      ],
    });
    if (result.status === "conflict") {
      const current = (await store.read(goodTokens(dialect, good)))[0]?.count ?? 0;
      if (current < TOKENS_MAX) throw new MusterError("unauthenticated");
      throw new MusterError("resource.limit_exceeded", "There are as many good tokens as there may be.", {
        resource: "tokens",
        limit: TOKENS_MAX,
        current,
      });
    }
    const row = await this.#find(caller, subject, [principalId]);
    if (row === undefined) throw new MusterError("token_not_found");
    return { token: toSummary(caller, row), secret };
  }

  async revoke(caller: Caller, { tokenId }: Parameters<Tokens["revoke"]>[1]): Promise<TokenSummary> {
    const { store, clock, ids } = this.#options;
    const { dialect } = store;
    const { spaceId } = caller;
    const find = () => this.#find(caller, tokenId, ownsSpace(caller) ? null : this.#principalIds(caller));
    const row = await find();
    if (row === undefined || tokenIdOf(row.token_hash) !== tokenId) throw new MusterError("token_not_found");
    if (row.revoked_at !== null) return toSummary(caller, row);
    const now = isoTime(clock.now());
    const details = { principal: row.principal_id, label: row.label };
    // Where another one revoked it at the same moment, its record tells who did.
    await store.commit({
      guards: [],
      statements: [
        revokeById(dialect, { tokenHash: row.token_hash, now }, { expectChanges: 1 }),
        ...audited(
          { dialect, ids },
          { spaceId, at: now, actorId: caller.principalId, action: "token.revoked", subject: tokenId, details },
        ),
      ],
    });
    return toSummary(caller, (await find()) ?? { ...row, revoked_at: now });
  }

  /** @param principalIds of whom; null: of anyone in the space */
  async #find(
    caller: { readonly spaceId: SpaceId },
    tokenId: string,
    principalIds: readonly PrincipalId[] | null,
  ): Promise<TokenRow | undefined> {
    const { store } = this.#options;
    const of = { spaceId: caller.spaceId, scopes: LISTED, tokenId };
    const found = await store.read(
      principalIds === null ? tokenOfSpace(store.dialect, of) : tokenOf(store.dialect, { ...of, principalIds }),
    );
    return found[0];
  }

  #principalIds(caller: Caller): readonly PrincipalId[] {
    return [...new Set([caller.principalId, this.#options.identity.standsFor(caller)])];
  }
}

const ownsSpace = (caller: Caller): boolean => caller.roles.get(caller.defaultSessionId) === "owner";

const earlier = (one: string | null, other: string | null): string | null => {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
};

const toSummary = (caller: Caller, row: TokenRow): TokenSummary => {
  const { kind, scope } = readScopes(row.scopes_json);
  const tokenId = tokenIdOf(row.token_hash);
  return {
    tokenId,
    principalId: row.principal_id,
    displayName: row.display_name,
    kind: kind === "api" ? "api" : "browser",
    scope,
    label: row.label,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    isCurrent: tokenId === caller.tokenId,
  };
};
