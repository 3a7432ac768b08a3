// Counts failures per key in a sliding window, so that guessing at a secret is slow and loud. Kept in memory: a restart
// forgets, which costs an attacker nothing worth having against 256 bits.
import { MusterError } from "@muster/contracts";
import type { Clock } from "@muster/core";

export interface FailureLimiterOptions {
  readonly clock: Clock;
  /** Failures allowed in the window. */
  readonly maxFailures: number;
  readonly windowMs: number;
  /** Keys remembered; the one that failed longest ago is forgotten first. */
  readonly maxKeys: number;
}

export class FailureLimiter {
  readonly #options: FailureLimiterOptions;
  /** Times of recent failures, oldest first; the map is ordered by the last failure. */
  readonly #failures = new Map<string, readonly number[]>();

  constructor(options: FailureLimiterOptions) {
    this.#options = options;
  }

  /** Throws `rate_limited` with `retryAfterSeconds` while the key has used up its failures. */
  check(key: string): void {
    const recent = this.#recent(key);
    const oldest = recent[0];
    if (oldest === undefined || recent.length < this.#options.maxFailures) return;
    const waitMs = oldest + this.#options.windowMs - this.#options.clock.now();
    throw new MusterError("rate_limited", undefined, { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
  }

  recordFailure(key: string): void {
    const times = [...this.#recent(key), this.#options.clock.now()].slice(-this.#options.maxFailures);
    this.#failures.delete(key);
    this.#failures.set(key, times);
    if (this.#failures.size <= this.#options.maxKeys) return;
    const oldest = this.#failures.keys().next();
    if (oldest.done !== true) this.#failures.delete(oldest.value);
  }

  #recent(key: string): readonly number[] {
    const since = this.#options.clock.now() - this.#options.windowMs;
    return (this.#failures.get(key) ?? []).filter((time) => time > since);
  }
}
