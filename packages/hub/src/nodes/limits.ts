// Numbers of the nodes folder, each with its reason.

/** Presence is doubted after two missed heartbeats, and given up after four. */
export const DEGRADED_AFTER_MS = 30_000;
export const OFFLINE_AFTER_MS = 60_000;
export const SWEEP_INTERVAL_MS = 5_000;
/** What a node may declare about itself. */
export const CAPABILITIES_MAX_KEYS = 64;
export const CAPABILITIES_MAX_BYTES = 32 * 1024;
/** A connect that lost a race is decided again this often. */
export const CONNECT_ATTEMPTS = 5;
