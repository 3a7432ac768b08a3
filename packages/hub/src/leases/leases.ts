// A right that one process of a database has at a time, by name. It expires by itself on the hubs' clock, and each taking
// gives it a number that only grows: what is done under a lease asks for its number in the same commit (`holds`), so a holder
// that slept changes nothing any more. Invariant: a row is never deleted, because its number must outlive its holders.
import { type Clock, isoTime } from "@muster/core";
import {
  change,
  type Guard,
  insertInto,
  integer,
  pick,
  returnedRows,
  type Statement,
  type Store,
  select,
  text,
} from "@muster/store";
import { HUB_TABLES } from "../schema/index.ts";

const { leases } = HUB_TABLES;

const ofHolder = { leaseName: text(), owner: text(), fence: integer() } as const;

/** Takes it where nobody has it: it was never taken, was given back, or is over. */
const takeLease = change({
  request: { leaseName: text(), owner: text(), now: text(), expiresAt: text() },
  row: pick(leases, "fence"),
  sql: `UPDATE leases SET owner = :owner, fence = fence + 1, expires_at = :expiresAt
    WHERE lease_name = :leaseName AND (owner IS NULL OR expires_at <= :now) RETURNING fence`,
});

/** Also when it is over, as long as nobody else took it: its number is still the newest. */
const renewLease = change({
  request: { ...ofHolder, expiresAt: text() },
  sql: `UPDATE leases SET expires_at = :expiresAt
    WHERE lease_name = :leaseName AND owner = :owner AND fence = :fence`,
});

const giveBackLease = change({
  request: ofHolder,
  sql: "UPDATE leases SET owner = NULL WHERE lease_name = :leaseName AND owner = :owner AND fence = :fence",
});

const heldLease = select({
  request: ofHolder,
  row: pick(leases, "fence"),
  sql: "SELECT fence FROM leases WHERE lease_name = :leaseName AND owner = :owner AND fence = :fence",
});

const leaseOf = select({
  request: { leaseName: text() },
  row: pick(leases, "owner", "expires_at"),
  sql: "SELECT owner, expires_at FROM leases WHERE lease_name = :leaseName",
});

export interface HeldLease {
  readonly name: string;
  readonly owner: string;
  /** Larger than that of everyone who had it before. */
  readonly fence: number;
}

/** Fails the commit of one who no longer has the lease. */
export const holds = (dialect: Store["dialect"], { name, owner, fence }: HeldLease): Guard => ({
  query: heldLease(dialect, { leaseName: name, owner, fence }),
  expected: [{ fence }],
});

export interface LeaseOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly name: string;
  /** Who takes it: one process, once started. */
  readonly owner: string;
  /** From a taking or renewal until somebody else may take it. */
  readonly leaseMs: number;
}

/** One process's hold on one lease. */
export class LeaseKeeper {
  readonly #options: LeaseOptions;
  #held: HeldLease | null = null;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** As far as this process knows. */
  get isHeld(): boolean {
    return this.#held !== null;
  }

  /**
   * The lease, where this process has it or can take it; null while another has it. What one has taken is renewed by
   * `renewal`, in the commit of the work that it is for.
   */
  async have(): Promise<HeldLease | null> {
    return this.#held ?? (await this.take());
  }

  /** Takes it by one statement; looks first, so that who waits for it writes nothing. */
  async take(): Promise<HeldLease | null> {
    const { store, clock, name, owner, leaseMs } = this.#options;
    const nowMs = clock.now();
    const now = isoTime(nowMs);
    const [known] = await store.read(leaseOf(store.dialect, { leaseName: name }));
    if (known !== undefined && known.owner !== null && known.expires_at > now) return null;
    const taking = takeLease(store.dialect, { leaseName: name, owner, now, expiresAt: isoTime(nowMs + leaseMs) });
    const nobodys = { lease_name: name, owner: null, fence: 0, expires_at: now };
    const row = insertInto(store.dialect, HUB_TABLES, "leases", [nobodys], { conflict: "ignore" });
    const statements = known === undefined ? [...row, taking] : [taking];
    const [taken] = returnedRows(await store.commit({ guards: [], statements }), statements, taking);
    this.#held = taken === undefined ? null : { name, owner, fence: taken.fence };
    return this.#held;
  }

  /** Changes one row where the lease is still held, and none where it is not: then the commit is refused. */
  renewal({ name, owner, fence }: HeldLease): Statement {
    const { store, clock, leaseMs } = this.#options;
    const expiresAt = isoTime(clock.now() + leaseMs);
    return renewLease(store.dialect, { leaseName: name, owner, fence, expiresAt }, { expectChanges: 1 });
  }

  /** A commit under the lease was refused: the next look takes it again where it may. */
  lost(): void {
    this.#held = null;
  }

  /** The next one need not wait for the end of the time. May be called twice. */
  async giveBack(): Promise<void> {
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    const { store } = this.#options;
    const { name: leaseName, owner, fence } = held;
    await store.commit({ guards: [], statements: [giveBackLease(store.dialect, { leaseName, owner, fence })] });
  }
}
