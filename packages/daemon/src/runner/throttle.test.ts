import { expect, it } from "vitest";
import { manualTimers } from "./testing/timers.ts";
import { Throttle } from "./throttle.ts";

const open = () => {
  const timers = manualTimers();
  const passed: string[] = [];
  return {
    timers,
    passed,
    throttle: new Throttle<string>({
      timers,
      intervalMs: 2_000,
      intervalMaxMs: 10_000,
      pass: (value) => passed.push(value),
    }),
  };
};

it("lets the first through, then the newest once in the interval", () => {
  const { timers, passed, throttle } = open();
  for (let step = 0; step < 50; step += 1) {
    throttle.offer("tool", `update ${step}`);
    timers.advance(100);
  }
  expect(passed).toEqual(["update 0", "update 19", "update 39"]);
  timers.advance(2_000);
  expect(passed.at(-1)).toBe("update 49");
});

it("lets less and less through of what goes on for long, and still the newest", () => {
  const { timers, passed, throttle } = open();
  throttle.touch("tool");
  const at: number[] = [];
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const before = passed.length;
    throttle.offer("tool", `second ${seconds}`);
    timers.advance(1_000);
    if (passed.length > before) at.push(seconds + 1);
  }
  expect(at.slice(0, 8)).toEqual([2, 4, 6, 9, 14, 21, 31, 41]);
  expect(passed.length).toBeLessThan(70);
  expect(passed.at(-1)).toMatch(/^second 5[89]\d$/);
});

it("waits from what was let through by another way", () => {
  const { timers, passed, throttle } = open();
  throttle.touch("tool");
  throttle.offer("tool", "soon");
  expect(passed).toEqual([]);
  timers.advance(2_000);
  expect(passed).toEqual(["soon"]);
});

it("keeps keys apart, forgets what was dropped, and lets everything through at the end", () => {
  const { timers, passed, throttle } = open();
  for (const key of ["a", "b", "c"]) {
    throttle.offer(key, `${key} first`);
    throttle.offer(key, `${key} last`);
  }
  throttle.drop("b");
  throttle.flush();
  expect(passed).toEqual(["a first", "b first", "c first", "a last", "c last"]);
  timers.advance(10_000);
  expect(passed).toHaveLength(5);
  expect(timers.pending).toBe(0);
});
