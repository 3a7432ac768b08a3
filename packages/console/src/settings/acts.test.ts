// Administrative acts in words.
import type { AuditEntry, NodeSummary, SessionSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { actText, detailOf, namesOf } from "./acts.ts";

const names = namesOf(
  [{ actorId: "p-1", actorName: "Ada" } as AuditEntry, { actorId: "p-2", actorName: null } as AuditEntry],
  [{ sessionId: "s-1", title: "Shop" } as SessionSummary],
  [{ nodeId: "n-1", capabilities: { hostname: "attic" } } as NodeSummary],
);

test("an act is told in words, one that came later by its name", () => {
  expect(actText("session.floor-set")).toBe("set the version floor");
  expect(actText("moon.landed")).toBe("moon.landed");
});

test("who acted, sessions and machines are told by name; what is not known stays as it is", () => {
  const told = [
    ["owner", "p-1"],
    ["session", "s-1"],
    ["node", "n-1"],
    ["token", "f7813f93"],
    ["by", "p-2"],
  ] as const;
  expect(told.map((detail) => detailOf(detail, names).text)).toEqual(["Ada", "Shop", "attic", "f7813f93", "p-2"]);
  expect(detailOf(["token", "f7813f93"], names).isCode).toBe(true);
});

test("a time is told as people read it", () => {
  const { what, text, isCode } = detailOf(["expiresAt", "2026-11-29T04:45:32.311Z"], names);
  expect(what).toBe("expires");
  expect(text).toContain("2026");
  expect(text).not.toContain("T04");
  expect(isCode).toBe(false);
});
