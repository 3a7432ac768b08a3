// A daemon's socket as frames: reading with limits, sending by lanes, silence watched. It knows nothing of nodes.
import {
  type ErrorBody,
  type Frame,
  FrameReader,
  LaneSender,
  LIVENESS_CHECK_INTERVAL_MS,
  MusterError,
  SilenceWatch,
} from "@muster/contracts";
import { sha256Hex } from "@muster/core";
import { type RawData, WebSocket } from "ws";
import { CLOSE_POLICY } from "./limits.ts";
import type { Timers } from "./timers.ts";

/** After a close frame was sent, the other side has this long to answer. */
const CLOSE_WAIT_MS = 1_000;
/** With more than this to send, no pong is added. */
const PONG_HELD_ABOVE_BYTES = 64 * 1024;

export interface FrameSocketOptions {
  readonly socket: WebSocket;
  readonly timers: Timers;
  readonly chunkId: () => string;
  readonly invalidFramesMax: number;
  /** More is not read before `proven` is called. */
  readonly unprovenMaxBytes: number;
  /** Frames but pings and pongs, in the order they came. */
  readonly onFrame: (frame: Frame) => void;
  /** Called once. */
  readonly onEnd: () => void;
}

export class FrameSocket {
  readonly #options: FrameSocketOptions;
  readonly #reader = new FrameReader({ digest: sha256Hex });
  readonly #sender: LaneSender;
  readonly #silence: SilenceWatch;
  #cancelCheck: (() => void) | undefined;
  #cancelKill: (() => void) | undefined;
  #invalid = 0;
  /** Left for who is not proven; null: he is. */
  #unprovenBytes: number | null;
  #closing = false;
  #ended = false;

  constructor(options: FrameSocketOptions) {
    this.#options = options;
    this.#unprovenBytes = options.unprovenMaxBytes;
    const { socket, timers } = options;
    this.#silence = new SilenceWatch(timers.nowMs());
    this.#sender = new LaneSender({
      socket: {
        get bufferedBytes() {
          return socket.bufferedAmount;
        },
        write: (text, written) => socket.send(text, () => written()),
      },
      digest: sha256Hex,
      chunkId: options.chunkId,
    });
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    // As the library would by itself, but not for who sends pings and reads no answer.
    socket.on("ping", (data) => {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount <= PONG_HELD_ABOVE_BYTES) socket.pong(data);
    });
    socket.on("close", () => this.#end());
    // Always followed by `close`.
    socket.on("error", () => {});
    this.#watch();
  }

  get isOpen(): boolean {
    return !this.#closing && !this.#ended && this.#options.socket.readyState === WebSocket.OPEN;
  }

  /** False: not taken, because the socket is closing or reads nothing. @throws MusterError `payload_too_large`. */
  send(frame: Frame): boolean {
    return this.isOpen && this.#sender.send(frame);
  }

  /** Says why, then closes with the code; frames that still come are ignored. */
  close(code: number, error?: ErrorBody): void {
    if (this.#closing || this.#ended) return;
    if (error !== undefined) this.send({ type: "error", error });
    this.#closing = true;
    this.#sender.close();
    this.#options.socket.close(code);
    this.#cancelKill = this.#options.timers.schedule(CLOSE_WAIT_MS, () => this.#options.socket.terminate());
  }

  /** From now on the limits of frames alone count. */
  proven(): void {
    this.#unprovenBytes = null;
  }

  terminate(): void {
    this.#options.socket.terminate();
  }

  /** A frame that this side does not expect; counted like one that fits no schema. */
  refuse(error: MusterError): void {
    this.#invalid += 1;
    if (this.#invalid >= this.#options.invalidFramesMax) this.close(CLOSE_POLICY, error.toBody());
    else this.send({ type: "error", error: error.toBody() });
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#closing || this.#ended) return;
    this.#silence.heard(this.#options.timers.nowMs());
    if (this.#unprovenBytes !== null) {
      this.#unprovenBytes -= sizeOf(data);
      if (this.#unprovenBytes < 0) {
        this.close(CLOSE_POLICY, new MusterError("uplink.unauthorized", "That is no hello.").toBody());
        return;
      }
    }
    let frame: Frame | null;
    try {
      if (isBinary) throw new MusterError("uplink.frame_invalid", "Frames are text.");
      frame = this.#reader.read(data.toString());
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      this.refuse(error);
      return;
    }
    if (frame === null || frame.type === "pong") return;
    if (frame.type === "ping") this.send({ type: "pong", nonce: frame.nonce });
    else this.#options.onFrame(frame);
  }

  #watch(): void {
    const { timers } = this.#options;
    this.#cancelCheck = timers.schedule(LIVENESS_CHECK_INTERVAL_MS, () => {
      const verdict = this.#silence.check(timers.nowMs());
      if (verdict === "dead") {
        this.#options.socket.terminate();
        return;
      }
      if (verdict === "ping") this.send({ type: "ping", nonce: this.#options.chunkId() });
      this.#watch();
    });
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelCheck?.();
    this.#cancelKill?.();
    this.#sender.close();
    this.#options.onEnd();
  }
}

const sizeOf = (data: RawData): number =>
  Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength;
