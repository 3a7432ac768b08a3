// Numbers of the sessions folder that are no part of the contract.

/** A decision that lost a race is made again this often. */
export const DECIDE_ATTEMPTS = 5;
/** A redemption competes with all others for the limits of a session, and each loss is another one's success. */
export const REDEEM_ATTEMPTS = 5;
/** Members and invites that one answer lists: what counts first, then the newest. */
export const LISTED_MAX = 1_000;
export const INVITES_WINDOW_MS = 60 * 60 * 1_000;
