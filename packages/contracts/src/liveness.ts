// Whether the other side of an uplink still lives, judged by silence alone. Pure: whoever owns the socket asks every few
// seconds with its own monotonic clock. Both ends use this one.
import { PING_INTERVAL_MS, SILENCE_LIMIT_MS } from "./uplink.ts";

/** How often `check` is to be called. */
export const LIVENESS_CHECK_INTERVAL_MS = 5_000;

export type Liveness = "fine" | "ping" | "dead";

export class SilenceWatch {
  #heardMs: number;
  #pingedMs: number;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
    this.#pingedMs = nowMs;
  }

  /** Anything came from the other side. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** `ping`: nothing came for PING_INTERVAL_MS, ask now; `dead`: nothing for SILENCE_LIMIT_MS. */
  check(nowMs: number): Liveness {
    if (nowMs - this.#heardMs >= SILENCE_LIMIT_MS) return "dead";
    if (nowMs - Math.max(this.#heardMs, this.#pingedMs) < PING_INTERVAL_MS) return "fine";
    this.#pingedMs = nowMs;
    return "ping";
  }
}
