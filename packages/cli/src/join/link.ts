// The link of an invite: where the hub is, and behind `#token=` what opens it once. Pure.
import { InviteToken, JOIN_PATH, type MusterError } from "@muster/contracts";
import { refusal } from "../errors.ts";

export interface JoinLink {
  /** Scheme, name and port. */
  readonly hubUrl: string;
  readonly token: string;
}

/** Throws `validation_failed`, never with the token in its words. */
export function parseJoinLink(text: string): JoinLink {
  // As people paste it: with its quotes, or the whole line that `invite` printed.
  const url = URL.parse(/https?:\/\/[^\s"'`<>“”‘’]+/.exec(text)?.[0] ?? "");
  if (url === null) throw notALink("That is no link of an invite.");
  if (url.pathname === "/login")
    throw refusal(
      "validation_failed",
      "That link logs a browser in, and lets no machine join.",
      "Ask for the link of an invite: `muster invite`.",
    );
  const token = new URLSearchParams(url.hash.slice(1)).get("token");
  if (url.pathname !== JOIN_PATH) throw notALink("That is no link of an invite.");
  if (token === null || token === "") throw notALink("The link has lost its end: everything from #token= on.");
  if (!InviteToken.safeParse(token).success)
    throw notALink("The token at the link's end is cut off, or holds what no token has.");
  return { hubUrl: url.origin, token };
}

const notALink = (message: string): MusterError =>
  refusal(
    "validation_failed",
    message,
    'Copy the whole link, in quotes; it looks like "http://hub:7600/join#token=…". Another: `muster invite`.',
  );

/** Plain HTTP that leaves this machine. */
export const isOpenToListeners = ({ hubUrl }: Pick<JoinLink, "hubUrl">): boolean =>
  hubUrl.startsWith("http:") && !isLocalLink(hubUrl);

/** True where only the hub's own machine can follow the link. */
export const isLocalLink = (link: string): boolean => {
  const { hostname } = new URL(link);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
};
