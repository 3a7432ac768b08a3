import type { PrincipalId } from "@muster/contracts";
import { expect, it } from "vitest";
import { RequestLimiter } from "./request-limiter.ts";

const limiterAt = (clock: { time: number }, maxPrincipals = 10) =>
  new RequestLimiter({ clock: { now: () => clock.time }, perSecond: 10, burst: 20, maxPrincipals });

const taken = (limiter: RequestLimiter, principal: string, times: number): number => {
  let count = 0;
  for (let attempt = 0; attempt < times; attempt += 1) {
    try {
      limiter.take(principal as PrincipalId);
      count += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: "rate_limited", details: { limit: 10, retryAfterSeconds: 1 } });
    }
  }
  return count;
};

it("NOD-20 lets a burst through, then as many as there are in a second, for each principal by itself", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock);
  expect(taken(limiter, "one", 30)).toBe(20);
  expect(taken(limiter, "two", 5)).toBe(5);
  clock.time += 1_000;
  expect(taken(limiter, "one", 30)).toBe(10);
  clock.time += 60_000;
  expect(taken(limiter, "one", 30)).toBe(20);
});

it("gives nothing for a clock that was set back", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock);
  taken(limiter, "one", 20);
  clock.time -= 3_600_000;
  expect(taken(limiter, "one", 5)).toBe(0);
  clock.time += 500;
  expect(taken(limiter, "one", 10)).toBe(5);
});

it("remembers a bounded number of principals, the latest", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock, 2);
  for (const name of ["one", "two", "three"]) taken(limiter, name, 20);
  expect(taken(limiter, "three", 1)).toBe(0);
  expect(taken(limiter, "one", 20)).toBe(20);
});
