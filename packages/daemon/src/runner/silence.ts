// Notices that nothing was heard for too long, once per silence: a sign of life ends it, and the next one counts anew.
import type { Timers } from "../processes/index.ts";

export interface SilenceOptions {
  readonly timers: Timers;
  readonly silentMs: number;
  /** True while somebody else is waited for: that is no silence. */
  readonly isExcused: () => boolean;
  readonly onSilent: () => void;
}

export class Silence {
  readonly #options: SilenceOptions;
  #heardMs: number;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** Counts from now. */
  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#heardMs = options.timers.nowMs();
    this.#watch(options.silentMs);
  }

  /** Cheap: it is called for every piece of text. */
  heard(): void {
    this.#heardMs = this.#options.timers.nowMs();
    if (this.#cancel === undefined && !this.#stopped) this.#watch(this.#options.silentMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #watch(delayMs: number): void {
    this.#cancel = this.#options.timers.schedule(delayMs, () => this.#look());
  }

  #look(): void {
    const { timers, silentMs, isExcused, onSilent } = this.#options;
    this.#cancel = undefined;
    if (isExcused()) this.#heardMs = timers.nowMs();
    const leftMs = this.#heardMs + silentMs - timers.nowMs();
    if (leftMs > 0) this.#watch(leftMs);
    else onSilent();
  }
}
