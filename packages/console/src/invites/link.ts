// Links that let one in, as people see and copy them. Pure.
import { INVITE_HOURS_DEFAULT } from "@muster/contracts";

export const EXPIRIES: readonly { readonly hours: number; readonly label: string }[] = [
  { hours: 1, label: "In an hour" },
  { hours: 24, label: "In a day" },
  { hours: INVITE_HOURS_DEFAULT, label: "In a week" },
  { hours: 30 * 24, label: "In 30 days" },
];

/** What is run on the machine that joins; quoted, because a shell may take "#" for a comment. */
export const joinCommand = (link: string): string => `muster join "${link}"`;

/** True when the link leads to the machine itself on which it is opened. */
export function isLoopback(link: string): boolean {
  const { hostname } = new URL(link);
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname) || hostname.endsWith(".localhost");
}
