// Numbers of the nodes folder, each with its reason.

/** Presence is doubted after two missed heartbeats, and given up after four. */
export const DEGRADED_AFTER_MS = 30_000;
export const OFFLINE_AFTER_MS = 60_000;
export const SWEEP_INTERVAL_MS = 5_000;
/** How long a slot waits for a node that is offline; then its turns are lost. */
export const SLOT_LEASE_MS = 10 * 60 * 1_000;
/** Why the sweep gave a slot back; its node takes it again with its next hello. */
export const LEASE_EXPIRED = "lease_expired";
/** Least time between two heartbeats of a node over HTTP. */
export const HEARTBEAT_MIN_INTERVAL_MS = 1_000;
/** Nodes whose last heartbeat over HTTP is remembered; then all are forgotten. */
export const HEARTBEAT_NODES_MAX = 20_000;
/** A connect that lost a race is decided again this often. */
export const CONNECT_ATTEMPTS = 5;

/** A sweep that stays away for two of its turns has stopped, and another process takes its place. */
export const SWEEP_LEASE_MS = 15_000;

/** Slots released by one commit: a few milliseconds of it. */
export const RELEASES_PER_COMMIT_MAX = 256;

/** How often one sweep looks again after a node came back in the moment of its release. */
export const RELEASE_ATTEMPTS = 3;
