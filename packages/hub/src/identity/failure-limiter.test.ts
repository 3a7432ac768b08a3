import { expect, it } from "vitest";
import { FailureLimiter } from "./index.ts";

const limiterAt = (clock: { time: number }, maxKeys = 10) =>
  new FailureLimiter({ clock: { now: () => clock.time }, maxFailures: 3, windowMs: 60_000, maxKeys });

const fail = (limiter: FailureLimiter, key: string, times: number) => {
  for (let count = 0; count < times; count += 1) limiter.recordFailure(key);
};

it("refuses after the last allowed failure and says for how long", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock);
  fail(limiter, "10.0.0.1", 2);
  expect(() => limiter.check("10.0.0.1")).not.toThrow();
  clock.time += 20_500;
  fail(limiter, "10.0.0.1", 1);
  expect(() => limiter.check("10.0.0.1")).toThrow(
    expect.objectContaining({ code: "rate_limited", details: { retryAfterSeconds: 40 } }),
  );
});

it("forgets failures one by one as they leave the window", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock);
  fail(limiter, "10.0.0.1", 2);
  clock.time += 30_000;
  fail(limiter, "10.0.0.1", 1);
  clock.time += 30_000;
  expect(() => limiter.check("10.0.0.1")).not.toThrow();
});

it("counts each key by itself and remembers a bounded number of them", () => {
  const clock = { time: 1_000_000 };
  const limiter = limiterAt(clock, 2);
  fail(limiter, "one", 3);
  fail(limiter, "two", 3);
  expect(() => limiter.check("three")).not.toThrow();
  fail(limiter, "three", 3);
  expect(() => limiter.check("one")).not.toThrow();
  expect(() => limiter.check("two")).toThrow();
  expect(() => limiter.check("three")).toThrow();
});
