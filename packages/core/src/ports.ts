// Time, ids and randomness are passed in, so that a simulated world can replay a seed.

export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
}

export interface Random {
  /** Fills the array with random bytes and returns it. */
  fill(bytes: Uint8Array): Uint8Array;
}

export interface Ids {
  /** A new UUIDv7: sorts by time of making, also within one millisecond. */
  next(): string;
}

/** ISO 8601 UTC with milliseconds, the only form of time in events, rows and answers. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();
