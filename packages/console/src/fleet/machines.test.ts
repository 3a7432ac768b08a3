// Machines as the page lists them.
import type { NodeInNoSession, NodeSummary, SessionSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { countOf, type Filter, groupMachines, machineKey, machinesInNoSession } from "./machines.ts";

const node = (hostname: string, changes: object = {}): NodeSummary =>
  ({
    nodeId: `id-${hostname}`,
    sessionId: "main",
    state: "online",
    health: "online",
    ownerName: "Ada",
    clientVersion: "1.2",
    capabilities: { hostname },
    ...changes,
  }) as unknown as NodeSummary;
const session = (sessionId: string, title: string, isDefault = false): SessionSummary =>
  ({ sessionId, title, isDefault }) as unknown as SessionSummary;
const sessions = [session("side", "Apollo"), session("main", "Default", true)];
const shown = (nodes: NodeSummary[], { search = "", filter = "all" as Filter } = {}): string[][] =>
  groupMachines(nodes, sessions, { search, filter }).map(({ sessionId, machines }) => [
    sessionId,
    ...machines.map(({ capabilities }) => capabilities.hostname ?? ""),
  ]);

test("machines stand by session, the default one first, and one that was in two stands in both", () => {
  const nodes = [node("one", { sessionId: "side" }), node("one", { state: "offline" }), node("two")];
  expect(shown(nodes)).toEqual([
    ["main", "two", "one"],
    ["side", "one"],
  ]);
});

test("those that work come first, those that were revoked last, numbered ones in order", () => {
  const nodes = [
    node("gone", { state: "revoked" }),
    node("out", { state: "offline" }),
    node("late", { health: "degraded" }),
    node("dead", { health: "offline" }),
    node("build-10"),
    node("build-9"),
  ];
  expect(shown(nodes)).toEqual([["main", "build-9", "build-10", "late", "dead", "out", "gone"]]);
});

test("a search needs every word, of name, owner, version or agent", () => {
  const agents = { capabilities: { hostname: "b", providers: [{ title: "Codex", found: true }] } };
  const nodes = [node("a", { ownerName: "Grace" }), node("b", agents), node("c", { clientVersion: "1.9" })];
  expect(shown(nodes, { search: "codex ada" })).toEqual([["main", "b"]]);
  expect(shown(nodes, { search: "GRACE" })).toEqual([["main", "a"]]);
  expect(shown(nodes, { search: "1.9" })).toEqual([["main", "c"]]);
  expect(shown(nodes, { search: "nothing" })).toEqual([]);
});

test("a filter never mixes the slot with the liveness", () => {
  const nodes = [
    node("works"),
    node("away", { health: "offline" }),
    node("alive but out", { state: "offline" }),
    node("revoked", { state: "revoked", health: "offline" }),
  ];
  expect(shown(nodes, { filter: "online" })).toEqual([["main", "works"]]);
  expect(shown(nodes, { filter: "away" })).toEqual([["main", "away"]]);
  expect(shown(nodes, { filter: "detached" })).toEqual([["main", "alive but out", "revoked"]]);
});

test("machines in no session are not attached, whatever their liveness, and are searched like the others", () => {
  const idle = (hostname: string, changes: object = {}): NodeInNoSession =>
    ({
      nodeId: `id-${hostname}`,
      health: "online",
      ownerName: "Ada",
      clientVersion: null,
      capabilities: { hostname },
      ...changes,
    }) as unknown as NodeInNoSession;
  const inNoSession = [idle("b-10"), idle("b-9", { health: "offline" }), idle("other", { clientVersion: "1.9" })];
  const names = (search = "", filter: Filter = "all"): (string | undefined)[] =>
    machinesInNoSession(inNoSession, { search, filter }).map(({ capabilities }) => capabilities.hostname);
  expect(names()).toEqual(["b-9", "b-10", "other"]);
  expect(names("", "detached")).toEqual(["b-9", "b-10", "other"]);
  expect([...names("", "online"), ...names("", "away")]).toEqual([]);
  expect(names("ada 1.9")).toEqual(["other"]);
  const fleet = { nodes: [node("works"), node("out", { state: "offline" })], inNoSession };
  expect((["all", "online", "away", "detached"] as const).map((filter) => countOf(fleet, filter))).toEqual([
    5, 1, 0, 4,
  ]);
  expect(machineKey(idle("x"))).not.toBe(machineKey(node("x")));
});
