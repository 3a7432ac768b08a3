// Lifetimes and sizes of credentials, each with its reason.

/** Every secret has 256 bits, so that its plain SHA-256 needs no salt and guessing is hopeless. */
export const TOKEN_BYTES = 32;
/** Base64url of TOKEN_BYTES has 43 characters; anything much longer is not hashed at all. */
export const TOKEN_MAX_CHARACTERS = 256;
/** Long enough to walk to the browser, short enough that a link left in a terminal's scrollback is worthless. */
export const LOGIN_TOKEN_TTL_MS = 10 * 60 * 1_000;
export const COOKIE_TTL_MS = 30 * 24 * 60 * 60 * 1_000;
/** 64 bits of a token's hash: no two tokens of a hub begin alike. */
export const TOKEN_ID_CHARACTERS = 16;
/** When a token was used is written down this often, so that it costs requests nothing. */
export const LAST_USED_EVERY_MS = 60 * 60 * 1_000;
/** Tokens whose use is being written down; another one waits for its next request. */
export const LAST_USED_PENDING_MAX = 64;
/** Tokens that one answer lists: what is good first, then the newest. */
export const TOKENS_LISTED_MAX = 1_000;
/** A secret shows this many characters in logs and audit rows, never more. */
export const SECRET_SHOWN_CHARACTERS = 8;

/** Failed redemptions of login links that one address may make in a minute. */
export const LOGIN_FAILURES_MAX = 5;
export const LOGIN_FAILURES_WINDOW_MS = 60_000;
/** Addresses remembered by the failure limiter; the oldest is forgotten first. */
export const LOGIN_FAILURE_ADDRESSES_MAX = 10_000;

export const CLI_TOKEN_FILE = "cli-token";
export const CLI_TOKEN_LABEL = "cli";
