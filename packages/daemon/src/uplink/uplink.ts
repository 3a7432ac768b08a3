// The daemon's one uplink: keeps a connection to the hub, reconnects by the close code, beats the heart, and hands
// effects and questions to the host. What it promises is in ports.ts.
import {
  CLOSE_CODES,
  type ErrorBody,
  type Frame,
  type FrameOf,
  HEARTBEAT_INTERVAL_MS,
  MusterError,
  UPLINK_PATH,
} from "@muster/contracts";
import type { Ids, Random } from "@muster/core";
import type { Logger } from "pino";
import type { Uplink, UplinkHost } from "../ports.ts";
import type { Timers } from "../processes/index.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { HEALTHY_AFTER_MS, isLoopbackHost, type RetryInput, reactionTo, retryDelayMs } from "./reactions.ts";

/** Questions answered at once; further ones are refused as busy. */
export const REQUESTS_MAX = 32;

export interface UplinkOptions {
  /** `http://host:port` or `https://…`; the WebSocket's address follows from it. */
  readonly hubUrl: string;
  readonly host: UplinkHost;
  readonly timers: Timers;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Logger;
  /** How long a connection lives until earlier failures no longer count; HEALTHY_AFTER_MS when absent. */
  readonly healthyAfterMs?: number | undefined;
}

/** Starts connecting at once. @throws MusterError `validation_failed` for an address that is none. */
export const createUplink = (options: UplinkOptions): Uplink => new WebSocketUplink(options);

const addressOf = (hubUrl: string): URL => {
  const url = URL.parse(UPLINK_PATH, hubUrl);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new MusterError("validation_failed", `The hub's address is no http or https URL: ${hubUrl}`);
  }
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
};

const fractionOf = (random: Random): number => {
  const bytes = random.fill(new Uint8Array(4));
  return new DataView(bytes.buffer).getUint32(0) / 2 ** 32;
};

const toBody = (error: unknown): ErrorBody =>
  (error instanceof MusterError
    ? error
    : new MusterError("internal_error", "The daemon failed in a way it did not expect.")
  ).toBody();

/** An answer too large for any frame, or for what waits already, is answered by saying so. */
const respond = (
  connection: Connection,
  requestId: string,
  response: Omit<FrameOf<"response">, "type" | "requestId">,
): void => {
  try {
    if (connection.send({ type: "response", requestId, ...response })) return;
    connection.send({ type: "response", requestId, error: new MusterError("queue_full").toBody() });
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    connection.send({
      type: "response",
      requestId,
      error: new MusterError("file_too_large", undefined, error.details).toBody(),
    });
  }
};

class WebSocketUplink implements Uplink {
  readonly #options: UplinkOptions;
  readonly #url: URL;
  readonly #requests = new Map<string, AbortController>();
  #connection: Connection | undefined;
  #epoch: number | undefined;
  #failures = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelHealthy: (() => void) | undefined;
  #cancelHeartbeat: (() => void) | undefined;
  #stopped = false;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#url = addressOf(options.hubUrl);
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#epoch !== undefined;
  }

  sendIngest(batch: Omit<FrameOf<"ingest.batch">, "type">): boolean {
    if (!this.isConnected) return false;
    return this.#connection?.send({ type: "ingest.batch", ...batch }) ?? false;
  }

  sendDelta(delta: FrameOf<"delta">["delta"]): void {
    if (this.isConnected && this.#connection?.isBulkHeld === false) this.#connection.send({ type: "delta", delta });
  }

  sendCall(call: FrameOf<"call">["call"]): void {
    if (this.isConnected && this.#connection?.isBulkHeld === false) this.#connection.send({ type: "call", call });
  }

  capabilitiesChanged(): void {
    if (this.#epoch === undefined) return;
    this.#control({ type: "capabilities", epoch: this.#epoch, capabilities: this.#options.host.capabilities() });
  }

  reconnect(): void {
    if (this.#stopped) return;
    void this.#connection?.abandon();
    this.#down();
    this.#retry("reconnect-now");
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    const connection = this.#connection;
    this.#down();
    await connection?.abandon();
  }

  #connect(): void {
    const { host, timers, ids, log } = this.#options;
    log.debug({ hub: this.#url.host }, "connecting");
    this.#connection = new Connection({
      url: this.#url.href,
      host,
      timers,
      chunkId: () => ids.next(),
      onReady: (ack) => this.#ready(ack),
      onFrame: (frame) => this.#handle(frame),
      onError: (error) => this.#told(error),
      onDrained: () => host.bulkDrained(),
      // Of the newest connection alone: one that was abandoned calls nothing any more.
      onEnd: (end) => this.#ended(end),
    });
  }

  #ready(ack: FrameOf<"hello_ack">): void {
    const { host, timers, log, healthyAfterMs } = this.#options;
    this.#epoch = ack.epoch;
    this.#cancelHealthy = timers.schedule(healthyAfterMs ?? HEALTHY_AFTER_MS, () => {
      this.#failures = 0;
    });
    this.#beat();
    log.info({ replicaId: ack.replicaId, epoch: ack.epoch, ingestCursor: ack.ingestCursor }, "connected");
    host.connected(ack);
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#options.timers.schedule(HEARTBEAT_INTERVAL_MS, () => {
      if (this.#epoch === undefined) return;
      this.#control({ type: "heartbeat", epoch: this.#epoch, healthState: "online" });
      this.#beat();
    });
  }

  #ended(end: ConnectionEnd): void {
    const { log, host } = this.#options;
    const wasConnected = this.isConnected;
    this.#down();
    if (this.#stopped) return;
    const reaction = reactionTo(end.code);
    // A hub that is away for days is no news every half minute.
    log[wasConnected ? "info" : "debug"]({ code: end.code, error: end.error?.code, reaction }, "disconnected");
    if (reaction === "stop" || reaction === "stop-cloned") {
      this.#stopped = true;
      const cloned = new MusterError(
        "already_running",
        "Another daemon connected with this machine's identity, so this one stopped. Was the home folder copied?",
      );
      const refused = new MusterError(
        end.code === CLOSE_CODES.unauthorized ? "uplink.unauthorized" : "uplink.feature_unavailable",
      );
      host.stopped(end.error ?? (reaction === "stop-cloned" ? cloned : refused).toBody());
      return;
    }
    this.#retry(reaction);
  }

  /** What the hub knows of this node is newer than what the node says: only a new hello brings them together. */
  #told(error: ErrorBody): void {
    this.#options.log.warn({ error }, "the hub refused what this node said");
    if (error.code !== "runtimenode.stale_epoch") return;
    void this.#connection?.abandon();
    this.#down();
    this.#retry("reconnect-now");
  }

  /** Counts as a failure until the next connection has lived for a while, so that no refusal is asked for without a pause. */
  #retry(reaction: RetryInput["reaction"]): void {
    const delayMs = retryDelayMs({
      reaction,
      failures: this.#failures,
      fraction: fractionOf(this.#options.random),
      isLoopback: isLoopbackHost(this.#url.hostname),
    });
    this.#failures += 1;
    this.#later(delayMs);
  }

  #later(delayMs: number): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.timers.schedule(delayMs, () => {
      this.#cancelRetry = undefined;
      if (!this.#stopped) this.#connect();
    });
  }

  #down(): void {
    const wasConnected = this.#epoch !== undefined;
    this.#connection = undefined;
    this.#epoch = undefined;
    this.#cancelHealthy?.();
    this.#cancelHeartbeat?.();
    for (const controller of this.#requests.values()) controller.abort();
    this.#requests.clear();
    if (wasConnected) this.#options.host.disconnected();
  }

  #handle(frame: Frame): void {
    switch (frame.type) {
      case "ingest.ack":
        this.#options.host.ingestAcknowledged(frame);
        return;
      case "effect.run":
        void this.#runEffect(frame);
        return;
      case "request":
        void this.#answer(frame);
        return;
      case "cancel":
        this.#requests.get(frame.requestId)?.abort();
        return;
      default:
        this.#options.log.warn({ type: frame.type }, "a frame that a hub does not send");
    }
  }

  async #runEffect({ effectId, fence, effect, traceparent }: FrameOf<"effect.run">): Promise<void> {
    const { host, log } = this.#options;
    let error: ErrorBody | undefined;
    try {
      await host.runEffect(effectId, fence, effect, traceparent);
    } catch (cause) {
      if (!(cause instanceof MusterError))
        log.error({ err: cause, effectId, kind: effect.kind }, "an effect failed unexpectedly");
      error = toBody(cause);
    }
    if (this.#epoch === undefined) return;
    this.#control({
      type: "effect.result",
      effectId,
      fence,
      epoch: this.#epoch,
      ...(error === undefined ? {} : { error }),
    });
  }

  async #answer({ requestId, request }: FrameOf<"request">): Promise<void> {
    // The same question once more; counted by their ids, any number of them would be one.
    if (this.#requests.has(requestId)) return;
    const { host, log } = this.#options;
    const connection = this.#connection;
    const controller = new AbortController();
    let response: Omit<FrameOf<"response">, "type" | "requestId">;
    try {
      if (this.#requests.size >= REQUESTS_MAX) throw new MusterError("queue_full");
      this.#requests.set(requestId, controller);
      response = { result: await host.answer(request, controller.signal) };
    } catch (cause) {
      if (!(cause instanceof MusterError) && !controller.signal.aborted)
        log.error({ err: cause, method: request.method }, "a question failed unexpectedly");
      response = { error: toBody(cause) };
    } finally {
      this.#requests.delete(requestId);
    }
    if (connection === undefined || controller.signal.aborted || this.#connection !== connection) return;
    respond(connection, requestId, response);
  }

  /** A control frame that is not taken means that the hub reads nothing any more. */
  #control(frame: Frame): void {
    const connection = this.#connection;
    if (connection === undefined || connection.send(frame)) return;
    this.reconnect();
  }
}
