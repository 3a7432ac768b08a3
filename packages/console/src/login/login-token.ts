// The one-time token of a login link. It stands in the fragment, which never reaches a server or its log, and is taken
// out of the address at once, so that neither history nor a shared address keeps it.

/** The token of this address, once; null without one. */
export function takeLoginToken(): string | null {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (token === null || token === "") return null;
  const { pathname, search } = window.location;
  window.history.replaceState(window.history.state, "", `${pathname === "/login" ? "/" : pathname}${search}`);
  return token;
}
