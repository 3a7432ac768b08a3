// The procedures of tokens and of the record of administrative acts.
import type { Audit, Tokens } from "../../ports.ts";
import { builder, callerOf, given } from "../builder.ts";

export const tokenProcedures = ({ tokens }: { readonly tokens: Tokens }) => ({
  list: builder.tokens.list.handler(async ({ input, context }) => ({
    tokens: await tokens.list(callerOf(context), input),
  })),
  create: builder.tokens.create.handler(({ input, context }) => tokens.create(callerOf(context), input)),
  revoke: builder.tokens.revoke.handler(({ input, context }) => tokens.revoke(callerOf(context), input)),
});

export const auditProcedures = ({ audit }: { readonly audit: Audit }) => ({
  list: builder.audit.list.handler(async ({ input, context }) => ({
    entries: await audit.list(callerOf(context), given(input)),
  })),
});
