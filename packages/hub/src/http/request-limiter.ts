// How often one principal may ask: a bucket of tokens that fills steadily, in this replica's memory. Generous: it holds
// back a loop that ran away, not a script that works.
import { MusterError, type PrincipalId } from "@muster/contracts";
import type { Clock } from "@muster/core";

export interface RequestLimiterOptions {
  readonly clock: Clock;
  readonly perSecond: number;
  readonly burst: number;
  /** Principals remembered; the one that asked longest ago is forgotten first. */
  readonly maxPrincipals: number;
}

interface Bucket {
  level: number;
  at: number;
}

export class RequestLimiter {
  readonly #options: RequestLimiterOptions;
  /** In the order of their last request. */
  readonly #buckets = new Map<PrincipalId, Bucket>();

  constructor(options: RequestLimiterOptions) {
    this.#options = options;
  }

  /** Takes one. Throws `rate_limited` with `retryAfterSeconds`; a refused request costs nothing. */
  take(principalId: PrincipalId): void {
    this.#filled(principalId).level -= 1;
  }

  /** Throws as `take` does, and takes nothing. */
  check(principalId: PrincipalId): void {
    this.#filled(principalId);
  }

  /** Takes one for what was answered already; throws nothing. */
  spend(principalId: PrincipalId): void {
    const bucket = this.#buckets.get(principalId);
    if (bucket !== undefined) bucket.level = Math.max(0, bucket.level - 1);
  }

  #filled(principalId: PrincipalId): Bucket {
    const { clock, perSecond, burst, maxPrincipals } = this.#options;
    const now = clock.now();
    const bucket = this.#buckets.get(principalId) ?? { level: burst, at: now };
    // A clock that was set back gives nothing and takes nothing.
    const passedMs = Math.max(0, now - bucket.at);
    bucket.level = Math.min(burst, bucket.level + (passedMs / 1_000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(principalId);
    this.#buckets.set(principalId, bucket);
    if (this.#buckets.size > maxPrincipals) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    if (bucket.level < 1) {
      throw new MusterError("rate_limited", undefined, {
        limit: perSecond,
        retryAfterSeconds: Math.max(1, Math.ceil((1 - bucket.level) / perSecond)),
      });
    }
    return bucket;
  }
}
