// Where a request comes from. Behind a proxy every socket comes from the proxy, which says in X-Forwarded-For whose
// request it hands on. That is believed of a proxy on this machine alone, and where the hub has been told that there is
// one; anybody else may write into that header what he likes.
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { shareOf } from "../address-shares.ts";

/** `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7` or `[2001:db8::7]:4711`. */
const plainAddress = (text: string): string => {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? bare.replace(/:\d+$/, "") : bare;
};

/** @param isBehindProxy whether the hub was given a public URL */
export function callerAddress(request: IncomingMessage, isBehindProxy: boolean): string | undefined {
  const peer = request.socket.remoteAddress;
  if (!isBehindProxy || peer === undefined || shareOf(peer) !== null) return peer;
  // The last is what the proxy itself saw; those before it are what it was told.
  const last = request.headersDistinct["x-forwarded-for"]?.join(",").split(",").at(-1)?.trim();
  const forwarded = plainAddress(last ?? "");
  return isIP(forwarded) === 0 ? peer : forwarded;
}

/** As `shareOf`, of the caller. */
export const callerShare = (request: IncomingMessage, isBehindProxy: boolean): string | null =>
  shareOf(callerAddress(request, isBehindProxy));

/** What failures are counted by: those without a share have one together. */
export const failureKey = (share: string | null): string => share ?? "this machine";
