// Who calls, by which token, and with which roles.
export { FailureLimiter, type FailureLimiterOptions } from "./failure-limiter.ts";
export { type OpenIdentity, openIdentity } from "./identity.ts";
export { CLI_TOKEN_FILE, LOGIN_FAILURE_ADDRESSES_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_WINDOW_MS } from "./limits.ts";
export type { IdentityOptions } from "./options.ts";
export { shown } from "./tokens.ts";
