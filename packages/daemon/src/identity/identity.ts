// Who this machine is: an Ed25519 key pair and a node id, minted once and kept in identity.json (0600). The private key
// never leaves this module; others get signatures.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { MusterError, NodeId } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { z } from "zod";
import { errorCode, onHome, writeFileAtomically } from "../home/index.ts";

export interface Identity {
  readonly nodeId: NodeId;
  /** Base64 of the 32 raw bytes of the Ed25519 public key. */
  readonly publicKey: string;
  /** Base64 of the signature over the UTF-8 text. */
  sign(text: string): string;
}

const IdentityFile = z.object({
  version: z.literal(1),
  nodeId: NodeId,
  /** PKCS #8 in DER, base64. */
  privateKey: z.string().min(1),
  createdAt: z.string(),
});
type IdentityFile = z.infer<typeof IdentityFile>;

const rawPublicKey = (key: KeyObject): string => {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url").toString("base64");
};

const fromFile = (file: IdentityFile): Identity => {
  const key = createPrivateKey({ key: Buffer.from(file.privateKey, "base64"), format: "der", type: "pkcs8" });
  if (key.asymmetricKeyType !== "ed25519") throw new Error("the key is no Ed25519 key");
  return {
    nodeId: file.nodeId,
    publicKey: rawPublicKey(key),
    sign: (text) => sign(null, Buffer.from(text, "utf8"), key).toString("base64"),
  };
};

const mint = (ids: Ids, clock: Clock): IdentityFile => ({
  version: 1,
  nodeId: NodeId.parse(ids.next()),
  privateKey: generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
  createdAt: isoTime(clock.now()),
});

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
};

/**
 * The identity in the file, minted and written where there is none. Called again it gives the same.
 * @throws MusterError `home_unwritable`; `database_corrupt` for a file that holds no identity, which is left as it is.
 */
export function openIdentity(options: {
  readonly home: string;
  readonly path: string;
  readonly ids: Ids;
  readonly clock: Clock;
}): Identity {
  const { home, path, ids, clock } = options;
  return onHome(home, () => {
    const text = read(path);
    if (text === undefined) {
      const file = mint(ids, clock);
      writeFileAtomically(path, `${JSON.stringify(file, null, 2)}\n`);
      return fromFile(file);
    }
    try {
      return fromFile(IdentityFile.parse(JSON.parse(text)));
    } catch (error) {
      throw new MusterError(
        "database_corrupt",
        `${path} holds no identity that can be read, so the daemon did not start. Put a backup of it in its place; or move it away and join this machine to the hub anew.`,
        { path },
        { cause: error },
      );
    }
  });
}
