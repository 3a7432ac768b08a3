// The token of a link that leads into the console: a login link, or an invite. It stands in the fragment, which never
// reaches a server or its log, and is taken out of the address at once, so that neither history nor a shared address keeps
// it.
import { JOIN_PATH } from "@muster/contracts";

export interface LinkToken {
  readonly kind: "login" | "join";
  readonly token: string;
}

/** The token of this address, once; null without one. */
export function takeLinkToken(): LinkToken | null {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (token === null || token === "") return null;
  const { pathname, search } = window.location;
  const kind = pathname === JOIN_PATH ? "join" : "login";
  window.history.replaceState(window.history.state, "", `${pathname === "/login" ? "/" : pathname}${search}`);
  return { kind, token };
}
