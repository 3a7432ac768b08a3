// Secrets and their hashes. A token leaves this folder once, in the answer that makes it; what is stored and compared
// is its SHA-256, so a lookup by hash takes no time that depends on the secret.
import { createHash } from "node:crypto";
import type { TokenScope } from "@muster/contracts";
import { isoTime, type Random } from "@muster/core";
import { SECRET_SHOWN_CHARACTERS, TOKEN_BYTES, TOKEN_ID_CHARACTERS, TOKEN_MAX_CHARACTERS } from "./limits.ts";

/** Where a token is taken. It has exactly one kind and is nothing anywhere else. */
export type TokenKind = "login" | "cookie" | "api";

/** What is stored of a token's kind, and for one of the API of its scope. `api` alone is good for all. */
const STORED: Readonly<Record<TokenKind, Readonly<Partial<Record<TokenScope, string>>>>> = {
  login: { full: '["login"]' },
  cookie: { full: '["cookie"]' },
  api: { read: '["api:read"]', write: '["api:write"]', full: '["api"]' },
};

/** `scopes_json` of a new token. */
export const scopesJson = (kind: TokenKind, scope: TokenScope = "full"): string => {
  const stored = STORED[kind][scope];
  if (stored === undefined) throw new Error(`a ${kind} token has no scope ${scope}`);
  return stored;
};

/** Every `scopes_json` that a token of that kind may have. */
export const scopesOf = (kind: TokenKind): readonly string[] => Object.values(STORED[kind]);

/** Throws for what this program never writes: nothing is allowed by being misread. */
export const readScopes = (stored: string): { readonly kind: TokenKind; readonly scope: TokenScope } => {
  for (const kind of ["api", "cookie", "login"] as const) {
    for (const scope of ["read", "write", "full"] as const) {
      if (STORED[kind][scope] === stored) return { kind, scope };
    }
  }
  throw new Error("a token's scopes are malformed in the database");
};

/** Names a token in lists and is worth nothing: the beginning of its hash. */
export const tokenIdOf = (tokenHash: string): string => tokenHash.slice(0, TOKEN_ID_CHARACTERS);

/** 256 random bits in base64url, 43 characters. */
export const createToken = (random: Random): string =>
  Buffer.from(random.fill(new Uint8Array(TOKEN_BYTES))).toString("base64url");

const SECRET_CHARACTERS = Math.ceil((TOKEN_BYTES * 4) / 3);

/**
 * A token that carries when everything that comes of it ends at the latest. The stored hash is of both parts, so who holds the
 * token cannot change the end.
 */
export const createEndingToken = (random: Random, notAfter: string | undefined): string =>
  createToken(random) + (notAfter === undefined ? "" : Date.parse(notAfter).toString(36));

/** Of a token whose hash was found. Undefined where it carries no end. */
export const endOf = (token: string): string | undefined => {
  const end = token.slice(SECRET_CHARACTERS);
  return end === "" ? undefined : isoTime(Number.parseInt(end, 36));
};

/** SHA-256 in hex, as `tokens.token_hash` holds it. */
export const hashToken = (token: string): string => createHash("sha256").update(token, "utf8").digest("hex");

/** True for what may be one of our tokens at all; everything else is refused before it is hashed. */
export const looksLikeToken = (value: string): boolean =>
  value.length <= TOKEN_MAX_CHARACTERS && /^[A-Za-z0-9_-]{16,}$/.test(value);

/** What logs and audit rows may show of a secret or of its hash. */
export const shown = (secret: string): string => secret.slice(0, SECRET_SHOWN_CHARACTERS);

/** The token of an `Authorization: Bearer …` header; undefined for any other header. */
export const bearerToken = (authorization: string | undefined): string | undefined => {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  return token !== undefined && looksLikeToken(token) ? token : undefined;
};
