// Members as they are listed.
import type { SessionMember } from "@muster/contracts";
import { expect, test } from "vitest";
import { isFixed, sortMembers } from "./members.ts";

const member = (displayName: string, role: string, state = "active", kind = "human"): SessionMember =>
  ({ displayName, role, state, kind }) as unknown as SessionMember;
const names = (members: readonly SessionMember[]): string[] => members.map(({ displayName }) => displayName);

test("owners come first, then by name, programs last; who was removed stands apart, who is suspended does not", () => {
  const { here, removed } = sortMembers([
    member("Zoe", "viewer"),
    member("Grace", "collaborator", "suspended"),
    member("Edsger", "viewer", "revoked"),
    member("Barbara", "collaborator"),
    member("Command line", "owner", "active", "service"),
    member("Ada", "owner"),
  ]);
  expect(names(here)).toEqual(["Ada", "Barbara", "Grace", "Zoe", "Command line"]);
  expect(names(removed)).toEqual(["Edsger"]);
});

test("the command line's ownership can't be changed; what an older hub took from it can be given back", () => {
  expect(isFixed(member("Command line", "owner", "active", "service"))).toBe(true);
  expect(isFixed(member("Command line", "owner", "revoked", "service"))).toBe(false);
  expect(isFixed(member("Command line", "viewer", "active", "service"))).toBe(false);
  expect(isFixed(member("Ada", "owner"))).toBe(false);
});
