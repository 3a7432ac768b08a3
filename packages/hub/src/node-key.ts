// Whether a node's key signed a text: the one proof that a node is who it says.
import { createPublicKey, verify } from "node:crypto";

/** DER header of a raw Ed25519 public key (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** @param options `publicKey` is base64 of the 32 raw bytes, `signature` base64 of 64 */
export function isSignedBy(options: {
  readonly publicKey: string;
  readonly text: string;
  readonly signature: string;
}): boolean {
  const raw = Buffer.from(options.publicKey, "base64");
  const signature = Buffer.from(options.signature, "base64");
  if (raw.byteLength !== PUBLIC_KEY_BYTES || signature.byteLength !== SIGNATURE_BYTES) return false;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
    return verify(null, Buffer.from(options.text, "utf8"), key, signature);
  } catch {
    return false;
  }
}
