// What every request must pass before anything else looks at it, in this order: the host name, the page it comes from,
// a readable target, no secret in the link, and for a browser's cookie the proof that our own page sent it.
import type { IncomingMessage } from "node:http";
import { MusterError } from "@muster/contracts";
import { readCookie } from "./cookie.ts";
import type { Credentials } from "./event-streams.ts";
import type { HttpLog } from "./log.ts";
import { checkHost, checkOrigin, type ServedNames } from "./origin.ts";
import { parseTarget, secretParameter, type Target } from "./target.ts";

export interface Passed {
  readonly target: Target;
  readonly credentials: Credentials;
}

/** One value: Node joins repeated headers with commas, which then fits nothing. */
const header = (request: IncomingMessage, name: string): string | undefined =>
  request.headersDistinct[name]?.join(", ");

const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(["GET", "HEAD"]);

/**
 * A cookie goes along whoever makes the browser send the request. Browsers name the page in Origin whenever something
 * may change, and say in Sec-Fetch-Site what they know; a request of another page of this machine is `same-site`.
 */
const checkCookieUse = (request: IncomingMessage): void => {
  const site = header(request, "sec-fetch-site");
  const foreign = site !== undefined && site !== "same-origin" && site !== "none";
  const unnamed = !SAFE_METHODS.has(request.method) && header(request, "origin") === undefined;
  if (foreign || unnamed) throw new MusterError("origin_not_allowed");
};

/** Throws `origin_not_allowed` or `malformed_request`. */
export const passGate = (
  request: IncomingMessage,
  options: {
    readonly served: ServedNames;
    readonly cookieName: string;
    readonly log: HttpLog;
    readonly requestId: string;
  },
): Passed => {
  const { served, log, requestId } = options;
  const host = header(request, "host");
  if (!checkHost(host, served)) throw new MusterError("origin_not_allowed", "This hub does not serve that host name.");
  if (!checkOrigin({ origin: header(request, "origin"), host }, served)) throw new MusterError("origin_not_allowed");
  const target = parseTarget(request.url);
  const parameter = secretParameter(target.query);
  if (parameter !== undefined) {
    log.warn({ requestId, parameter, path: target.path }, "security: a secret came in a query string");
    throw new MusterError(
      "malformed_request",
      "A secret must not stand in the query string: send it in a header, and treat this one as known to others.",
    );
  }
  const credentials: Credentials = {
    authorization: header(request, "authorization"),
    cookie: readCookie(request.headers.cookie, options.cookieName),
  };
  return { target, credentials };
};

/** For requests that a cookie authenticates. Throws `origin_not_allowed`. */
export const checkAmbient = (request: IncomingMessage, credentials: Credentials): void => {
  if (credentials.authorization === undefined && credentials.cookie !== undefined) checkCookieUse(request);
};
