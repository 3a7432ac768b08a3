// Who may call a procedure. Default deny: a procedure says in its meta whom it allows, and one that says nothing
// keeps the server from starting.
import { type Access, MusterError, type PrincipalKind, type Role, SessionId, type TokenScope } from "@muster/contracts";
import type { Caller } from "../ports.ts";

const isAccess = (value: unknown): value is Access =>
  typeof value === "object" &&
  value !== null &&
  "principals" in value &&
  "roles" in value &&
  (value.principals === "public" || Array.isArray(value.principals)) &&
  (value.roles === "none needed" || Array.isArray(value.roles));

/** The access that a procedure's meta names. Throws for meta without any: a bug that must not be served. */
export const accessOf = (meta: unknown, procedure: string): Access => {
  const access = typeof meta === "object" && meta !== null && "access" in meta ? meta.access : undefined;
  if (!isAccess(access)) throw new Error(`the procedure ${procedure} does not say who may call it (meta.access)`);
  return access;
};

/**
 * Throws `unauthenticated` without a caller; `permission_denied` for another kind of principal, for a token that is not good
 * for it, and for one that holds none of the roles where the access asks for one (it may need none); `session_not_found` where it asks for one
 * in the session that the input names and the caller is no member, whether there is such a session or not. The input is as
 * it came: where it names no session it does not fit its schema, and the role is asked of any session. Which session another
 * thing belongs to is checked where the thing is read.
 */
export const authorize = (access: Access, caller: Caller | null, input: unknown): void => {
  if (access.principals === "public") return;
  if (caller === null) throw new MusterError("unauthenticated");
  const kinds: readonly PrincipalKind[] = access.principals;
  if (!kinds.includes(caller.principalKind)) throw new MusterError("permission_denied");
  if (STRENGTH[caller.scope] < STRENGTH[access.scope]) {
    throw new MusterError(
      "permission_denied",
      `That needs a token with the scope "${access.scope}"; this one has "${caller.scope}".`,
      { scope: access.scope },
    );
  }
  const { roles } = access;
  if (roles === "none needed") return;
  const held = rolesIn(access, caller, input);
  if (!roles.some((role) => held.includes(role))) throw new MusterError("permission_denied");
};

const STRENGTH: Readonly<Record<TokenScope, number>> = { read: 0, write: 1, full: 2 };

const rolesIn = (access: Access, caller: Caller, input: unknown): readonly (Role | undefined)[] => {
  if (access.place === "space") return [caller.roles.get(caller.defaultSessionId)];
  const named = access.place === "session" ? sessionOf(input) : undefined;
  if (named === undefined) return [...caller.roles.values()];
  const role = caller.roles.get(named);
  if (role === undefined) throw new MusterError("session_not_found");
  return [role];
};

const sessionOf = (input: unknown): SessionId | undefined => {
  if (typeof input !== "object" || input === null || !("sessionId" in input)) return undefined;
  return SessionId.safeParse(input.sessionId).data;
};
