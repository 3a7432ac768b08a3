// The procedures of sessions and their members.
import type { Sessions } from "../../ports.ts";
import { builder, callerOf, given } from "../builder.ts";

export const sessionProcedures = ({ sessions }: { readonly sessions: Sessions }) => ({
  list: builder.sessions.list.handler(async ({ context }) => ({ sessions: await sessions.list(callerOf(context)) })),
  create: builder.sessions.create.handler(({ input, context }) => sessions.create(callerOf(context), input)),
  get: builder.sessions.get.handler(({ input, context }) => sessions.get(callerOf(context), input)),
  update: builder.sessions.update.handler(({ input, context }) => sessions.update(callerOf(context), given(input))),
  setFloor: builder.sessions.setFloor.handler(({ input, context }) => sessions.setFloor(callerOf(context), input)),
  members: builder.sessions.members.handler(async ({ input, context }) => ({
    members: await sessions.members(callerOf(context), input),
  })),
  setMember: builder.sessions.setMember.handler(({ input, context }) =>
    sessions.setMember(callerOf(context), given(input)),
  ),
  leave: builder.sessions.leave.handler(async ({ input, context }) => {
    await sessions.leave(callerOf(context), input);
    return { left: true as const };
  }),
});
