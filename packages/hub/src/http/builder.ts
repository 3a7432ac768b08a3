// What every family of procedures is built with: the context of a request, the contract with its check of who may call, and
// two small readers of what came.
import type { IncomingMessage, ServerResponse } from "node:http";
import { contract, MusterError } from "@muster/contracts";
import { implement } from "@orpc/server";
import type { Caller } from "../ports.ts";
import { accessOf, authorize } from "./access.ts";
import type { Credentials } from "./event-streams.ts";

/** One request on its way to a procedure. */
export interface RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly caller: Caller | null;
  readonly credentials: Credentials;
}

type WithoutUndefined<Input> = {
  [Key in keyof Input as undefined extends Input[Key] ? never : Key]: Input[Key];
} & { [Key in keyof Input as undefined extends Input[Key] ? Key : never]?: Exclude<Input[Key], undefined> };

/** Leaves out what is undefined, so that "absent" has one form behind the ports. */
export const given = <Input extends object>(input: Input): WithoutUndefined<Input> =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as WithoutUndefined<Input>;

export const builder = implement(contract)
  .$context<RequestContext>()
  .use(({ context, procedure, path, next }, input) => {
    authorize(accessOf(procedure["~orpc"].meta, path.join(".")), context.caller, input);
    return next();
  });

export const callerOf = (context: { readonly caller: Caller | null }): Caller => {
  if (context.caller === null) throw new MusterError("unauthenticated");
  return context.caller;
};
