// From a fresh socket to a proven node: one challenge, one hello, within a deadline. The nonce belongs to the socket and
// is used up by its first hello, so a recorded hello proves nothing anywhere else.
import {
  type ErrorBody,
  type Frame,
  type FrameOf,
  HELLO_TIMEOUT_MS,
  MusterError,
  UPLINK_PROTOCOL_VERSION,
} from "@muster/contracts";
import type { Random } from "@muster/core";
import type { Nodes } from "../ports.ts";
import { provesKey } from "./proof.ts";
import type { FrameSocket } from "./socket.ts";
import type { Timers } from "./timers.ts";

const NONCE_BYTES = 32;

export interface Refusal {
  readonly code: "unauthorized" | "protocolUnsupported" | "internal";
  readonly error: ErrorBody;
}

const refusal = (code: Refusal["code"], error: MusterError): Refusal => ({ code, error: error.toBody() });

export class Greeting {
  readonly #nonce: string;
  readonly #nodes: Nodes;
  readonly #cancelDeadline: () => void;
  #isUsed = false;

  /** Sends the challenge. `onLate` is called when no hello came in time. */
  constructor(options: {
    readonly socket: FrameSocket;
    readonly nodes: Nodes;
    readonly random: Random;
    readonly timers: Timers;
    readonly onLate: () => void;
  }) {
    this.#nodes = options.nodes;
    this.#nonce = Buffer.from(options.random.fill(new Uint8Array(NONCE_BYTES))).toString("base64url");
    this.#cancelDeadline = options.timers.schedule(HELLO_TIMEOUT_MS, options.onLate);
    options.socket.send({ type: "challenge", nonce: this.#nonce, protocolVersions: [UPLINK_PROTOCOL_VERSION] });
  }

  /** The hello, proven; or why not. A second hello on a socket is refused whatever it holds. */
  async prove(frame: Frame): Promise<{ readonly hello: FrameOf<"hello"> } | Refusal> {
    const wasUsed = this.#isUsed;
    this.#isUsed = true;
    if (frame.type !== "hello" || wasUsed)
      return refusal("unauthorized", new MusterError("uplink.unauthorized", "The first frame must be one hello."));
    if (!frame.protocolVersions.includes(UPLINK_PROTOCOL_VERSION)) {
      return refusal(
        "protocolUnsupported",
        new MusterError("uplink.protocol_unsupported", undefined, {
          offered: frame.protocolVersions,
          wanted: [UPLINK_PROTOCOL_VERSION],
        }),
      );
    }
    try {
      const publicKey = await this.#nodes.publicKey(frame.spaceId, frame.nodeId);
      // An unknown node and a wrong key are one answer.
      if (publicKey === null || !provesKey(frame, publicKey, this.#nonce))
        return refusal("unauthorized", new MusterError("uplink.unauthorized"));
      return { hello: frame };
    } catch (error) {
      return refusal("internal", error instanceof MusterError ? error : new MusterError("unavailable"));
    }
  }

  /** The deadline covers all of it, the answer to the hello included. */
  done(): void {
    this.#cancelDeadline();
  }
}
