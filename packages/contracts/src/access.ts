// Who may call what, in one table: principal kinds, session roles, where the role must be held, and what a token must be
// good for. Nothing is allowed by being left out: a procedure without a row does not compile.
import { z } from "zod";

export const PrincipalKind = z.enum(["human", "agent", "node", "service"]);
export type PrincipalKind = z.infer<typeof PrincipalKind>;

export const Role = z.enum(["owner", "collaborator", "viewer", "runtime_contributor"]);
export type Role = z.infer<typeof Role>;

export const MembershipState = z.enum(["pending", "active", "suspended", "revoked"]);
export type MembershipState = z.infer<typeof MembershipState>;

/** What a token of the API is good for; each includes the ones before it. */
export const TokenScope = z.enum(["read", "write", "full"]);
export type TokenScope = z.infer<typeof TokenScope>;

/**
 * Where the caller must hold one of the roles: in the session that the input names; in any session, where what is asked
 * for belongs to one that is found and checked behind; or in the space's default session, for what concerns the whole hub.
 */
export type AccessPlace = "session" | "any" | "space";

export interface Access {
  /** `public` answers anyone who reaches the listener. */
  readonly principals: readonly PrincipalKind[] | "public";
  /** `none needed`: whoever is logged in may, also who is a member of nothing. */
  readonly roles: readonly Role[] | "none needed";
  readonly place: AccessPlace;
  /** The least scope of a token that may be used; a browser's login is good for all. */
  readonly scope: TokenScope;
}

const READERS: readonly Role[] = ["owner", "collaborator", "viewer", "runtime_contributor"];
const WRITERS: readonly Role[] = ["owner", "collaborator", "runtime_contributor"];
const CONTRIBUTORS: readonly Role[] = ["owner", "runtime_contributor"];
const OWNERS: readonly Role[] = ["owner"];

const CALLERS: readonly PrincipalKind[] = ["human", "agent", "service"];
/** Agents neither invite nor change who may do what. */
const PEOPLE: readonly PrincipalKind[] = ["human", "service"];

/** What ends a login must work for whoever has one. */
const loggedIn: Access = { principals: PrincipalKind.options, roles: "none needed", place: "any", scope: "read" };
const anyone: Access = { principals: "public", roles: [], place: "any", scope: "read" };
const reading = (place: AccessPlace): Access => ({ principals: CALLERS, roles: READERS, place, scope: "read" });
const writing = (place: AccessPlace): Access => ({ principals: CALLERS, roles: WRITERS, place, scope: "write" });
const owning = (place: AccessPlace): Access => ({ principals: PEOPLE, roles: OWNERS, place, scope: "full" });
/** What a principal does with what is its own: any member may, and the port looks whose it is. */
const ofOneself = (scope: TokenScope): Access => ({ principals: PEOPLE, roles: READERS, place: "any", scope });

export const PROCEDURE_ACCESS = {
  health: anyone,
  "auth.redeem": anyone,
  "auth.me": reading("any"),
  "auth.logout": loggedIn,
  "auth.createLoginLink": owning("space"),
  "tokens.list": ofOneself("full"),
  "tokens.create": ofOneself("full"),
  "tokens.revoke": ofOneself("full"),
  "audit.list": owning("space"),
  "sessions.list": reading("any"),
  "sessions.create": { ...writing("any"), principals: PEOPLE, scope: "full" },
  "sessions.get": reading("session"),
  "sessions.update": owning("session"),
  "sessions.setFloor": owning("session"),
  "sessions.members": reading("session"),
  "sessions.setMember": owning("session"),
  "sessions.leave": { ...reading("session"), principals: PEOPLE, scope: "full" },
  "invites.create": owning("session"),
  "invites.list": owning("session"),
  "invites.revoke": owning("session"),
  "invites.redeem": anyone,
  "runtimeNode.attach": { principals: PEOPLE, roles: CONTRIBUTORS, place: "session", scope: "full" },
  "runtimeNode.heartbeat": ofOneself("full"),
  "runtimeNode.capabilityUpdate": ofOneself("full"),
  "runtimeNode.detach": ofOneself("full"),
  "runtimeNode.roster": reading("session"),
  "runtimeNode.revoke": owning("session"),
  "nodes.list": reading("any"),
  "node.files.tree": reading("any"),
  "node.files.read": reading("any"),
  "orchestration.dispatchCommand": writing("any"),
  "orchestration.getSnapshot": reading("any"),
  "orchestration.getThread": reading("any"),
  "orchestration.getMessage": reading("any"),
  "orchestration.getActivity": reading("any"),
  "orchestration.getTurnDiff": reading("any"),
  "orchestration.events": reading("any"),
  "orchestration.eventsPage": reading("any"),
  "orchestration.prune": owning("any"),
  "projections.get": owning("space"),
  "projections.rebuild": owning("space"),
} as const satisfies Record<string, Access>;

export type ProcedureName = keyof typeof PROCEDURE_ACCESS;
