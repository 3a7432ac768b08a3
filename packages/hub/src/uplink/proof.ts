// Whether a hello proves the node's key: an Ed25519 signature over the challenge of this very connection.
import { type FrameOf, helloSigningInput } from "@muster/contracts";
import { isSignedBy } from "../node-key.ts";

/**
 * @param publicKey base64 of the 32 raw bytes, as enrolled
 * @param nonce of the challenge that this connection was given, and no other
 */
export function provesKey(hello: FrameOf<"hello">, publicKey: string, nonce: string): boolean {
  const { spaceId, nodeId, incarnation, signature } = hello;
  return isSignedBy({ publicKey, text: helloSigningInput({ spaceId, nodeId, incarnation, nonce }), signature });
}
