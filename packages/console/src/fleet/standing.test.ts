// How a machine stands.
import type { NodeSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { marksOf, obstacleOf } from "./standing.ts";

const node = (changes: Partial<NodeSummary> = {}): NodeSummary =>
  ({
    state: "online",
    health: "online",
    readOnly: false,
    suspended: false,
    clientVersion: "1.2",
    ownerName: "Ada",
    detachedAt: null,
    detachReason: null,
    ...changes,
  }) as NodeSummary;
const session = { state: "active", minClientVersion: "1.4" } as const;
const kinds = (changes: Partial<NodeSummary>): string[] => marksOf(node(changes), session).map(({ kind }) => kind);

test("a machine that may work and lives has no mark", () => {
  expect(kinds({})).toEqual([]);
  expect(obstacleOf(node(), session)).toBeNull();
});

test("a slot that ended is the only thing to say, whatever else is true of the machine", () => {
  const all = { readOnly: true, suspended: true, health: "offline" } as const;
  expect(kinds({ ...all, state: "revoked" })).toEqual(["revoked"]);
  expect(kinds({ ...all, state: "offline" })).toEqual(["detached"]);
  expect(kinds(all)).toEqual(["suspended", "read-only", "offline"]);
});

test("NOD-11 a machine below the floor is told with both versions and what to do", () => {
  const [mark] = marksOf(node({ readOnly: true }), session);
  expect(mark?.reason).toContain("Its Muster 1.2 is below 1.4");
  expect(mark?.remedy).toContain("Upgrade");
  expect(marksOf(node({ readOnly: true }), undefined)[0]?.reason).toContain("below the version floor");
});

test("NOD-18 a slot released by lease is told apart from one that was given back, with the reason given", () => {
  const reason = (detachReason: string | null): string | undefined =>
    marksOf(node({ state: "offline", detachReason }), session)[0]?.reason;
  expect(reason("lease_expired")).toContain("longer than its lease");
  expect(reason("moving house")).toBe("It gave its slot back: moving house.");
  expect(reason(null)).toBe("It gave its slot back.");
});

test("a suspended machine says whether its owner or the session keeps it from work", () => {
  const reason = (state: "active" | "archived"): string | undefined =>
    marksOf(node({ suspended: true }), { state, minClientVersion: null })[0]?.reason;
  expect(reason("active")).toContain("Ada");
  expect(reason("archived")).toContain("archived");
});

test("turns wait for a machine that is offline, and are not asked of one that may not work", () => {
  expect(obstacleOf(node({ health: "offline" }), session)).toBeNull();
  expect(obstacleOf(undefined, session)).toBeNull();
  for (const changes of [{ state: "revoked" }, { state: "offline" }, { readOnly: true }, { suspended: true }] as const)
    expect(obstacleOf(node(changes), session)).not.toBeNull();
});

test("NOD-2 a viewer is asked for nothing, wherever the machine stands, and nobody in an archived session", () => {
  expect(obstacleOf(node(), { ...session, role: "viewer" })?.kind).toBe("viewer");
  expect(obstacleOf(undefined, { ...session, role: "viewer" })?.kind).toBe("viewer");
  expect(obstacleOf(node(), { ...session, role: "collaborator" })).toBeNull();
  expect(obstacleOf(node(), { ...session, role: "owner", state: "archived" })?.kind).toBe("archived");
});
