// The one-time login link. Its token stands in the fragment, which a browser keeps to itself: no server, proxy or log
// sees it. The console redeems it by POST.

import { JOIN_PATH } from "@muster/contracts";

export const LOGIN_PATH = "/login";

/** `base` is where the console is served, without a slash at its end. */
export const loginUrl = (base: string, token: string): string => `${base}${LOGIN_PATH}#token=${token}`;

/** Where an invite is accepted; its token stands in the fragment for the same reason. */
export const joinUrl = (base: string, token: string): string => `${base}${JOIN_PATH}#token=${token}`;
