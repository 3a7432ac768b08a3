// What a role is offered.
import { expect, test } from "vitest";
import { may, ROLES } from "./may.ts";

const rolesThatMay = (procedure: Parameters<typeof may>[0]): string[] => ROLES.filter((role) => may(procedure, role));

test("NOD-2 a role is offered what the table of procedures lets it", () => {
  expect(rolesThatMay("sessions.members")).toEqual(["owner", "collaborator", "runtime_contributor", "viewer"]);
  expect(rolesThatMay("orchestration.dispatchCommand")).toEqual(["owner", "collaborator", "runtime_contributor"]);
  expect(rolesThatMay("runtimeNode.attach")).toEqual(["owner", "runtime_contributor"]);
  expect(rolesThatMay("invites.create")).toEqual(["owner"]);
  expect(rolesThatMay("runtimeNode.revoke")).toEqual(["owner"]);
});

test("whoever holds no role is offered what is public, and to log out", () => {
  expect(may("invites.redeem", null)).toBe(true);
  expect(may("auth.logout", null)).toBe(true);
  expect(may("sessions.list", null)).toBe(false);
  expect(may("sessions.list", undefined)).toBe(false);
});
