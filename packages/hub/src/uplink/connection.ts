// A node's proven connection: what comes from it goes to orchestration and nodes, each kind in its own order. Ingest is
// taken one batch after the other; heartbeats, results and live text never wait behind it.
import { type Frame, type FrameOf, MusterError } from "@muster/contracts";
import type { NodeIdentity, Nodes, Orchestration } from "../ports.ts";
import type { UplinkLimits } from "./limits.ts";
import { Requests } from "./requests.ts";
import { SerialQueue } from "./serial.ts";
import type { FrameSocket } from "./socket.ts";
import type { Timers } from "./timers.ts";

export interface NodeConnectionOptions {
  readonly identity: NodeIdentity;
  readonly hasSlot: boolean;
  readonly socket: FrameSocket;
  readonly nodes: Nodes;
  readonly orchestration: Orchestration;
  readonly timers: Timers;
  readonly limits: UplinkLimits;
  /** What handling of a frame threw that is no MusterError. */
  readonly onBug: (error: unknown) => void;
  /** The daemon does not keep to the limits. */
  readonly onFlood: () => void;
}

export class NodeConnection {
  readonly identity: NodeIdentity;
  /** As far as this hub has heard. */
  hasSlot: boolean;
  readonly requests: Requests;
  readonly #options: NodeConnectionOptions;
  readonly #ingest: SerialQueue;
  readonly #results: SerialQueue;
  readonly #declarations: SerialQueue;
  #lastHeartbeatMs = Number.NEGATIVE_INFINITY;
  #deltaSecond = 0;
  #deltas = 0;

  constructor(options: NodeConnectionOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.hasSlot = options.hasSlot;
    const { limits, onBug, timers, socket } = options;
    this.#ingest = new SerialQueue({ waitingMax: limits.ingestWaitingMax, onBug });
    this.#results = new SerialQueue({ waitingMax: limits.resultsWaitingMax, onBug });
    this.#declarations = new SerialQueue({ waitingMax: limits.capabilitiesWaitingMax, onBug });
    this.requests = new Requests({ timers, requestsMax: limits.requestsMax, send: (frame) => socket.send(frame) });
  }

  send(frame: Frame): boolean {
    return this.#options.socket.send(frame);
  }

  handle(frame: Frame): void {
    switch (frame.type) {
      case "heartbeat":
        this.#heartbeat(frame);
        return;
      case "capabilities":
        if (this.#isStale(frame.epoch)) return;
        if (!this.#declarations.add(() => this.#declare(frame))) this.#options.onFlood();
        return;
      case "ingest.batch":
        if (!this.#ingest.add(() => this.#takeBatch(frame))) this.#options.onFlood();
        return;
      case "effect.result":
        if (!this.#results.add(() => this.#takeResult(frame))) this.#options.onFlood();
        return;
      case "response":
        this.requests.answered(frame);
        return;
      case "delta":
        if (this.#mayTellLive()) this.#options.orchestration.publishDelta(this.identity, frame.delta);
        return;
      case "call":
        if (this.#mayTellLive()) this.#options.orchestration.publishCall(this.identity, frame.call);
        return;
      case "error":
        return;
      default:
        this.#options.socket.refuse(
          new MusterError("uplink.frame_invalid", `A daemon does not send ${frame.type} here.`),
        );
    }
  }

  /** What was taken in is finished; nothing more is answered. */
  async ended(): Promise<void> {
    this.requests.close();
    await Promise.all([this.#ingest.idle(), this.#results.idle(), this.#declarations.idle()]);
  }

  /** A connection speaks for the epoch that it was greeted with, and for none that came after. */
  #isStale(epoch: number): boolean {
    if (epoch === this.identity.epoch) return false;
    const error = new MusterError("runtimenode.stale_epoch", undefined, { epoch, current: this.identity.epoch });
    this.send({ type: "error", error: error.toBody() });
    return true;
  }

  #heartbeat({ epoch, healthState }: FrameOf<"heartbeat">): void {
    if (this.#isStale(epoch)) return;
    const { timers, limits, nodes } = this.#options;
    const nowMs = timers.nowMs();
    if (nowMs - this.#lastHeartbeatMs < limits.heartbeatMinIntervalMs) return;
    this.#lastHeartbeatMs = nowMs;
    const { spaceId, nodeId, connectionId } = this.identity;
    this.#answerErrors(() => nodes.heartbeat({ spaceId, nodeId, connectionId, epoch, healthState }));
  }

  async #declare({ epoch, capabilities }: FrameOf<"capabilities">): Promise<void> {
    try {
      await this.#options.nodes.capabilities({ ...this.identity, epoch, capabilities });
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      this.send({ type: "error", error: error.toBody() });
    }
  }

  async #takeBatch({ journalId, firstSequence, entries }: FrameOf<"ingest.batch">): Promise<void> {
    const { socket, orchestration } = this.#options;
    const gap = entries.findIndex((entry, index) => entry.sequence !== firstSequence + index);
    if (gap >= 0) {
      socket.refuse(
        new MusterError("uplink.frame_invalid", "The entries of a batch are not numbered one after the other."),
      );
      return;
    }
    try {
      const { lastSequence, error } = await orchestration.ingest(this.identity, { journalId, firstSequence, entries });
      this.send({ type: "ingest.ack", journalId, lastSequence, ...(error === undefined ? {} : { error }) });
    } catch (error) {
      if (!(error instanceof MusterError)) this.#options.onBug(error);
      const body = (error instanceof MusterError ? error : new MusterError("internal_error")).toBody();
      // Nothing of the batch is known to be durable; the daemon sends it again.
      this.send({ type: "ingest.ack", journalId, lastSequence: firstSequence - 1, error: body });
    }
  }

  async #takeResult({ effectId, fence, epoch, error }: FrameOf<"effect.result">): Promise<void> {
    if (this.#isStale(epoch)) return;
    await this.#options.orchestration.effectResult(this.identity, {
      effectId,
      fence,
      ...(error === undefined ? {} : { error }),
    });
  }

  /** Counts what is told live; what is too much is dropped. */
  #mayTellLive(): boolean {
    const { timers, limits } = this.#options;
    const second = Math.floor(timers.nowMs() / 1_000);
    if (second !== this.#deltaSecond) {
      this.#deltaSecond = second;
      this.#deltas = 0;
    }
    this.#deltas += 1;
    return this.#deltas <= limits.deltasPerSecond;
  }

  #answerErrors(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof MusterError) this.send({ type: "error", error: error.toBody() });
      else this.#options.onBug(error);
    });
  }
}
