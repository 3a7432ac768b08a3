// The one fingerprint and the one comparison (architecture §5.1): SHA-256 over the RFC 8785 form of the content.
// What a sender may change between two tries of the same request (its clock, its trace) is left out by the caller.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import canonicalize from "canonicalize";

/** SHA-256 in hex of a UTF-8 text. */
export const sha256Hex = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

/**
 * Fingerprint of a JSON value: 64 hex characters, the same for every order of keys.
 * @throws TypeError where the value is no JSON (a function, NaN, a cycle).
 */
export function fingerprint(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("a fingerprint needs a JSON value");
  return sha256Hex(text);
}

/** Fingerprint of a command: covers the actor, omits what a retry may change. */
export function commandFingerprint(actorId: string, command: Readonly<Record<string, unknown>>): string {
  const { clientCreatedAt: _clientCreatedAt, traceparent: _traceparent, ...content } = command;
  return fingerprint({ actorId, command: content });
}

/** What a stored id means for a request that carries it again. */
export const compareFingerprint = (stored: string, given: string): "same" | "other" =>
  stored === given ? "same" : "other";
