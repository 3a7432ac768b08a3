// The hub's end of the uplink on this replica: upgrades sockets, proves who they are, keeps one connection per node (the
// newest), and lets the rest of the hub hand effects and questions to nodes.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  CLOSE_CODES,
  FRAME_MAX_BYTES,
  type Frame,
  type FrameOf,
  INGEST_BATCH_MAX_ENTRIES,
  MusterError,
  type NodeId,
  type SpaceId,
  UPLINK_PATH,
} from "@muster/contracts";
import { type Clock, type Ids, isoTime, type Random } from "@muster/core";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import { AddressShares } from "../address-shares.ts";
import type { NodeConnections, NodeIdentity, Nodes, Orchestration } from "../ports.ts";
import { NodeConnection } from "./connection.ts";
import { Greeting } from "./greeting.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { CLOSE_INTERNAL, CLOSE_POLICY, RECHECKS_AT_ONCE_MAX, UPLINK_LIMITS, type UplinkLimits } from "./limits.ts";
import { SerialQueue } from "./serial.ts";
import { FrameSocket } from "./socket.ts";
import { systemTimers, type Timers } from "./timers.ts";

export interface UplinkOptions {
  readonly nodes: Nodes;
  /** Asked for at every use, because orchestration is built over these connections. */
  readonly orchestration: () => Orchestration;
  /** Whether a request's Host names this hub; a request with an Origin is refused before, since only browsers send one. */
  readonly allowUpgrade: (request: IncomingMessage) => boolean;
  /** Whose share of unproven sockets a request counts to; null for who has none of its own. */
  readonly shareOf: (request: IncomingMessage) => string | null;
  readonly replicaId: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Logger;
  readonly timers?: Timers;
  readonly limits?: Partial<UplinkLimits>;
}

export interface HubUplink {
  readonly connections: NodeConnections;
  /** For the HTTP server's `upgrade`; answers 404, 403 or 503 on the socket where it is no uplink. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Called when slots or the epoch of a node may have changed, here or on another hub. Where this one holds the node's
   * socket: closes it if the node was revoked, has a newer connection or a newer epoch; has the node say hello anew if it
   * lost its slot, so that it stops what it can end no more. Never rejects.
   */
  recheck(spaceId: SpaceId, nodeId: NodeId): Promise<void>;
  /** Tells every node to reconnect now (4005), takes no new ones, and resolves when what they sent is finished. */
  close(): Promise<void>;
}

export const createUplink = (options: UplinkOptions): HubUplink => new Uplink(options);

const UNAVAILABLE = "503 Service Unavailable";

const keyOf = (spaceId: SpaceId, nodeId: NodeId): string => `${spaceId}\0${nodeId}`;

class Uplink implements HubUplink {
  readonly connections: NodeConnections;
  readonly #options: UplinkOptions;
  readonly #timers: Timers;
  readonly #limits: UplinkLimits;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_MAX_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
    autoPong: false,
  });
  readonly #byNode = new Map<string, { readonly connection: NodeConnection; readonly socket: FrameSocket }>();
  /** Hellos of one node are admitted one after the other. */
  readonly #admissions = new Map<string, SerialQueue>();
  readonly #rechecks = new KeyedQueue({ atOnceMax: RECHECKS_AT_ONCE_MAX });
  readonly #ending = new Set<Promise<void>>();
  readonly #greetings: AddressShares;
  #draining = false;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#limits = { ...UPLINK_LIMITS, ...options.limits };
    const { greetingsMax, greetingsPerAddressMax } = this.#limits;
    this.#greetings = new AddressShares({ max: greetingsMax, perShareMax: greetingsPerAddressMax });
    this.connections = {
      isConnected: (spaceId, nodeId, connectionId) => {
        const identity = this.#byNode.get(keyOf(spaceId, nodeId))?.connection.identity;
        return identity !== undefined && (connectionId ?? identity.connectionId) === identity.connectionId;
      },
      runEffect: (spaceId, nodeId, { effectId, fence, effect, traceparent }) =>
        this.#byNode.get(keyOf(spaceId, nodeId))?.connection.send({
          type: "effect.run",
          effectId: effectId as FrameOf<"effect.run">["effectId"],
          fence,
          effect,
          ...(traceparent === undefined ? {} : { traceparent }),
        }) ?? false,
      request: async (spaceId, nodeId, request, asking) => {
        const found = this.#byNode.get(keyOf(spaceId, nodeId));
        if (found === undefined) throw new MusterError("node_offline");
        return found.connection.requests.ask(options.ids.next(), request, asking);
      },
    };
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const refusal = this.#refusalOf(request);
    const taken = refusal === null ? this.#greetings.take(this.#options.shareOf(request)) : UNAVAILABLE;
    if (typeof taken === "string") {
      // The HTTP server leaves sockets half open, so this end ends the other.
      socket.end(`HTTP/1.1 ${refusal ?? UNAVAILABLE}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
        socket.destroy(),
      );
      return;
    }
    // Also where the library refuses the upgrade.
    socket.once("close", taken.release);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#greet(webSocket, taken.release));
  }

  async recheck(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    const key = keyOf(spaceId, nodeId);
    // Where news were missed, all nodes of the database are named at once.
    if (!this.#byNode.has(key)) return;
    await this.#rechecks.add(key, () => this.#recheck(spaceId, nodeId).catch((error: unknown) => this.#bug(error)));
  }

  async #recheck(spaceId: SpaceId, nodeId: NodeId): Promise<void> {
    const key = keyOf(spaceId, nodeId);
    // Before the place is read, so that it is never older than the connection it is compared with.
    const found = this.#byNode.get(key);
    if (found === undefined) return;
    const { connection, socket } = found;
    const place = await this.#options.nodes.place(spaceId, nodeId);
    if (this.#byNode.get(key) !== found || place === null) return;
    const { epoch, connectionId } = connection.identity;
    const close = (code: keyof typeof CLOSE_CODES, error?: MusterError): void => {
      this.#options.log.info({ nodeId, connectionId, code }, "a node's place has changed: its connection ends");
      socket.close(CLOSE_CODES[code], error?.toBody());
    };
    if (place.isRevoked) close("unauthorized", new MusterError("runtimenode.attach_revoked"));
    else if (place.connectionId !== null && place.connectionId !== connectionId) close("replaced");
    else if (place.epoch !== epoch) close("draining", new MusterError("runtimenode.stale_epoch"));
    else if (connection.hasSlot && !place.hasSlot) {
      // What ran on the slot is settled first: the hello then tells the node to stop it.
      await this.#options.orchestration().settleLost();
      connection.send({ type: "error", error: new MusterError("runtimenode.stale_epoch").toBody() });
    } else if (place.hasSlot && !connection.hasSlot) this.#options.orchestration().nodeConnected(spaceId, nodeId);
    connection.hasSlot = place.hasSlot;
  }

  #refusalOf(request: IncomingMessage): string | null {
    if (request.url?.split("?", 1)[0] !== UPLINK_PATH) return "404 Not Found";
    if (request.headers.origin !== undefined || !this.#options.allowUpgrade(request)) return "403 Forbidden";
    return this.#draining || this.#byNode.size >= this.#limits.connectionsMax ? UNAVAILABLE : null;
  }

  async close(): Promise<void> {
    this.#draining = true;
    for (const { socket } of this.#byNode.values()) socket.close(CLOSE_CODES.draining);
    for (const client of this.#server.clients)
      if (client.readyState === client.OPEN) client.close(CLOSE_CODES.draining);
    const cancel = this.#timers.schedule(this.#limits.closeWaitMs, () => {
      for (const client of this.#server.clients) client.terminate();
    });
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    while (this.#server.clients.size > 0 || this.#ending.size > 0) {
      await Promise.all([
        ...this.#ending,
        ...[...this.#server.clients].map((client) => new Promise((resolve) => client.once("close", resolve))),
      ]);
    }
    cancel();
  }

  /** @param release gives back the place of a socket that is not proven */
  #greet(webSocket: WebSocket, release: () => void): void {
    const { nodes, random, ids, log } = this.#options;
    let connection: NodeConnection | undefined;
    let greeted = false;
    const endGreeting = (): void => {
      if (greeted) return;
      greeted = true;
      release();
      greeting.done();
    };
    const socket: FrameSocket = new FrameSocket({
      socket: webSocket,
      timers: this.#timers,
      chunkId: () => ids.next(),
      invalidFramesMax: this.#limits.invalidFramesMax,
      unprovenMaxBytes: this.#limits.helloMaxBytes,
      onFrame: (frame) => {
        if (connection !== undefined) connection.handle(frame);
        else
          void this.#receiveHello(greeting, frame, socket).then((admitted) => {
            connection ??= admitted;
            endGreeting();
          });
      },
      onEnd: () => {
        endGreeting();
        if (connection !== undefined) this.#ended(connection);
      },
    });
    const greeting = new Greeting({
      socket,
      nodes,
      random,
      timers: this.#timers,
      onLate: () => {
        log.info("a socket said no hello in time");
        socket.close(CLOSE_POLICY, new MusterError("uplink.unauthorized", "No hello came in time.").toBody());
      },
    });
  }

  async #receiveHello(greeting: Greeting, frame: Frame, socket: FrameSocket): Promise<NodeConnection | undefined> {
    const proven = await greeting.prove(frame);
    if ("hello" in proven) {
      socket.proven();
      return this.#admit(proven.hello, socket);
    }
    this.#options.log.warn(
      { code: proven.error.code, nodeId: frame.type === "hello" ? frame.nodeId : undefined },
      "a hello was refused",
    );
    socket.close(proven.code === "internal" ? CLOSE_INTERNAL : CLOSE_CODES[proven.code], proven.error);
    return undefined;
  }

  #admit(hello: FrameOf<"hello">, socket: FrameSocket): Promise<NodeConnection | undefined> {
    const key = keyOf(hello.spaceId, hello.nodeId);
    const queue = this.#admissions.get(key) ?? new SerialQueue({ waitingMax: 16, onBug: (error) => this.#bug(error) });
    this.#admissions.set(key, queue);
    return new Promise((resolve) => {
      const taken = queue.add(async () => {
        try {
          resolve(await this.#connect(hello, socket));
        } catch (error) {
          resolve(undefined);
          this.#refuseNode(socket, error);
        }
      });
      if (taken) return;
      resolve(undefined);
      socket.close(CLOSE_CODES.tooMany, new MusterError("rate_limited").toBody());
    });
  }

  async #connect(hello: FrameOf<"hello">, socket: FrameSocket): Promise<NodeConnection | undefined> {
    const { nodes, ids, clock, log, replicaId } = this.#options;
    const orchestration = this.#options.orchestration();
    const { spaceId, nodeId, incarnation, capabilities, journalId, journalSequence, runningTurns } = hello;
    if (!socket.isOpen || this.#draining) {
      socket.close(CLOSE_CODES.draining);
      return undefined;
    }
    const connectionId = ids.next();
    const { epoch, hasSlot } = await nodes.connected({
      spaceId,
      nodeId,
      incarnation,
      connectionId,
      clientVersion: hello.daemonVersion,
      capabilities,
    });
    const identity: NodeIdentity = { spaceId, nodeId, epoch, connectionId };
    try {
      // Presence carries the new connection already, so the end of the old one demotes nobody.
      this.#byNode.get(keyOf(spaceId, nodeId))?.socket.close(CLOSE_CODES.replaced);
      const stopTurns = await orchestration.reconcileNode(identity, { runningTurns, journalId, journalSequence });
      const ingestCursor = await orchestration.ingestCursor(identity, journalId);
      if (!socket.isOpen) throw new MusterError("unavailable", "The socket ended before the node was admitted.");
      const connection = this.#register(identity, hasSlot, socket);
      socket.send({
        type: "hello_ack",
        replicaId,
        connectionId,
        epoch,
        generation: orchestration.head().generation,
        features: {},
        limits: { frameMaxBytes: FRAME_MAX_BYTES, ingestBatchMaxEntries: INGEST_BATCH_MAX_ENTRIES },
        clock: isoTime(clock.now()),
        ingestCursor,
        stopTurns: stopTurns.map(({ threadId, turnId }) => ({ threadId, turnId })),
      });
      log.info({ nodeId, epoch, connectionId, incarnation: incarnation.slice(0, 8) }, "node connected");
      orchestration.nodeConnected(spaceId, nodeId);
      // What changed while the hello was answered found no connection here to end.
      void this.recheck(spaceId, nodeId);
      return connection;
    } catch (error) {
      await nodes.disconnected({ spaceId, nodeId, connectionId, expected: false });
      throw error;
    }
  }

  #register(identity: NodeIdentity, hasSlot: boolean, socket: FrameSocket): NodeConnection {
    const connection = new NodeConnection({
      identity,
      hasSlot,
      socket,
      nodes: this.#options.nodes,
      orchestration: this.#options.orchestration(),
      timers: this.#timers,
      limits: this.#limits,
      onBug: (error) => this.#bug(error),
      onFlood: () =>
        socket.close(
          CLOSE_CODES.tooMany,
          new MusterError("rate_limited", "The node sends more than may wait.").toBody(),
        ),
    });
    this.#byNode.set(keyOf(identity.spaceId, identity.nodeId), { connection, socket });
    return connection;
  }

  #refuseNode(socket: FrameSocket, error: unknown): void {
    if (!(error instanceof MusterError)) this.#bug(error);
    const refused = error instanceof MusterError ? error : new MusterError("internal_error");
    if (refused.row.retryable) socket.close(CLOSE_INTERNAL, refused.toBody());
    else socket.close(refused.code === "internal_error" ? CLOSE_INTERNAL : CLOSE_CODES.unauthorized, refused.toBody());
  }

  #ended(connection: NodeConnection): void {
    const { spaceId, nodeId, connectionId } = connection.identity;
    const key = keyOf(spaceId, nodeId);
    const isNewest = this.#byNode.get(key)?.connection === connection;
    if (isNewest) this.#byNode.delete(key);
    this.#options.log.info({ nodeId, connectionId, expected: this.#draining || !isNewest }, "node disconnected");
    const end = connection
      .ended()
      .then(() =>
        this.#options.nodes.disconnected({ spaceId, nodeId, connectionId, expected: this.#draining || !isNewest }),
      )
      .catch((error: unknown) => this.#bug(error))
      .finally(() => this.#ending.delete(end));
    this.#ending.add(end);
  }

  #bug(error: unknown): void {
    this.#options.log.error({ err: error }, "the uplink met something it did not expect");
  }
}
