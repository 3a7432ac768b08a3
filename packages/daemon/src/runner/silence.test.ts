import { expect, it } from "vitest";
import { Silence } from "./silence.ts";
import { manualTimers } from "./testing/timers.ts";

const MINUTE_MS = 60_000;

const watched = () => {
  const timers = manualTimers();
  const excuse = { isGiven: false };
  let told = 0;
  const silence = new Silence({
    timers,
    silentMs: 10 * MINUTE_MS,
    isExcused: () => excuse.isGiven,
    onSilent: () => {
      told += 1;
    },
  });
  return { timers, excuse, silence, told: () => told };
};

it("ORC-32 a silence of ten minutes is told once, however long it lasts", () => {
  const { timers, told } = watched();
  timers.advance(10 * MINUTE_MS - 1);
  expect(told()).toBe(0);
  timers.advance(1);
  expect(told()).toBe(1);
  timers.advance(600 * MINUTE_MS);
  expect([told(), timers.pending]).toEqual([1, 0]);
});

it("ORC-32 a sign of life puts it off, and after one that was told the next silence is told again", () => {
  const { timers, silence, told } = watched();
  for (let minute = 0; minute < 30; minute += 1) {
    timers.advance(MINUTE_MS);
    silence.heard();
  }
  expect(told()).toBe(0);
  timers.advance(10 * MINUTE_MS);
  expect(told()).toBe(1);
  silence.heard();
  timers.advance(10 * MINUTE_MS);
  expect(told()).toBe(2);
});

it("ORC-32 while a person is waited for the agent is not silent", () => {
  const { timers, excuse, told } = watched();
  timers.advance(5 * MINUTE_MS);
  excuse.isGiven = true;
  timers.advance(600 * MINUTE_MS);
  excuse.isGiven = false;
  expect(told()).toBe(0);
  timers.advance(20 * MINUTE_MS);
  expect(told()).toBe(1);
});

it("ORC-32 nothing is told, and no timer is left, once the turn has ended", () => {
  const { timers, silence, told } = watched();
  silence.stop();
  silence.heard();
  timers.advance(600 * MINUTE_MS);
  expect([told(), timers.pending]).toEqual([0, 0]);
});
