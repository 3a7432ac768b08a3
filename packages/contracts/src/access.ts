// Who may call what: principal kinds, session roles and token scopes. Every procedure names what it allows;
// nothing is allowed by being left out.
import { z } from "zod";

export const PrincipalKind = z.enum(["human", "agent", "node", "service"]);
export type PrincipalKind = z.infer<typeof PrincipalKind>;

export const Role = z.enum(["owner", "collaborator", "viewer", "runtime_contributor"]);
export type Role = z.infer<typeof Role>;

export const MembershipState = z.enum(["pending", "active", "suspended", "revoked"]);
export type MembershipState = z.infer<typeof MembershipState>;

export interface Access {
  /** `public` answers anyone who reaches the listener. */
  readonly principals: readonly PrincipalKind[] | "public";
  readonly roles: readonly Role[];
}

const READERS: readonly Role[] = ["owner", "collaborator", "viewer", "runtime_contributor"];
const WRITERS: readonly Role[] = ["owner", "collaborator", "runtime_contributor"];

export const ACCESS = {
  public: { principals: "public", roles: [] },
  /** Any person or service with a membership may look. */
  read: { principals: ["human", "agent", "service"], roles: READERS },
  /** Starts turns, answers approvals, posts. */
  write: { principals: ["human", "agent", "service"], roles: WRITERS },
  /** Invites, roles, floors, tokens. */
  own: { principals: ["human", "service"], roles: ["owner"] },
} as const satisfies Record<string, Access>;
