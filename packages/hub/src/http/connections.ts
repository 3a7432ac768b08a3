// What happens on sockets beside well-formed requests: bytes that are no HTTP, requests that come too late, upgrades,
// and the end of all of them.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { MusterError } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { expectedError, internalError } from "./errors.ts";
import type { HttpLog } from "./log.ts";
import { rawError, sendError } from "./respond.ts";

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ConnectionsOptions {
  readonly server: Server;
  readonly ids: Ids;
  readonly log: HttpLog;
  /** Throws a MusterError for an upgrade that must not be. */
  readonly admitUpgrade: (request: IncomingMessage, requestId: string) => void;
  readonly onUpgrade: UpgradeHandler | undefined;
}

const unreadable = (error: Error): MusterError => {
  const code = "code" in error ? error.code : undefined;
  if (code === "HPE_HEADER_OVERFLOW")
    return new MusterError("payload_too_large", "The headers are larger than the limit.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new MusterError("malformed_request", "The request did not arrive in time.");
  return new MusterError("malformed_request", "That is no HTTP request.");
};

/** Half-open sockets are kept by Node's server, so the end of ours must end theirs. */
const endWith = (socket: Duplex, bytes: string): void => {
  if (socket.writable) socket.end(bytes, () => socket.destroy());
  else socket.destroy();
};

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #responses = new Map<Duplex, ServerResponse>();
  readonly #upgraded = new Set<Duplex>();
  #closed: Promise<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    options.server.on("clientError", (error, socket) => this.#refuse(error, socket));
    options.server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Call it with every request. */
  track(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#responses.set(socket, response);
    response.once("close", () => {
      if (this.#responses.get(socket) === response) this.#responses.delete(socket);
      // Node keeps a connection that became idle after `close` was called; nobody will use it.
      if (this.#closed !== undefined) setImmediate(() => this.#options.server.closeIdleConnections());
    });
  }

  /** Resolves when every connection has ended: by itself within `graceMs`, or cut off then. */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    const { server } = this.#options;
    for (const response of this.#responses.values()) {
      if (!response.headersSent) response.setHeader("connection", "close");
    }
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        server.closeAllConnections();
        for (const socket of this.#upgraded) socket.destroy();
      }, graceMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  #refuse(error: Error, socket: Duplex): void {
    const response = this.#responses.get(socket);
    if (response === undefined) endWith(socket, rawError(unreadable(error), this.#options.ids.next()));
    else if (response.headersSent) socket.destroy();
    else {
      response.setHeader("connection", "close");
      sendError(response, unreadable(error));
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { admitUpgrade, onUpgrade, ids, log } = this.#options;
    const requestId = ids.next();
    socket.on("error", (error) => log.debug({ err: error, requestId }, "an upgraded connection failed"));
    try {
      admitUpgrade(request, requestId);
      if (onUpgrade === undefined) throw new MusterError("not_found");
      this.#upgraded.add(socket);
      socket.once("close", () => this.#upgraded.delete(socket));
      // It has its own heartbeat from here on.
      if ("setTimeout" in socket && typeof socket.setTimeout === "function") socket.setTimeout(0);
      onUpgrade(request, socket, head);
    } catch (error) {
      const expected = expectedError(error, 1);
      if (expected === null) log.error({ err: error, requestId }, "an upgrade failed unexpectedly");
      endWith(socket, rawError(expected ?? internalError(requestId), requestId));
    }
  }
}
