// Which pages may talk to this hub. A web page anywhere can make a browser send requests to 127.0.0.1, under a host
// name of its own too; so the Host must be one we serve, and an Origin must be the very page we served.

/** The names under which the hub answers. */
export interface ServedNames {
  /** The bound port. */
  readonly port: number;
  /** Further names, `name` (with the bound port or none) or `name:port`, for a proxy in front. */
  readonly names: readonly string[];
  /** Addresses that are listened on beside loopback, as in URLs. */
  readonly addresses?: () => readonly string[];
}

const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

const hasPort = (name: string): boolean => /:\d{1,5}$/.test(name.replace(/^\[[^\]]*\]/, ""));

const isServed = (host: string, name: string, port: number): boolean => {
  const wanted = name.toLowerCase();
  return hasPort(wanted) ? host === wanted : host === wanted || host === `${wanted}:${port}`;
};

/**
 * True when the Host header names this hub: loopback, an address it listens on or a configured name, with the bound port
 * or none. An address cannot be pointed elsewhere, as a name can.
 */
export const checkHost = (host: string | undefined, served: ServedNames): boolean => {
  if (host === undefined) return false;
  const isNamed = (name: string): boolean => isServed(host.toLowerCase(), name, served.port);
  return [...LOOPBACK_NAMES, ...served.names].some(isNamed) || (served.addresses?.() ?? []).some(isNamed);
};

/**
 * True when there is no Origin, or when it is the page that the Host header names. Call it after `checkHost`. TLS ends
 * at a proxy, so `https` counts for configured names alone.
 */
export const checkOrigin = (
  headers: { readonly origin?: string | undefined; readonly host?: string | undefined },
  served: ServedNames,
): boolean => {
  if (headers.origin === undefined) return true;
  if (headers.host === undefined) return false;
  const origin = headers.origin.toLowerCase();
  const host = headers.host.toLowerCase();
  if (origin === `http://${host}`) return true;
  return origin === `https://${host}` && served.names.some((name) => isServed(host, name, served.port));
};
