// Members as they are listed: those who belong to the session by role and name, programs behind people, those who were
// removed apart. Pure.
import type { SessionMember } from "@muster/contracts";
import { ROLES } from "./may.ts";

export function sortMembers(members: readonly SessionMember[]): {
  readonly here: readonly SessionMember[];
  readonly removed: readonly SessionMember[];
} {
  const sorted = members.toSorted(
    (first, second) =>
      Number(first.kind !== "human") - Number(second.kind !== "human") ||
      ROLES.indexOf(first.role) - ROLES.indexOf(second.role) ||
      first.displayName.localeCompare(second.displayName),
  );
  return {
    here: sorted.filter(({ state }) => state !== "revoked"),
    removed: sorted.filter(({ state }) => state === "revoked"),
  };
}

/** The command line stays what it is: the hub refuses to take its role. */
export const isFixed = ({ kind, role, state }: Pick<SessionMember, "kind" | "role" | "state">): boolean =>
  kind === "service" && role === "owner" && state === "active";
