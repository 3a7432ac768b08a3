// What the daemon does when its uplink ends, decided by the close code alone, and how long it waits. Pure.
import { CLOSE_CODES } from "@muster/contracts";

export const RETRY_BASE_MS = 1_000;
export const RETRY_CAP_MS = 30_000;
/** A connection that lived this long was healthy: counting of failures begins anew. */
export const HEALTHY_AFTER_MS = 60_000;
/** A hub on this machine may just be starting: the first tries are this far apart at most. */
export const QUICK_RETRY_MS = 250;
export const QUICK_RETRIES = 16;
/** Least wait after a refusal that asks for patience. */
export const BACK_OFF_MIN_MS = 5_000;

export type Reaction =
  /** A person must act. */
  | "stop"
  /** Another daemon has this identity; a person must act. */
  | "stop-cloned"
  | "reconnect-now"
  | "back-off"
  | "retry";

const REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [CLOSE_CODES.unauthorized, "stop"],
  [CLOSE_CODES.replaced, "stop-cloned"],
  [CLOSE_CODES.alreadyConnected, "back-off"],
  [CLOSE_CODES.draining, "reconnect-now"],
  [CLOSE_CODES.featureUnavailable, "stop"],
  [CLOSE_CODES.featureParameterInvalid, "stop"],
  [CLOSE_CODES.featureParameterBelowFloor, "stop"],
  [CLOSE_CODES.protocolUnsupported, "stop"],
  [CLOSE_CODES.tooMany, "back-off"],
]);

/** For the newest connection; what an older one is closed with means nothing. */
export const reactionTo = (closeCode: number): Reaction => REACTIONS.get(closeCode) ?? "retry";

export interface RetryInput {
  readonly reaction: Exclude<Reaction, "stop" | "stop-cloned">;
  /** Failures in a row before this one. */
  readonly failures: number;
  /** At least 0, below 1. */
  readonly fraction: number;
  readonly isLoopback: boolean;
}

/** Full jitter: anything from 0 to the exponential bound, so that a thousand daemons do not come at once. */
export function retryDelayMs({ reaction, failures, fraction, isLoopback }: RetryInput): number {
  if (reaction === "reconnect-now" && failures === 0) return 0;
  if (isLoopback && failures < QUICK_RETRIES && reaction !== "back-off") return Math.floor(fraction * QUICK_RETRY_MS);
  const doublings = Math.min(isLoopback ? Math.max(0, failures - QUICK_RETRIES) : failures, 16);
  const bound = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** doublings);
  return (reaction === "back-off" ? BACK_OFF_MIN_MS : 0) + Math.floor(fraction * bound);
}

export const isLoopbackHost = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
