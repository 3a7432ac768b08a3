// Addresses of this machine, and how they are written in URLs and Host headers.
import { isIPv4, isIPv6 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

/** Listening there means every address of the machine. */
export const isAnyAddress = (host: string): boolean => (isIPv4(host) ? host === "0.0.0.0" : canonical(host) === "::");

/** As it stands in a URL: an IPv6 address in brackets and in its one short form, as browsers write it. */
export const inUrl = (host: string): string => (isIPv6(host) ? `[${canonical(host)}]` : host);

/** IPv6 has many spellings of one address, and URLs have one of them. What is no such address stays as it is. */
const canonical = (host: string): string =>
  isIPv6(host) && URL.canParse(`http://[${host}]`) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** What others may reach this machine under, IPv4 first; read anew each time, because networks come and go. */
export function ownAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  // A link-local address needs a zone, which no URL can carry.
  const reachable = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  const of = (family: string) => reachable.filter((each) => each.family === family).map(({ address }) => address);
  return [...of("IPv4"), ...of("IPv6")];
}
