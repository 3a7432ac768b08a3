// What the hub, or its silence, means to whoever sits at this machine: which address, which token, and what to do about it here.
// Codes stay as they are. Pure.
import type { MusterError } from "@muster/contracts";
import { refusal } from "./errors.ts";
import type { HubAddress } from "./hub.ts";

/** The same failure in words of this place, where it has any. */
export function explain(error: MusterError, address: HubAddress): MusterError {
  switch (error.code) {
    case "hub_unreachable":
      // Other messages know more than this.
      if (error.message !== error.row.message) return error;
      return refusal(error.code, `No hub answers at ${address.url}.`, whereToLook(address));
    case "unauthenticated":
      return refusal(error.code, whoWasRefused(address), anotherToken(address));
    case "permission_denied":
      // Of a role there is nothing to add; a token is good for less than the one it belongs to.
      if (typeof error.details?.["scope"] !== "string") return error;
      return refusal(
        error.code,
        error.message,
        "Give one with that scope as MUSTER_TOKEN; `muster token new` makes one.",
        error.details,
      );
    default:
      return error;
  }
}

function whereToLook({ place }: HubAddress): string {
  switch (place) {
    case "here":
      return "Start it with `npm start`, or name another with --url.";
    case "joined":
      return "This machine has joined it: look whether it runs there, and whether this machine can reach it.";
    case "given":
      return "Look whether it runs there, and whether the address is right.";
  }
}

function whoWasRefused({ url, token, tokenPlace }: HubAddress): string {
  if (tokenPlace === null) return `The hub at ${url} asks who you are, and no token was given.`;
  if (token === null) return `The hub at ${url} asks who you are, and there is no token in ${tokenPlace}.`;
  return `The hub at ${url} does not take the token of ${tokenPlace}: it has ended, was revoked, or is of another hub.`;
}

function anotherToken({ place, tokenPlace }: HubAddress): string {
  if (tokenPlace === null) return "Give one as MUSTER_TOKEN; `muster token new` makes one where you may already.";
  if (tokenPlace === "MUSTER_TOKEN" || tokenPlace === "--token")
    return "Give another; `muster token new` makes one where you may already.";
  return place === "joined"
    ? "Put another token of this machine's owner there, or join by a new invite under another --home."
    : "Restart the hub: it writes its own token there anew.";
}
