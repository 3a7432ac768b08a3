// Which frames go first. Control frames are written at once; bulk waits while the socket has much to send, so that a
// heartbeat or an interrupt never stands behind a megabyte of text. Each lane has a limit. Both ends use this one.
import { type Digest, encodeFrame } from "./frames.ts";
import { byteLength } from "./text.ts";
import type { Frame, FrameType } from "./uplink.ts";

export type Lane = "control" | "bulk";

/** Lane of each frame. One that is so large that it needs chunks rides with the bulk, whatever it is. */
export const FRAME_LANES: Readonly<Record<FrameType, Lane>> = {
  challenge: "control",
  hello: "control",
  hello_ack: "control",
  heartbeat: "control",
  capabilities: "control",
  "ingest.batch": "bulk",
  "ingest.ack": "control",
  "effect.run": "control",
  "effect.result": "control",
  request: "control",
  response: "bulk",
  cancel: "control",
  delta: "bulk",
  call: "bulk",
  error: "control",
  ping: "control",
  pong: "control",
  chunk: "bulk",
};

export interface LaneLimits {
  /** Bulk is held back while the socket has more than this to send. */
  readonly bulkHeldAboveBytes: number;
  /** Bulk that may wait; one frame more is taken when nothing waits. */
  readonly bulkMaxBytes: number;
  /** With more than this in the socket the other side reads nothing: no control frame is taken any more. */
  readonly controlMaxBytes: number;
}

export const LANE_LIMITS: LaneLimits = {
  bulkHeldAboveBytes: 256 * 1024,
  bulkMaxBytes: 4 * 1024 * 1024,
  controlMaxBytes: 16 * 1024 * 1024,
};

/** What a sender needs of a socket. */
export interface LaneSocket {
  /** Bytes accepted and not yet given to the network. */
  readonly bufferedBytes: number;
  /** `written` is called once the text left the socket's own buffer, or never. */
  write(text: string, written: () => void): void;
}

export class LaneSender {
  readonly #socket: LaneSocket;
  readonly #encoding: { readonly digest: Digest; readonly chunkId: () => string };
  readonly #limits: LaneLimits;
  readonly #onDrained: () => void;
  #waiting: { readonly text: string; readonly bytes: number }[] = [];
  #waitingBytes = 0;
  #refused = false;

  /** @param options.onDrained called when bulk is taken again after a frame was refused */
  constructor(options: {
    readonly socket: LaneSocket;
    readonly digest: Digest;
    readonly chunkId: () => string;
    readonly onDrained?: () => void;
    readonly limits?: Partial<LaneLimits>;
  }) {
    this.#socket = options.socket;
    this.#encoding = { digest: options.digest, chunkId: options.chunkId };
    this.#limits = { ...LANE_LIMITS, ...options.limits };
    this.#onDrained = options.onDrained ?? (() => {});
  }

  /** Bulk waits: more of it would only grow the queue. */
  get isBulkHeld(): boolean {
    return this.#waiting.length > 0 || this.#socket.bufferedBytes > this.#limits.bulkHeldAboveBytes;
  }

  /**
   * Sends or queues the frame. False: its lane is full and nothing was taken; for a control frame the connection is dead.
   * @throws MusterError `payload_too_large` for a frame that cannot be sent at all.
   */
  send(frame: Frame): boolean {
    const texts = encodeFrame(frame, this.#encoding);
    const [single] = texts;
    if (single !== undefined && texts.length === 1 && FRAME_LANES[frame.type] === "control") {
      if (this.#socket.bufferedBytes > this.#limits.controlMaxBytes) return false;
      this.#write(single);
      return true;
    }
    const sized = texts.map((text) => ({ text, bytes: byteLength(text) }));
    const bytes = sized.reduce((sum, item) => sum + item.bytes, 0);
    if (this.#waiting.length > 0 && this.#waitingBytes + bytes > this.#limits.bulkMaxBytes) {
      this.#refused = true;
      return false;
    }
    this.#waiting.push(...sized);
    this.#waitingBytes += bytes;
    this.#pump();
    return true;
  }

  /** Forgets what waits; nothing is written any more. */
  close(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#refused = false;
  }

  #write(text: string): void {
    this.#socket.write(text, () => this.#pump());
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#socket.bufferedBytes <= this.#limits.bulkHeldAboveBytes) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.bytes;
      this.#write(next.text);
    }
    if (this.#waiting.length === 0 && this.#refused) {
      this.#refused = false;
      this.#onDrained();
    }
  }
}
