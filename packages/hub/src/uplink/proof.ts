// Whether a hello proves the node's key: an Ed25519 signature over the challenge of this very connection.
import { createPublicKey, verify } from "node:crypto";
import { type FrameOf, helloSigningInput } from "@muster/contracts";

/** DER header of a raw Ed25519 public key (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/**
 * @param publicKey base64 of the 32 raw bytes, as enrolled
 * @param nonce of the challenge that this connection was given, and no other
 */
export function provesKey(hello: FrameOf<"hello">, publicKey: string, nonce: string): boolean {
  const raw = Buffer.from(publicKey, "base64");
  const signature = Buffer.from(hello.signature, "base64");
  if (raw.byteLength !== 32 || signature.byteLength !== 64) return false;
  const { spaceId, nodeId, incarnation } = hello;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
    return verify(
      null,
      Buffer.from(helloSigningInput({ spaceId, nodeId, incarnation, nonce }), "utf8"),
      key,
      signature,
    );
  } catch {
    return false;
  }
}
