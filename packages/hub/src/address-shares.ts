// What strangers may hold open at once, in all and by address: one of them must not take the places of everybody else.
// Kept in this hub's memory.
import { isIPv4, isIPv6 } from "node:net";

const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const IPV6_GROUPS = 8;
/** One network of IPv6 has 64 bits for as many addresses as its owner likes. */
const NETWORK_GROUPS = 4;

/**
 * Whose share an address counts to: an IPv4 address, or the /64 of an IPv6 one. Null for loopback, where programs of this
 * machine and proxies stand, and for what is no address: those have no share of their own.
 */
export function shareOf(address: string | undefined): string | null {
  const plain = (address ?? "").replace(/%.*$/, "");
  const ip = MAPPED_IPV4.exec(plain)?.[1] ?? plain;
  if (isIPv4(ip)) return ip.startsWith("127.") ? null : ip;
  if (!isIPv6(ip)) return null;
  const network = groupsOf(ip).slice(0, NETWORK_GROUPS).join(":");
  return groupsOf(ip).join(":") === LOOPBACK ? null : `${network}::/64`;
}

const LOOPBACK = "0:0:0:0:0:0:0:1";

function groupsOf(ip: string): string[] {
  // The last 32 bits may be written as IPv4; they are of no network.
  const [head = "", tail] = ip.replace(/[\d.]+$/, (end) => (end.includes(".") ? "0:0" : end)).split("::");
  const groups = (text: string): string[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16).toString(16));
  const [first, last] = [groups(head), groups(tail ?? "")];
  return [...first, ...Array<string>(IPV6_GROUPS - first.length - last.length).fill("0"), ...last];
}

export interface AddressSharesOptions {
  /** In all. */
  readonly max: number;
  /** Of one share. */
  readonly perShareMax: number;
}

/** A place that was taken, or why there is none. */
export type Taken = { readonly release: () => void } | "all-taken" | "share-taken";

export class AddressShares {
  readonly #options: AddressSharesOptions;
  /** No larger than what is taken. */
  readonly #taken = new Map<string, number>();
  #count = 0;

  constructor(options: AddressSharesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** @param share as `shareOf` gives it; null counts in all only */
  take(share: string | null): Taken {
    if (this.#count >= this.#options.max) return "all-taken";
    const mine = share === null ? 0 : (this.#taken.get(share) ?? 0);
    if (mine >= this.#options.perShareMax) return "share-taken";
    this.#count += 1;
    if (share !== null) this.#taken.set(share, mine + 1);
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      this.#count -= 1;
      if (share === null) return;
      const left = (this.#taken.get(share) ?? 1) - 1;
      if (left > 0) this.#taken.set(share, left);
      else this.#taken.delete(share);
    };
    return { release };
  }
}
