// A short soak with a fixed seed: every kind of blow falls, and the checker finds nothing. The long one is `npm run soak`.
import { existsSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { processesOf } from "../cli/processes.ts";
import type { Blow } from "./killer.ts";
import { soak } from "./soak.ts";

const SCHEDULE: readonly Blow[] = [
  "kill-hub",
  "kill-daemon",
  "kill-agent",
  "kill-everything",
  "stop-daemon",
  "kill-agent",
  "kill-hub",
  "stop-hub",
  "kill-daemon",
  "kill-everything",
];
const stop = new AbortController();
afterEach(() => stop.abort());

it("ORC-22 ORC-24 ORC-33 hub, daemon and agents killed again and again: nothing is lost, doubled or stuck, and nothing of it lives on", async () => {
  const report = await soak({
    seed: 20_260_101,
    workMs: 1_000,
    actors: 5,
    schedule: SCHEDULE,
    pauseMinMs: 800,
    pauseMaxMs: 2_000,
    signal: stop.signal,
    say: () => {},
  });
  expect(report.findings).toEqual([]);
  expect(Object.values(report.blows).reduce((sum, count) => sum + count, 0)).toBe(SCHEDULE.length);
  // It was worth while: turns came to every kind of end.
  expect(report.turns["completed"]).toBeGreaterThan(5);
  expect(report.turns["node_restarted"]).toBeGreaterThan(0);
  expect(report.commands.tries).toBeGreaterThan(report.commands.sent);
  expect(processesOf(report.folder)).toEqual([]);
  expect(existsSync(report.folder)).toBe(false);
});
