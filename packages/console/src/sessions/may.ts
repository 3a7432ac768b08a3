// What a role is offered, by the one table of procedures. The hub decides; the page only leaves out what it would refuse. Pure.
import { PROCEDURE_ACCESS, type ProcedureName, type Role } from "@muster/contracts";

/** For people, in the session where they hold the role; null: they hold none there. */
export function may(procedure: ProcedureName, role: Role | null | undefined): boolean {
  const { principals, roles } = PROCEDURE_ACCESS[procedure];
  if (principals === "public") return true;
  const allowed: readonly Role[] | "none needed" = roles;
  if (allowed === "none needed") return principals.includes("human");
  return principals.includes("human") && role !== null && role !== undefined && allowed.includes(role);
}

export const ROLES: readonly Role[] = ["owner", "collaborator", "runtime_contributor", "viewer"];

export const ROLE_TEXT: Readonly<Record<Role, string>> = {
  owner: "Owner",
  collaborator: "Collaborator",
  viewer: "Viewer",
  runtime_contributor: "Contributor of machines",
};

/** In a sentence about somebody. */
export const A_ROLE_TEXT: Readonly<Record<Role, string>> = {
  owner: "an owner",
  collaborator: "a collaborator",
  viewer: "a viewer",
  runtime_contributor: "a contributor of machines",
};

export const ROLE_HINT: Readonly<Record<Role, string>> = {
  owner: "Also invites, changes roles and the version floor, and revokes machines.",
  collaborator: "Reads, starts turns and answers approvals.",
  viewer: "Reads, and changes nothing.",
  runtime_contributor: "Like a collaborator, and lets own machines work here.",
};
