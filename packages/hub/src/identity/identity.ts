// Who calls: principals, their tokens and their roles, over the store port. Invariants: no secret is stored, every
// answer is read from the store at the moment it is asked for, and a login link works once.

import { type Me, MusterError, type PrincipalId, type Role, type SessionId, type SpaceId } from "@muster/contracts";
import { isoTime } from "@muster/core";
import type { Caller, Identity } from "../ports.ts";
import { audited } from "./audit.ts";
import { cliTokenFile } from "./cli-token.ts";
import { openSpace } from "./first-start.ts";
import { COOKIE_TTL_MS, LAST_USED_EVERY_MS, LAST_USED_PENDING_MAX, LOGIN_TOKEN_TTL_MS } from "./limits.ts";
import type { IdentityOptions } from "./options.ts";
import {
  type CallerRow,
  callerOf,
  deleteExpired,
  insertToken,
  insertTokenMadeWith,
  noteUse,
  revokeToken,
} from "./token-queries.ts";
import {
  bearerToken,
  createEndingToken,
  endOf,
  hashToken,
  looksLikeToken,
  readScopes,
  shown,
  type TokenKind,
  tokenIdOf,
} from "./tokens.ts";

export interface OpenIdentity extends Identity {
  /** The principal whose token is in `cliTokenFile`. */
  readonly cliPrincipalId: PrincipalId;
  /** Mode 0600; its token is good when `openIdentity` returns. */
  readonly cliTokenFile: string;
}

/** Of several roles without one in the default session, the strongest stands for the caller. */
const STRENGTH: readonly Role[] = ["owner", "runtime_contributor", "collaborator", "viewer"];

const stronger = (one: Role | undefined, other: Role): Role =>
  one !== undefined && STRENGTH.indexOf(one) < STRENGTH.indexOf(other) ? one : other;

const toCaller = (rows: readonly CallerRow[], token: string): Caller | null => {
  const [first] = rows;
  if (first === undefined || first.default_session_id === null) return null;
  const roles = new Map<SessionId, Role>();
  const archivedSessions = new Set<SessionId>();
  for (const { session_id, session_state, role } of rows) {
    if (session_id === null || role === null) continue;
    // The command line has its own role and that of the person it stands for.
    roles.set(session_id, stronger(roles.get(session_id), role));
    if (session_state === "archived") archivedSessions.add(session_id);
  }
  const { kind, scope } = readScopes(first.scopes_json);
  // A browser's login is for somebody who may log in anew, unless it came of a token that ends.
  const notAfter = kind === "api" ? first.expires_at : endOf(token);
  return {
    spaceId: first.space_id,
    principalId: first.principal_id,
    principalKind: first.kind,
    displayName: first.display_name,
    roles,
    archivedSessions,
    defaultSessionId: first.default_session_id,
    scope,
    tokenId: tokenIdOf(hashToken(token)),
    ...(notAfter === null || notAfter === undefined ? {} : { notAfter }),
  };
};

const endingBy = (at: number, notAfter: string | undefined): string =>
  isoTime(notAfter === undefined ? at : Math.min(at, Date.parse(notAfter)));

class StoredIdentity implements OpenIdentity {
  readonly spaceId: SpaceId;
  readonly ownerId: PrincipalId;
  readonly cliPrincipalId: PrincipalId;
  readonly cliTokenFile: string;
  readonly #options: IdentityOptions;
  /** Hashes of tokens whose use is being written down. */
  readonly #notingUse = new Set<string>();

  constructor(
    options: IdentityOptions,
    founded: { readonly spaceId: SpaceId; readonly ownerId: PrincipalId; readonly cliPrincipalId: PrincipalId },
  ) {
    this.#options = options;
    this.spaceId = founded.spaceId;
    this.ownerId = founded.ownerId;
    this.cliPrincipalId = founded.cliPrincipalId;
    this.cliTokenFile = cliTokenFile(options.home);
  }

  /** `cookie` is the value of this hub's own cookie. A bearer header that is there decides alone. */
  async authenticate(input: { authorization: string | undefined; cookie: string | undefined }): Promise<Caller | null> {
    if (input.authorization !== undefined) {
      const token = bearerToken(input.authorization);
      return token === undefined ? null : this.#callerOf(token, "api");
    }
    if (input.cookie === undefined || !looksLikeToken(input.cookie)) return null;
    return this.#callerOf(input.cookie, "cookie");
  }

  async createLoginToken(caller: {
    spaceId: SpaceId;
    principalId: PrincipalId;
    madeWith?: Pick<Caller, "tokenId" | "notAfter">;
  }): Promise<{ token: string; expiresAt: string }> {
    const { clock, ids, random, store } = this.#options;
    const { dialect } = store;
    const { spaceId, principalId, madeWith } = caller;
    const token = createEndingToken(random, madeWith?.notAfter);
    const now = isoTime(clock.now());
    const expiresAt = endingBy(clock.now() + LOGIN_TOKEN_TTL_MS, madeWith?.notAfter);
    const link = {
      ...{ spaceId, principalId, tokenHash: hashToken(token), createdAt: now, expiresAt },
      ...({ kind: "login", label: "login link" } as const),
    };
    const result = await store.commit({
      guards: [],
      statements: [
        ...(madeWith === undefined ? insertToken(dialect, link) : insertTokenMadeWith(dialect, link, madeWith.tokenId)),
        deleteExpired(dialect, { spaceId, now }),
        ...audited(
          { dialect, ids },
          {
            spaceId,
            at: now,
            actorId: principalId,
            action: "login-link.created",
            subject: principalId,
            details: { token: shown(hashToken(token)) },
          },
        ),
      ],
    });
    if (result.status === "conflict") throw new MusterError("unauthenticated");
    return { token, expiresAt };
  }

  async redeemLoginToken(token: string): Promise<{ caller: Caller; cookieToken: string; maxAgeSeconds: number }> {
    const { clock, ids, random, store } = this.#options;
    const { dialect } = store;
    // A read first: whatever is no good costs no write.
    const caller = looksLikeToken(token) ? await this.#callerOf(token, "login") : null;
    if (caller === null) throw new MusterError("login_link_invalid");
    const { notAfter } = caller;
    const cookieToken = createEndingToken(random, notAfter);
    const startsAt = clock.now();
    const now = isoTime(startsAt);
    const expiresAt = endingBy(startsAt + COOKIE_TTL_MS, notAfter);
    const { spaceId, principalId } = caller;
    const result = await store.commit({
      guards: [],
      statements: [
        revokeToken(dialect, { tokenHash: hashToken(token), kind: "login", now }),
        ...insertToken(dialect, {
          spaceId,
          principalId,
          tokenHash: hashToken(cookieToken),
          kind: "cookie",
          label: "browser login",
          createdAt: now,
          expiresAt,
        }),
        ...audited(
          { dialect, ids },
          {
            spaceId,
            at: now,
            actorId: principalId,
            action: "login-link.redeemed",
            subject: principalId,
            details: { token: shown(hashToken(token)), cookie: shown(hashToken(cookieToken)) },
          },
        ),
      ],
    });
    // Someone else's redemption came first: the update changed no row, so nothing was written.
    if (result.status === "conflict") throw new MusterError("login_link_invalid");
    return { caller, cookieToken, maxAgeSeconds: Math.floor((Date.parse(expiresAt) - startsAt) / 1_000) };
  }

  /** Ends the login whose cookie this is; nothing happens when it is not good any more. */
  async logout(input: { cookie: string | undefined }): Promise<void> {
    if (input.cookie === undefined || !looksLikeToken(input.cookie)) return;
    const caller = await this.#callerOf(input.cookie, "cookie");
    if (caller === null) return;
    const { clock, ids, store } = this.#options;
    const { dialect } = store;
    const now = isoTime(clock.now());
    const tokenHash = hashToken(input.cookie);
    await store.commit({
      guards: [],
      statements: [
        revokeToken(dialect, { tokenHash, kind: "cookie", now }),
        ...audited(
          { dialect, ids },
          {
            spaceId: caller.spaceId,
            at: now,
            actorId: caller.principalId,
            action: "logout",
            subject: caller.principalId,
            details: { cookie: shown(tokenHash) },
          },
        ),
      ],
    });
  }

  /** Throws `permission_denied` for a caller who is a member of nothing. */
  me(caller: Caller): Me {
    const held = [...caller.roles.values()];
    const role = caller.roles.get(caller.defaultSessionId) ?? STRENGTH.find((candidate) => held.includes(candidate));
    if (role === undefined) throw new MusterError("permission_denied", "You are a member of no session.");
    const { spaceId, principalId, principalKind, displayName, defaultSessionId } = caller;
    return { spaceId, principalId, principalKind, displayName, defaultSessionId, role };
  }

  standsFor({ principalId }: Pick<Caller, "principalId">): PrincipalId {
    return principalId === this.cliPrincipalId ? this.ownerId : principalId;
  }

  async #callerOf(token: string, kind: TokenKind): Promise<Caller | null> {
    const { clock, store } = this.#options;
    const tokenHash = hashToken(token);
    const presented = { tokenHash, kind, now: isoTime(clock.now()) };
    const rows = await store.read(callerOf(store.dialect, presented, this));
    const caller = toCaller(rows, token);
    if (caller !== null && kind !== "login") this.#noteUse(tokenHash, rows[0]?.last_used_at ?? null);
    return caller;
  }

  /** Beside the request, and seldom. What cannot be written now is written with a later request. */
  #noteUse(tokenHash: string, lastUsedAt: string | null): void {
    const { clock, store } = this.#options;
    const now = clock.now();
    const before = isoTime(now - LAST_USED_EVERY_MS);
    if (lastUsedAt !== null && lastUsedAt > before) return;
    if (this.#notingUse.has(tokenHash) || this.#notingUse.size >= LAST_USED_PENDING_MAX) return;
    this.#notingUse.add(tokenHash);
    store
      .commit({ guards: [], statements: [noteUse(store.dialect, { hash: tokenHash, now: isoTime(now), before })] })
      .catch(() => undefined)
      .finally(() => this.#notingUse.delete(tokenHash));
  }
}

/**
 * Opens identity over a migrated store. On the first start it founds the space in one commit; on every start the
 * command line's token file is checked, and renewed when it is missing or its token is no good. Throws
 * `home_unwritable`, or what the store throws.
 */
export const openIdentity = async (options: IdentityOptions): Promise<OpenIdentity> =>
  new StoredIdentity(options, await openSpace(options));
