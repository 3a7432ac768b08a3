import {
  type Access,
  PROCEDURE_ACCESS,
  type PrincipalId,
  type PrincipalKind,
  type Role,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { expect, it } from "vitest";
import type { Caller } from "../ports.ts";
import { authorize } from "./access.ts";

const caller = (principalKind: PrincipalKind, ...roles: readonly Role[]): Caller => ({
  spaceId: "space" as SpaceId,
  principalId: "principal" as PrincipalId,
  principalKind,
  displayName: "Someone",
  roles: new Map(roles.map((role, index) => [`session-${index}` as SessionId, role])),
  archivedSessions: new Set(),
  defaultSessionId: "session-0" as SessionId,
  scope: "full",
  tokenId: "token",
});

const ACCESS = {
  public: PROCEDURE_ACCESS.health,
  read: PROCEDURE_ACCESS["nodes.list"],
  write: PROCEDURE_ACCESS["orchestration.dispatchCommand"],
  own: PROCEDURE_ACCESS["orchestration.prune"],
  space: PROCEDURE_ACCESS["projections.rebuild"],
} as const satisfies Record<string, Access>;

const outcome = (access: keyof typeof ACCESS, who: Caller | null): string => {
  try {
    authorize(ACCESS[access], who, {});
    return "allowed";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it("EXP-11 asks for a login wherever the procedure is not public", () => {
  expect(outcome("public", null)).toBe("allowed");
  for (const access of ["read", "write", "own"] as const) expect(outcome(access, null)).toBe("unauthenticated");
});

it("NOD-2 lets a viewer read, a collaborator write, and an owner alone own", () => {
  const table = (["viewer", "collaborator", "runtime_contributor", "owner"] as const).map((role) => [
    role,
    ...(["read", "write", "own"] as const).map((access) => outcome(access, caller("human", role))),
  ]);
  expect(table).toEqual([
    ["viewer", "allowed", "permission_denied", "permission_denied"],
    ["collaborator", "allowed", "allowed", "permission_denied"],
    ["runtime_contributor", "allowed", "allowed", "permission_denied"],
    ["owner", "allowed", "allowed", "allowed"],
  ]);
});

it("refuses kinds of principals that are not named, whatever their role", () => {
  expect(outcome("read", caller("node", "owner"))).toBe("permission_denied");
  expect(outcome("own", caller("agent", "owner"))).toBe("permission_denied");
  expect(outcome("write", caller("agent", "collaborator"))).toBe("allowed");
});

it("refuses a member of nothing and takes the role of any session", () => {
  expect(outcome("read", caller("human"))).toBe("permission_denied");
  expect(outcome("write", caller("human", "viewer", "collaborator"))).toBe("allowed");
});

it("NOD-2 lets only an owner of the default session do what concerns the whole hub", () => {
  expect(outcome("space", caller("human", "owner"))).toBe("allowed");
  expect(outcome("space", caller("human", "viewer", "owner"))).toBe("permission_denied");
});
