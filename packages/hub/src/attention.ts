// Since when this process has been there to hear machines. A machine is missed only for as long as that: after a stop of the
// hub, or a sleep of its own machine, nodes get their time anew.

/** Looks further apart than this had the process stopped, asleep or without its database in between. They are 5 s apart. */
const LOOKS_APART_MAX_MS = 60_000;

export interface Look {
  readonly nowMs: number;
  /** Since when this process has looked without a break. */
  readonly sinceMs: number;
}

export class Attention {
  #since: number;
  #last: number;

  constructor(nowMs: number) {
    this.#since = nowMs;
    this.#last = nowMs;
  }

  /** Looks now. */
  look(nowMs: number): Look {
    const apart = nowMs - this.#last;
    if (apart < 0 || apart > LOOKS_APART_MAX_MS) this.#since = nowMs;
    this.#last = nowMs;
    return { nowMs, sinceMs: this.#since };
  }
}

/** Whoever was last heard before this is given up; null while this process has not been there for so long itself. */
export const givenUpBefore = ({ nowMs, sinceMs }: Look, patienceMs: number): number | null => {
  const beforeMs = nowMs - patienceMs;
  return sinceMs >= beforeMs ? null : beforeMs;
};
