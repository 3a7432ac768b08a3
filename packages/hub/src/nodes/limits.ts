// Numbers of the nodes folder, each with its reason.
import { ANNOUNCEMENTS_MAX } from "@muster/store";

/** Presence is doubted after two missed heartbeats, and given up after four. */
export const DEGRADED_AFTER_MS = 30_000;
export const OFFLINE_AFTER_MS = 60_000;
export const SWEEP_INTERVAL_MS = 5_000;
/** How long a slot waits for a node that is offline; then its turns are lost. */
export const SLOT_LEASE_MS = 10 * 60 * 1_000;
/** Why the sweep gave a slot back; its node takes it again with its next hello. */
export const LEASE_EXPIRED = "lease_expired";
/** Why a slot ended with its session. */
export const SESSION_CLOSED = "session_closed";
/** Least time between two heartbeats of a node over HTTP. */
export const HEARTBEAT_MIN_INTERVAL_MS = 1_000;
/** Nodes whose last heartbeat over HTTP is remembered; then all are forgotten. */
export const HEARTBEAT_NODES_MAX = 20_000;
/** A connect that lost a race is decided again this often. */
export const CONNECT_ATTEMPTS = 5;

/** A sweep that stays away for two of its turns has stopped, and another process takes its place. */
export const SWEEP_LEASE_MS = 15_000;

/**
 * Machines of one state that one statement demotes on PostgreSQL; the next takes the others. As many as a commit may announce one
 * by one, and few enough that the index is taken for them.
 */
export const DEMOTIONS_MAX = ANNOUNCEMENTS_MAX;

/** Slots released by one commit: a few milliseconds of it. */
export const RELEASES_PER_COMMIT_MAX = 256;

/**
 * A sweep looks for slots to release among the nodes that have come to be given up since its last look, and this often among all
 * of them, for those that took a slot without a sign of life.
 */
export const OVERDUE_LOOK_MS = 5 * 60 * 1_000;

/** How often one sweep looks again after a node came back in the moment of its release. */
export const RELEASE_ATTEMPTS = 3;

/** Heartbeats of this long go into one commit; a sweep that comes between them is off by no more. */
export const HEARTBEAT_GROUP_MS = 250;
/** A quarter of a second of 60,000 machines that beat every 15 s. */
export const HEARTBEATS_PER_COMMIT_MAX = 1_024;
/** As many as there may be sockets: while the database is away, one each may wait. */
export const HEARTBEATS_WAITING_MAX = 20_000;
