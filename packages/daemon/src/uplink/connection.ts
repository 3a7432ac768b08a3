// One connection to the hub, from the open socket to its end: challenge, hello, hello_ack, then frames both ways, with
// pings by frames (any frame is a sign of life). It never reconnects; that is uplink.ts.
import {
  CLOSE_CODES,
  type ErrorBody,
  FRAME_MAX_BYTES,
  type Frame,
  type FrameOf,
  FrameReader,
  HELLO_TIMEOUT_MS,
  HELLO_TURNS_MAX,
  helloSigningInput,
  LaneSender,
  LIVENESS_CHECK_INTERVAL_MS,
  MusterError,
  SilenceWatch,
  UPLINK_PROTOCOL_VERSION,
} from "@muster/contracts";
import { sha256Hex } from "@muster/core";
import { type RawData, WebSocket } from "ws";
import type { UplinkHost } from "../ports.ts";
import type { Timers } from "../processes/index.ts";

export interface ConnectionEnd {
  /** The close code; 1006 when the socket broke. */
  readonly code: number;
  /** What the hub told last before it closed, where that was an error. */
  readonly error: ErrorBody | null;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly host: UplinkHost;
  readonly timers: Timers;
  readonly chunkId: () => string;
  readonly onReady: (ack: FrameOf<"hello_ack">) => void;
  /** Frames after hello_ack, but pings and pongs. */
  readonly onFrame: (frame: Frame) => void;
  /** An error that the hub tells after hello_ack; a close may follow. */
  readonly onError: (error: ErrorBody) => void;
  readonly onDrained: () => void;
  /** Called once, unless `abandon` was called before. */
  readonly onEnd: (end: ConnectionEnd) => void;
}

/** Closes that this side asks for. */
const PROTOCOL_ERROR = 1002;
const GOING_AWAY = 1001;
const BROKEN = 1006;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #reader = new FrameReader({ digest: sha256Hex });
  readonly #sender: LaneSender;
  readonly #silence: SilenceWatch;
  #state: "connecting" | "greeting" | "ready" | "ended" = "connecting";
  #cancelHello: (() => void) | undefined;
  #cancelCheck: (() => void) | undefined;
  #error: ErrorBody | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { timers } = options;
    this.#silence = new SilenceWatch(timers.nowMs());
    this.#socket = new WebSocket(options.url, {
      handshakeTimeout: HELLO_TIMEOUT_MS,
      maxPayload: FRAME_MAX_BYTES,
      perMessageDeflate: false,
    });
    const socket = this.#socket;
    this.#sender = new LaneSender({
      socket: {
        get bufferedBytes() {
          return socket.bufferedAmount;
        },
        write: (text, written) => socket.send(text, () => written()),
      },
      digest: sha256Hex,
      chunkId: options.chunkId,
      onDrained: options.onDrained,
    });
    socket.on("open", () => {
      this.#cancelHello = timers.schedule(HELLO_TIMEOUT_MS, () => this.#end(BROKEN));
    });
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("close", (code) => this.#end(code));
    // Always followed by `close`.
    socket.on("error", () => {});
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  get isBulkHeld(): boolean {
    return this.#sender.isBulkHeld;
  }

  /** False: not taken. A control frame that is not taken ends the connection. */
  send(frame: Frame): boolean {
    if (this.#state === "ended" || this.#socket.readyState !== WebSocket.OPEN) return false;
    const lane = this.#sender.send(frame);
    return lane;
  }

  /** Ends the socket; nothing is called any more. */
  abandon(): Promise<void> {
    if (this.#state === "ended") return Promise.resolve();
    this.#finish();
    const { readyState } = this.#socket;
    if (readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.timers.schedule(1_000, () => this.#socket.terminate());
      this.#socket.once("close", () => {
        cancel();
        resolve();
      });
      if (readyState === WebSocket.CONNECTING) this.#socket.terminate();
      else this.#socket.close(GOING_AWAY);
    });
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state === "ended") return;
    this.#silence.heard(this.#options.timers.nowMs());
    let frame: Frame | null;
    try {
      if (isBinary) throw new MusterError("uplink.frame_invalid", "Frames are text.");
      frame = this.#reader.read(data.toString());
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      this.#error ??= error.toBody();
      this.#end(PROTOCOL_ERROR);
      return;
    }
    if (frame !== null) this.#handle(frame);
  }

  #handle(frame: Frame): void {
    switch (frame.type) {
      case "ping":
        this.send({ type: "pong", nonce: frame.nonce });
        return;
      case "pong":
        return;
      case "error":
        this.#error = frame.error;
        if (this.#state === "ready") this.#options.onError(frame.error);
        return;
      case "challenge":
        if (this.#state === "connecting") this.#greet(frame);
        return;
      case "hello_ack":
        if (this.#state === "greeting") this.#ready(frame);
        return;
      default:
        this.#error = null;
        if (this.#state === "ready") this.#options.onFrame(frame);
    }
  }

  #greet({ nonce, protocolVersions }: FrameOf<"challenge">): void {
    const { host } = this.#options;
    if (!protocolVersions.includes(UPLINK_PROTOCOL_VERSION)) {
      this.#error = new MusterError("uplink.protocol_unsupported", undefined, {
        offered: protocolVersions,
        wanted: [UPLINK_PROTOCOL_VERSION],
      }).toBody();
      this.#end(CLOSE_CODES.protocolUnsupported);
      return;
    }
    this.#state = "greeting";
    const { nodeId, spaceId, incarnation, daemonVersion } = host;
    const { journalId, lastSequence } = host.journal();
    this.send({
      type: "hello",
      protocolVersions: [UPLINK_PROTOCOL_VERSION],
      daemonVersion,
      nodeId,
      incarnation,
      spaceId,
      features: {},
      signature: host.sign(helloSigningInput({ spaceId, nodeId, incarnation, nonce })),
      capabilities: host.capabilities(),
      journalId,
      journalSequence: lastSequence,
      runningTurns: host.runningTurns().slice(0, HELLO_TURNS_MAX),
    });
  }

  #ready(ack: FrameOf<"hello_ack">): void {
    this.#cancelHello?.();
    this.#state = "ready";
    this.#watch();
    this.#options.onReady(ack);
  }

  #watch(): void {
    const { timers } = this.#options;
    this.#cancelCheck = timers.schedule(LIVENESS_CHECK_INTERVAL_MS, () => {
      const verdict = this.#silence.check(timers.nowMs());
      if (verdict === "dead") {
        this.#end(BROKEN);
        return;
      }
      if (verdict === "ping") this.send({ type: "ping", nonce: this.#options.chunkId() });
      this.#watch();
    });
  }

  #end(code: number): void {
    if (this.#state === "ended") return;
    this.#finish();
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.terminate();
    this.#options.onEnd({ code, error: this.#error });
  }

  #finish(): void {
    this.#state = "ended";
    this.#cancelHello?.();
    this.#cancelCheck?.();
    this.#sender.close();
  }
}
