// Watches, while feeds are open, whether their readers still are what they were when they came: a membership that is
// given or taken resets the feed, and the next request finds the caller's new roles.
import type { Store } from "@muster/store";
import type { Caller } from "../ports.ts";
import { query } from "./placeholders.ts";
import type { Timers } from "./timers.ts";

/** Half of what a change may take to be felt. */
export const MEMBERSHIP_CHECK_MS = 500;

export interface WatchedReader {
  readonly caller: Caller;
  reset(reason: "membership"): void;
}

export class MembershipWatch {
  readonly #store: Store;
  readonly #timers: Timers;
  readonly #onBug: (error: unknown) => void;
  readonly #readers: ReadonlySet<WatchedReader>;
  #cancelAlarm: (() => void) | null = null;
  #isClosed = false;

  constructor(
    parts: { readonly store: Store; readonly timers: Timers; readonly onBug: (error: unknown) => void },
    readers: ReadonlySet<WatchedReader>,
  ) {
    this.#store = parts.store;
    this.#timers = parts.timers;
    this.#onBug = parts.onBug;
    this.#readers = readers;
  }

  /** Looks from time to time until nobody reads any more. */
  start(): void {
    if (this.#isClosed || this.#cancelAlarm !== null) return;
    this.#cancelAlarm = this.#timers.after(MEMBERSHIP_CHECK_MS, () => {
      this.#check()
        .catch(this.#onBug)
        .finally(() => {
          this.#cancelAlarm = null;
          if (this.#readers.size > 0) this.start();
        });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelAlarm?.();
  }

  async #check(): Promise<void> {
    const byPrincipal = new Map<string, WatchedReader[]>();
    for (const reader of this.#readers) {
      const key = JSON.stringify([reader.caller.spaceId, reader.caller.principalId]);
      const list = byPrincipal.get(key);
      if (list === undefined) byPrincipal.set(key, [reader]);
      else list.push(reader);
    }
    for (const readers of byPrincipal.values()) {
      const caller = readers[0]?.caller;
      if (caller === undefined) continue;
      const now = await this.#sessionsOf(caller);
      for (const reader of readers) if (!isSame(reader.caller, now)) reader.reset("membership");
    }
  }

  async #sessionsOf({ spaceId, principalId }: Caller): Promise<ReadonlySet<string>> {
    const rows = await this.#store.read(
      query(
        this.#store.dialect,
        `SELECT m.session_id FROM session_memberships m
         JOIN sessions s ON s.space_id = m.space_id AND s.session_id = m.session_id AND s.state <> 'closed'
         JOIN principals p ON p.space_id = m.space_id AND p.principal_id = m.participant_id AND p.disabled_at IS NULL
         WHERE m.space_id = ? AND m.participant_id = ? AND m.state = 'active'`,
        spaceId,
        principalId,
      ),
    );
    return new Set(rows.map((row) => String(row["session_id"])));
  }
}

const isSame = (caller: Caller, sessions: ReadonlySet<string>): boolean =>
  caller.roles.size === sessions.size && [...caller.roles.keys()].every((session) => sessions.has(session));
