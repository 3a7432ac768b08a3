// Heartbeats over HTTP, per caller and node: none closer together than the least interval. In the memory of one hub, because
// a beat too many costs little.
import { MusterError } from "@muster/contracts";
import { HEARTBEAT_MIN_INTERVAL_MS, HEARTBEAT_NODES_MAX } from "./limits.ts";

export class HeartbeatLimiter {
  readonly #lastMs = new Map<string, number>();

  /** Counts one. Throws `rate_limited`; what is refused is not counted. */
  check(key: string, nowMs: number): void {
    const lastMs = this.#lastMs.get(key);
    // A clock that was set back must not hold anyone up.
    if (lastMs !== undefined && nowMs >= lastMs && nowMs - lastMs < HEARTBEAT_MIN_INTERVAL_MS)
      throw new MusterError("rate_limited", "The node beats more often than it needs to.", { retryAfterSeconds: 1 });
    if (this.#lastMs.size >= HEARTBEAT_NODES_MAX) this.#lastMs.clear();
    this.#lastMs.set(key, nowMs);
  }
}
