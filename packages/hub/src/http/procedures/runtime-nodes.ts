// The procedures of runtime nodes. Who speaks is taken from the caller, never from the body.
import type { Caller, Identity, NodeCaller, Nodes } from "../../ports.ts";
import { builder, callerOf, given } from "../builder.ts";

const nodeCaller = (identity: Identity, caller: Caller): NodeCaller => ({
  spaceId: caller.spaceId,
  ownerId: identity.standsFor(caller),
  actorId: caller.principalId,
});

export const runtimeNodeProcedures = ({ identity, nodes }: { readonly identity: Identity; readonly nodes: Nodes }) => ({
  attach: builder.runtimeNode.attach.handler(({ input, context }) => {
    const caller = callerOf(context);
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
    return { nodes: await nodes.list(caller.spaceId, [input.sessionId]) };
  }),
  revoke: builder.runtimeNode.revoke.handler(async ({ input, context }) => {
    const caller = callerOf(context);
    await nodes.revoke(nodeCaller(identity, caller), given(input));
    return null;
  }),
});
