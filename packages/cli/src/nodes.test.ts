// Which machine, and which of its slots, is meant.
import { MusterError, type NodeId, NodeInNoSession, NodeSummary } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { ownersAct } from "./commands/nodes.ts";
import { ownPlace } from "./doctor/fleet.ts";
import { type AnyNode, newestSlots } from "./nodes.ts";
import { nodeSlot, noSlot } from "./output/words.ts";
import { chooseNode, matchNode } from "./reads.ts";
import { plainPaint } from "./shell.ts";

const slot = (nodeId: string, fields: Partial<NodeSummary> = {}): NodeSummary =>
  NodeSummary.parse({
    nodeId,
    sessionId: "session",
    state: "online",
    health: "online",
    readOnly: false,
    suspended: false,
    ownerId: "owner",
    ownerName: "Owner",
    clientVersion: "0.1.0",
    epoch: 1,
    attachedAt: "2026-11-21T12:00:00.000Z",
    detachedAt: null,
    detachReason: null,
    lastHeartbeatAt: null,
    capabilities: { hostname: `${nodeId}-host` },
    ...fields,
  });

const idle = (nodeId: string, fields: Partial<NodeInNoSession> = {}): NodeInNoSession =>
  NodeInNoSession.parse({
    nodeId,
    isElsewhere: false,
    health: "online",
    ownerId: "owner",
    ownerName: "Owner",
    clientVersion: null,
    enrolledAt: "2026-11-21T12:00:00.000Z",
    lastHeartbeatAt: null,
    capabilities: {},
    ...fields,
  });

const revoked = { state: "revoked", health: "offline" } as const;

describe("a machine's slot", () => {
  test("is the active one of several, else the newest", () => {
    const old = slot("one", { sessionId: "a" as never, state: "online", attachedAt: "2026-11-20T12:00:00.000Z" });
    const gone = slot("one", { sessionId: "b" as never, state: "offline" });
    const newer = slot("two", { sessionId: "b" as never, state: "revoked", attachedAt: "2026-11-22T12:00:00.000Z" });
    const older = slot("two", { sessionId: "a" as never, state: "offline" });
    expect(newestSlots([gone, old, older, newer])).toEqual([old, newer]);
  });

  test.each([
    [{}, "online"],
    [{ readOnly: true }, "read only"],
    [{ suspended: true }, "suspended"],
    [{ suspended: true, readOnly: true, state: "degraded" }, "suspended, read only"],
    [{ state: "offline" }, "detached"],
    [{ state: "offline", detachReason: "detached" }, "detached"],
    [{ state: "offline", detachReason: "lease_expired" }, "detached: away for too long"],
    [{ state: "offline", detachReason: "needed\nelsewhere" }, "detached: needed elsewhere"],
    [{ state: "revoked", readOnly: true, detachReason: "revoked" }, "revoked"],
    [{ state: "revoked", detachReason: "it was stolen" }, "revoked: it was stolen"],
  ] as const)("NOD-11 NOD-16 with %j is called %s", (fields, words) => {
    expect(nodeSlot(slot("one", fields), plainPaint)).toBe(words);
  });
});

describe("the machine meant", () => {
  const chosen = (nodes: NodeSummary[], given?: string): NodeId => chooseNode(nodes, given).nodeId;

  test("is the only one that may work, whoever else was here before", () => {
    expect(chosen([slot("one", revoked), slot("two"), slot("three", { state: "offline" })])).toBe("two");
    expect(chosen([slot("one", { health: "offline" }), slot("two")])).toBe("two");
    expect(chosen([slot("one", { health: "offline" }), slot("two", revoked)])).toBe("one");
  });

  test("is named where several could be meant", () => {
    expect(() => chosen([slot("one"), slot("two")])).toThrow(/2 machines could be meant: one-host \(one\), two-host/);
    expect(chosen([slot("one"), slot("two")], "two-host")).toBe("two");
    expect(chosen([slot("one"), slot("two")], "tw")).toBe("two");
  });

  test("is, of several of one name, the one that may work", () => {
    const named = { capabilities: { hostname: "laptop" } };
    expect(chosen([slot("one", { ...revoked, ...named }), slot("two", named)], "laptop")).toBe("two");
    expect(() => chosen([slot("one", named), slot("two", named)], "laptop")).toThrow(/2 machines could be meant/);
    expect(() =>
      chosen([slot("one", { ...revoked, ...named }), slot("two", { ...revoked, ...named })], "laptop"),
    ).toThrow(/2 machines could be meant/);
  });

  test("is this machine where it may work, and no other is named", () => {
    const all = [slot("one"), slot("two"), slot("three", { state: "offline" })];
    expect(chooseNode(all, undefined, "two").nodeId).toBe("two");
    expect(chooseNode(all, "one", "two").nodeId).toBe("one");
    expect(() => chooseNode(all, undefined, "three")).toThrow(/2 machines/);
  });

  test("is none where every machine is gone", () => {
    expect(() => chosen([slot("one", revoked)])).toThrow(expect.objectContaining({ code: "node_not_attached" }));
  });
});

describe("a machine in no session", () => {
  const chosen = (nodes: readonly AnyNode[], given: string): NodeId => matchNode(nodes, given).nodeId;
  const laptop = { capabilities: { hostname: "laptop" } };

  test("is called so, and says where it works instead", () => {
    expect(noSlot(idle("one"), plainPaint)).toBe("in no session");
    expect(noSlot(idle("one", { isElsewhere: true }), plainPaint)).toBe("in a session without you");
  });

  test("is meant by its host name or its id; where one that may work has the same name, that one is", () => {
    expect(chosen([slot("one"), idle("two", laptop)], "laptop")).toBe("two");
    expect(chosen([slot("one"), idle("id-of-two")], "id-of")).toBe("id-of-two");
    expect(chosen([slot("one", laptop), idle("two", laptop)], "laptop")).toBe("one");
    expect(() => chosen([slot("one", { ...revoked, ...laptop }), idle("two", laptop)], "laptop")).toThrow(/2 machines/);
  });

  test("fails the check of the machine that it is, and the check says how to lend it", () => {
    expect(ownPlace(idle("one"), "Shop")).toMatchObject({
      state: "fail",
      message: expect.stringContaining("no session"),
    });
    expect(ownPlace(idle("one"), "Shop").advice).not.toContain("detach");
    expect(ownPlace(idle("one", { isElsewhere: true }), "Shop").advice).toContain("nodes detach");
  });
});

describe("a slot that the hub gives nobody else", () => {
  const refusedWith = (code: "runtimenode.permission_denied" | "runtimenode.attach_conflict") =>
    ownersAct(slot("one", { ownerName: "Ada" }), () => Promise.reject(new MusterError(code)));

  test("NOD-13 is refused with the owner's name, because the roster tells it anyway", async () => {
    await expect(refusedWith("runtimenode.permission_denied")).rejects.toMatchObject({
      code: "runtimenode.permission_denied",
      message: expect.stringContaining("Nobody but its owner, Ada, gives one-host a slot"),
    });
    await expect(refusedWith("runtimenode.attach_conflict")).rejects.toThrow("active in another session");
  });
});
