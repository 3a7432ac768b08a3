// The procedures of runtime nodes. Who speaks is taken from the caller, never from the body.
import { MusterError, PROCEDURE_ACCESS, type Role, type SessionId } from "@muster/contracts";
import type { Caller, Identity, NodeCaller, Nodes } from "../../ports.ts";
import { builder, callerOf, given } from "../builder.ts";

/** The command line's service stands for the person who owns the space. */
const nodeCaller = (identity: Identity, { spaceId, principalId, principalKind }: Caller): NodeCaller => ({
  spaceId,
  ownerId: principalKind === "service" ? identity.ownerId : principalId,
  actorId: principalId,
});

const requireRole = (caller: Caller, sessionId: SessionId, roles: readonly Role[]): void => {
  const role = caller.roles.get(sessionId);
  if (role === undefined) throw new MusterError("session_not_found");
  if (!roles.includes(role)) throw new MusterError("permission_denied");
};

export const runtimeNodeProcedures = ({ identity, nodes }: { readonly identity: Identity; readonly nodes: Nodes }) => ({
  attach: builder.runtimeNode.attach.handler(({ input, context }) => {
    const caller = callerOf(context);
    requireRole(caller, input.sessionId, PROCEDURE_ACCESS["runtimeNode.attach"].roles);
    return nodes.attach(nodeCaller(identity, caller), input);
  }),
  heartbeat: builder.runtimeNode.heartbeat.handler(async ({ input, context }) => {
    await nodes.beat(nodeCaller(identity, callerOf(context)), input);
    return null;
  }),
  capabilityUpdate: builder.runtimeNode.capabilityUpdate.handler(({ input, context }) =>
    nodes.declare(nodeCaller(identity, callerOf(context)), given(input)),
  ),
  detach: builder.runtimeNode.detach.handler(async ({ input, context }) => {
    await nodes.detach(nodeCaller(identity, callerOf(context)), given(input));
    return null;
  }),
  roster: builder.runtimeNode.roster.handler(async ({ input, context }) => {
    const caller = callerOf(context);
    requireRole(caller, input.sessionId, PROCEDURE_ACCESS["runtimeNode.roster"].roles);
    return { nodes: await nodes.list(caller.spaceId, [input.sessionId]) };
  }),
  revoke: builder.runtimeNode.revoke.handler(async ({ input, context }) => {
    const caller = callerOf(context);
    requireRole(caller, input.sessionId, PROCEDURE_ACCESS["runtimeNode.revoke"].roles);
    await nodes.revoke(nodeCaller(identity, caller), given(input));
    return null;
  }),
});
