// What strangers may hold open: whose share an address counts to, and when a share is used up.
import { describe, expect, it } from "vitest";
import { AddressShares, shareOf } from "./address-shares.ts";

describe("an address", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:192.0.2.7", "192.0.2.7"],
    ["2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"],
    ["2001:0DB8::1:0:0:0:9", "2001:db8:0:1::/64"],
    ["2001:db8:0:2::1", "2001:db8:0:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
  ])("%s counts to %s", (address, share) => {
    expect(shareOf(address)).toBe(share);
  });

  it.each(["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "", "unknown", undefined])(
    "%s has no share of its own",
    (address) => {
      expect(shareOf(address)).toBeNull();
    },
  );
});

describe("what may be held open", () => {
  const released = (taken: ReturnType<AddressShares["take"]>): (() => void) => {
    if (typeof taken === "string") throw new Error(`nothing was taken: ${taken}`);
    return taken.release;
  };

  it("is shared out, so that one address never takes what is there for others", () => {
    const shares = new AddressShares({ max: 10, perShareMax: 2 });
    const first = released(shares.take("a"));
    released(shares.take("a"));
    expect(shares.take("a")).toBe("share-taken");
    released(shares.take("b"));
    first();
    first();
    released(shares.take("a"));
    expect(shares.take("a")).toBe("share-taken");
    expect(shares.count).toBe(3);
  });

  it("is limited in all, for those without a share too, and nothing is left behind by who gave it back", () => {
    const shares = new AddressShares({ max: 3, perShareMax: 1 });
    const taken = [released(shares.take(null)), released(shares.take(null)), released(shares.take("a"))];
    expect(shares.take(null)).toBe("all-taken");
    expect(shares.take("b")).toBe("all-taken");
    for (const release of taken) release();
    expect(shares.count).toBe(0);
    released(shares.take("a"));
  });
});
