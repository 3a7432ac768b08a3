// What happens on sockets beside well-formed requests: bytes that are no HTTP, requests that come too late, upgrades,
// and the end of all of them.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MusterError } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { type AddressShares, shareOf } from "../address-shares.ts";
import { expectedError, internalError } from "./errors.ts";
import type { HttpLog } from "./log.ts";
import { rawError, sendError } from "./respond.ts";

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ConnectionsOptions {
  readonly server: Server;
  readonly ids: Ids;
  readonly log: HttpLog;
  /** Connections that speak HTTP, by address. */
  readonly open: AddressShares;
  /** Throws a MusterError for an upgrade that must not be. */
  readonly admitUpgrade: (request: IncomingMessage, requestId: string) => void;
  readonly onUpgrade: UpgradeHandler | undefined;
}

const codeOf = (error: Error): string => ("code" in error ? String(error.code) : "");

/** The bytes are wrong or late, as against a connection that is gone. */
const isAboutBytes = (error: Error): boolean => /^(?:HPE_|ERR_HTTP_)/.test(codeOf(error));

const unreadable = (error: Error): MusterError => {
  const code = codeOf(error);
  if (code === "HPE_HEADER_OVERFLOW")
    return new MusterError("payload_too_large", "The headers are larger than the limit.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    // Also where this process had no time to read it: sent again it may well arrive.
    return new MusterError("unavailable", "The request did not arrive in time.");
  return new MusterError("malformed_request", "That is no HTTP request.");
};

/** Half-open sockets are kept by Node's server, so the end of ours must end theirs. */
const endWith = (socket: Duplex, bytes: string): void => {
  if (socket.writable) socket.end(bytes, () => socket.destroy());
  else socket.destroy();
};

/** `silent` has asked nothing yet, as browsers do in advance; `idle` has been answered. */
type Doing = ServerResponse | "silent" | "idle";

export class Connections {
  readonly #options: ConnectionsOptions;
  /** Every connection that speaks HTTP; an upgraded one is its new owner's. */
  readonly #open = new Map<
    Duplex,
    { readonly socket: Socket; readonly release: () => void; doing: Doing; broken: boolean }
  >();
  #closed: Promise<void> | undefined;
  #allEnded: (() => void) | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    options.server.on("connection", (socket) => this.#opened(socket));
    options.server.on("clientError", (error, socket) => this.#refuse(error, socket));
    options.server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Call it with every request. */
  track(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket);
    if (connection === undefined) return;
    connection.doing = response;
    response.once("close", () => {
      if (connection.doing !== response) return;
      connection.doing = "idle";
      if (connection.broken || this.#closed !== undefined) connection.socket.destroySoon();
    });
  }

  /**
   * Resolves when every connection has ended: at once where nothing is being answered, else with its answer, and cut
   * off after `graceMs`. Upgraded connections are left to their owner.
   */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.#options.server.close();
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    if (this.#open.size === 0) return;
    for (const { socket, doing } of [...this.#open.values()]) {
      if (typeof doing === "string") socket.destroySoon();
      else if (!doing.headersSent) doing.setHeader("connection", "close");
    }
    const cut = setTimeout(() => {
      for (const { socket } of this.#open.values()) socket.destroy();
    }, graceMs);
    await ended;
    clearTimeout(cut);
  }

  #opened(socket: Socket): void {
    const taken = this.#options.open.take(shareOf(socket.remoteAddress));
    if (typeof taken === "string") {
      socket.destroy();
      return;
    }
    this.#open.set(socket, { socket, release: taken.release, doing: "silent", broken: false });
    socket.once("close", () => this.#forget(socket));
  }

  #forget(socket: Duplex): void {
    this.#open.get(socket)?.release();
    this.#open.delete(socket);
    if (this.#open.size === 0) this.#allEnded?.();
  }

  #refuse(error: Error, socket: Duplex): void {
    const connection = this.#open.get(socket);
    const response = connection?.doing;
    if (!isAboutBytes(error)) socket.destroy();
    else if (connection === undefined || response === undefined || typeof response === "string") {
      endWith(socket, rawError(unreadable(error), this.#options.ids.next()));
    } else if (response.headersSent) socket.destroy();
    else {
      response.setHeader("connection", "close");
      // What cannot be read came after a whole request, which still gets its own answer.
      if (response.req.complete) connection.broken = true;
      else sendError(response, unreadable(error));
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { admitUpgrade, onUpgrade, ids, log } = this.#options;
    const requestId = ids.next();
    socket.on("error", (error) => log.debug({ err: error, requestId }, "an upgraded connection failed"));
    try {
      admitUpgrade(request, requestId);
      if (onUpgrade === undefined) throw new MusterError("not_found");
      this.#forget(socket);
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
