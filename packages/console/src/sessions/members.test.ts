// Members as they are listed.
import type { SessionMember } from "@muster/contracts";
import { expect, test } from "vitest";
import { sortMembers } from "./members.ts";

const member = (displayName: string, role: string, state = "active"): SessionMember =>
  ({ displayName, role, state }) as unknown as SessionMember;
const names = (members: readonly SessionMember[]): string[] => members.map(({ displayName }) => displayName);

test("owners come first, then by name; who was removed stands apart, who is suspended does not", () => {
  const { here, removed } = sortMembers([
    member("Zoe", "viewer"),
    member("Grace", "collaborator", "suspended"),
    member("Edsger", "viewer", "revoked"),
    member("Barbara", "collaborator"),
    member("Ada", "owner"),
  ]);
  expect(names(here)).toEqual(["Ada", "Barbara", "Grace", "Zoe"]);
  expect(names(removed)).toEqual(["Edsger"]);
});
