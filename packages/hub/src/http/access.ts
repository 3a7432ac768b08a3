// Who may call a procedure. Default deny: a procedure says in its meta whom it allows, and one that says nothing
// keeps the server from starting.
import { type Access, MusterError, type PrincipalKind } from "@muster/contracts";
import type { Caller } from "../ports.ts";

const isAccess = (value: unknown): value is Access =>
  typeof value === "object" &&
  value !== null &&
  "principals" in value &&
  "roles" in value &&
  (value.principals === "public" || Array.isArray(value.principals)) &&
  Array.isArray(value.roles);

/** The access that a procedure's meta names. Throws for meta without any: a bug that must not be served. */
export const accessOf = (meta: unknown, procedure: string): Access => {
  const access = typeof meta === "object" && meta !== null && "access" in meta ? meta.access : undefined;
  if (!isAccess(access)) throw new Error(`the procedure ${procedure} does not say who may call it (meta.access)`);
  return access;
};

/**
 * Throws `unauthenticated` without a caller, `permission_denied` for another kind of principal or for one that holds
 * none of the roles where the access asks for one. Which session a thing belongs to is checked where the thing is read.
 */
export const authorize = (access: Access, caller: Caller | null): void => {
  if (access.principals === "public") return;
  if (caller === null) throw new MusterError("unauthenticated");
  const kinds: readonly PrincipalKind[] = access.principals;
  if (!kinds.includes(caller.principalKind)) throw new MusterError("permission_denied");
  const held = new Set(access.place === "space" ? [caller.roles.get(caller.defaultSessionId)] : caller.roles.values());
  if (!access.roles.some((role) => held.has(role))) throw new MusterError("permission_denied");
};
