// Who calls, by which token, and with which roles.

export { createTokens, type TokensOptions } from "./api-tokens.ts";
export { type AuditAction, type AuditedAct, audited, createAudit } from "./audit.ts";
export { FailureLimiter, type FailureLimiterOptions } from "./failure-limiter.ts";
export { type OpenIdentity, openIdentity } from "./identity.ts";
export {
  CLI_TOKEN_FILE,
  COOKIE_TTL_MS,
  LOGIN_FAILURE_ADDRESSES_MAX,
  LOGIN_FAILURES_MAX,
  LOGIN_FAILURES_WINDOW_MS,
} from "./limits.ts";
export type { IdentityOptions } from "./options.ts";
export { insertMember } from "./space-queries.ts";
export { insertToken } from "./token-queries.ts";
export { createToken, hashToken, shown } from "./tokens.ts";
