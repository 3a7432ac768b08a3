// The one-time login link. Its token stands in the fragment, which a browser keeps to itself: no server, proxy or log
// sees it. The console redeems it by POST.

export const LOGIN_PATH = "/login";

/** `base` is where the console is served, without a slash at its end. */
export const loginUrl = (base: string, token: string): string => `${base}${LOGIN_PATH}#token=${token}`;
