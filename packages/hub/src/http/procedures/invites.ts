// The procedures of invites. Redeeming one is public; how often an address may try is counted before its body is read.

import type { Identity, Invites } from "../../ports.ts";
import { builder, callerOf, given } from "../builder.ts";
import { setCookie } from "../cookie.ts";
import { joinUrl } from "../login-link.ts";

interface InviteOptions {
  readonly identity: Pick<Identity, "logout">;
  readonly invites: Invites;
  readonly site: () => { readonly baseUrl: string; readonly cookieName: string; readonly secure: boolean };
}

export const inviteProcedures = ({ identity, invites, site }: InviteOptions) => ({
  create: builder.invites.create.handler(async ({ input, context }) => {
    const { invite, token } = await invites.create(callerOf(context), input);
    return { invite, joinUrl: joinUrl(site().baseUrl, token) };
  }),
  list: builder.invites.list.handler(async ({ input, context }) => ({
    invites: await invites.list(callerOf(context), input),
  })),
  revoke: builder.invites.revoke.handler(({ input, context }) => invites.revoke(callerOf(context), input)),
  redeem: builder.invites.redeem.handler(async ({ input, context }) => {
    const { token, maxAgeSeconds, ...redeemed } = await invites.redeem(given(input));
    if (!input.browser) return { ...redeemed, token };
    // The login that this browser had before is replaced, so it must not stay good.
    await identity.logout({ cookie: context.credentials.cookie });
    const { cookieName, secure } = site();
    context.response.setHeader("set-cookie", setCookie({ name: cookieName, value: token, maxAgeSeconds, secure }));
    return { ...redeemed, token: null };
  }),
});
