// The list of threads.
import type { ProjectRow, ThreadSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { groupThreads } from "./group-threads.ts";
import { threadState } from "./thread-state.ts";

const project = (projectId: string): ProjectRow => ({ projectId, title: projectId }) as unknown as ProjectRow;
const thread = (title: string, projectId: string, updatedAt: string): ThreadSummary =>
  ({ title, projectId, updatedAt }) as unknown as ThreadSummary;
const projects = [project("alpha"), project("beta"), project("empty")];
const threads = [
  thread("Fix the build", "beta", "2026-03"),
  thread("Write docs", "alpha", "2026-02"),
  thread("Old", "alpha", "2026-01"),
];
const shown = (search: string): unknown[] =>
  groupThreads(projects, threads, search).map((group) => [
    group.project.title,
    ...group.threads.map(({ title }) => title),
  ]);

test("the project with the newest thread is first, one without threads last", () => {
  expect(shown("")).toEqual([["beta", "Fix the build"], ["alpha", "Write docs", "Old"], ["empty"]]);
});

test("a search needs every word, in the title or the project's", () => {
  expect(shown("alpha doc")).toEqual([["alpha", "Write docs"]]);
  expect(shown("BUILD")).toEqual([["beta", "Fix the build"]]);
  expect(shown("nothing")).toEqual([]);
});

test("a thread that waits for an answer says so even while it works", () => {
  const latestTurn = { status: "running" } as ThreadSummary["latestTurn"];
  expect(threadState({ pendingApprovalCount: 1, latestTurn })).toBe("waiting");
  expect(threadState({ pendingApprovalCount: 0, latestTurn })).toBe("running");
  expect(threadState({ pendingApprovalCount: 0, latestTurn: null })).toBe("idle");
});
