// Secrets and their hashes. A token leaves this folder once, in the answer that makes it; what is stored and compared
// is its SHA-256, so a lookup by hash takes no time that depends on the secret.
import { createHash } from "node:crypto";
import type { Random } from "@muster/core";
import { SECRET_SHOWN_CHARACTERS, TOKEN_BYTES, TOKEN_MAX_CHARACTERS } from "./limits.ts";

/** What a token is good for. A token has exactly one scope and is nothing anywhere else. */
export type TokenScope = "login" | "cookie" | "api";

/** 256 random bits in base64url, 43 characters. */
export const createToken = (random: Random): string =>
  Buffer.from(random.fill(new Uint8Array(TOKEN_BYTES))).toString("base64url");

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
