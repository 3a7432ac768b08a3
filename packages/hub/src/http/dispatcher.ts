// From a request to its answer: the gate, then the place its path belongs to. Every way out of here is an answer in
// the one error shape or the place's own; nothing is thrown to Node.
import type { IncomingMessage, ServerResponse } from "node:http";
import { API_PREFIX, BODY_MAX_BYTES, MusterError } from "@muster/contracts";
import type { Clock, Ids } from "@muster/core";
import type { AddressShares } from "../address-shares.ts";
import type { FailureLimiter } from "../identity/index.ts";
import type { Caller, Identity } from "../ports.ts";
import type { Api } from "./api.ts";
import { hasBody, readJsonBody, refuseRest } from "./body.ts";
import { callerShare, failureKey } from "./caller-address.ts";
import { serveConsole } from "./console.ts";
import type { ConsoleFiles } from "./console-files.ts";
import { expectedError, internalError, isForLog } from "./errors.ts";
import { checkAmbient, type Passed, passGate } from "./gate.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpLog } from "./log.ts";
import type { ServedNames } from "./origin.ts";
import { checkReadiness, type Readiness } from "./probes.ts";
import type { RequestLimiter } from "./request-limiter.ts";
import { send, sendError, sendJson, setCommonHeaders } from "./respond.ts";
import type { Route, RouteTable } from "./routes.ts";

export interface DispatcherOptions {
  readonly api: Api;
  readonly routes: RouteTable;
  readonly identity: Pick<Identity, "authenticate">;
  /** Whether a proxy on this machine says whose requests it hands on. */
  readonly isBehindProxy: boolean;
  /** Open requests of procedures that anyone may call. */
  readonly publicRequests: AddressShares;
  /** Redemptions of invites by address, good and bad ones. */
  readonly redemptions: FailureLimiter;
  readonly requests: RequestLimiter;
  readonly refusedBeats: RequestLimiter;
  readonly files: ConsoleFiles;
  readonly readiness: Readiness;
  readonly openApi: () => Promise<string>;
  readonly version: string;
  readonly startedAt: number;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: HttpLog;
  readonly limits: HttpLimits;
  readonly served: () => ServedNames;
  readonly cookieName: () => string;
  readonly isClosing: () => boolean;
}

interface Exchange extends Passed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** Anyone may try, so it is counted before a byte of it is read; and a machine says here what it can do. */
const JOIN_ROUTE = "invites.redeem";
/** It must come through whatever else its owner does, and nodes/ counts it by node. */
const HEARTBEAT_ROUTE = "runtimeNode.heartbeat";
/** The event stream: it lives long and has limits of its own. */
const EVENTS_ROUTE = "orchestration.events";
/** Paths that are never a page of the console. */
const RESERVED = /^\/(?:api|uplink)(?:\/|$)/;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  #inFlight = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { ids, clock, log, limits } = this.#options;
    const requestId = ids.next();
    const startedAt = clock.now();
    setCommonHeaders(response, requestId);
    response.once("close", () => {
      const path = request.url?.split("?", 1)[0]?.slice(0, 256);
      const durationMs = clock.now() - startedAt;
      log.debug({ requestId, method: request.method, path, status: response.statusCode, durationMs }, "request");
    });
    try {
      await this.#answer(request, response, requestId);
    } catch (error) {
      const expected = expectedError(error, limits.issuesMax);
      if (isForLog(expected) && !response.destroyed)
        log.error({ err: error, requestId }, "a request failed unexpectedly");
      refuseRest(request, response, limits.discardMaxBytes);
      sendError(response, expected ?? internalError(requestId));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const { log, served, cookieName, isClosing } = this.#options;
    const passed = passGate(request, { served: served(), cookieName: cookieName(), log, requestId });
    if (isClosing()) {
      response.setHeader("connection", "close");
      throw new MusterError("unavailable");
    }
    const exchange: Exchange = { ...passed, request, response, requestId };
    const { path, decodedPath } = passed.target;
    if (path === "/healthz") return this.#health(exchange);
    if (path === "/readyz") return this.#ready(exchange);
    if (path === "/openapi.json" || path === `${API_PREFIX}/openapi.json`) return this.#document(exchange);
    if (path.startsWith(`${API_PREFIX}/`)) return this.#call(exchange);
    if (RESERVED.test(path)) throw new MusterError("not_found");
    allowReading(request);
    return serveConsole(this.#options.files, { request, response, decodedPath });
  }

  #health({ request, response }: Exchange): void {
    allowReading(request);
    const { version, clock, startedAt } = this.#options;
    sendJson(response, 200, { status: "ok", version, uptimeMs: Math.max(0, Math.floor(clock.now() - startedAt)) });
  }

  async #ready({ request, response }: Exchange): Promise<void> {
    allowReading(request);
    const answer = await checkReadiness(this.#options.readiness, this.#options.limits.readinessTimeoutMs);
    if (answer.status === "ok") return sendJson(response, 200, answer);
    return sendJson(response, 503, answer, { "retry-after": "1" });
  }

  async #document({ request, response }: Exchange): Promise<void> {
    allowReading(request);
    send(response, {
      status: 200,
      contentType: "application/json",
      body: await this.#options.openApi(),
      headers: { "cache-control": "no-cache" },
    });
  }

  async #call(exchange: Exchange): Promise<void> {
    const { request, response, credentials, target } = exchange;
    const { limits } = this.#options;
    const route = this.#options.routes.match(request.method ?? "", target.path.slice(API_PREFIX.length));
    const isPublic = route.access.principals === "public";
    if (isPublic) this.#takePublicPlace(request, response);
    checkAmbient(request, credentials);
    if (route.name === JOIN_ROUTE) this.#countRedemption(request);
    const lookedAt = this.#options.clock.now();
    // Before the body: who may not call at all makes us read nothing.
    let caller = isPublic ? null : await this.#admitted(exchange, route);
    Object.assign(request, { body: await this.#body(exchange, route) });
    // A body held open must not carry a revoked token or a former role past its end.
    if (caller !== null && this.#options.clock.now() - lookedAt > limits.credentialsKeptMs)
      caller = await this.#authenticated(credentials);
    const matched = await this.#options.api.handle({ ...exchange, caller });
    if (!matched) throw new MusterError("not_found");
    if (caller !== null && route.name === HEARTBEAT_ROUTE && response.statusCode >= 400)
      this.#options.refusedBeats.spend(caller.principalId);
  }

  /** Who calls, with a place among the requests that are answered at once. Who is refused keeps none, however long he takes to read it. */
  async #admitted({ credentials, response }: Exchange, route: Route): Promise<Caller> {
    const leave = route.name === EVENTS_ROUTE ? () => {} : this.#takePlace(response);
    try {
      const caller = await this.#authenticated(credentials);
      this.#count(caller, route);
      return caller;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #authenticated(credentials: Exchange["credentials"]): Promise<Caller> {
    const caller = await this.#options.identity.authenticate(credentials);
    if (caller === null) throw new MusterError("unauthenticated");
    return caller;
  }

  /** Heartbeats are counted for each node where they are taken; only those that were refused count for who sends them. */
  #count({ principalId }: Caller, { name }: Route): void {
    const { requests, refusedBeats } = this.#options;
    if (name === HEARTBEAT_ROUTE) refusedBeats.check(principalId);
    else requests.take(principalId);
  }

  async #body({ request, response }: Exchange, route: Route): Promise<unknown> {
    const { limits } = this.#options;
    if (request.method === "GET") {
      if (hasBody(request)) throw new MusterError("malformed_request", "A GET request has no body.");
      return undefined;
    }
    return readJsonBody(request, response, {
      maxBytes: maxBodyBytes(route, limits),
      depthMax: limits.jsonDepthMax,
      discardMaxBytes: limits.discardMaxBytes,
      ...(route.access.principals === "public" ? { timeoutMs: limits.publicBodyTimeoutMs } : {}),
    });
  }

  #countRedemption(request: IncomingMessage): void {
    const key = failureKey(callerShare(request, this.#options.isBehindProxy));
    this.#options.redemptions.check(key);
    this.#options.redemptions.recordFailure(key);
  }

  /** Until the answer is over. */
  #takePublicPlace(request: IncomingMessage, response: ServerResponse): void {
    const { publicRequests, limits, isBehindProxy } = this.#options;
    const taken = publicRequests.take(callerShare(request, isBehindProxy));
    if (taken === "all-taken") throw new MusterError("unavailable");
    if (taken === "share-taken") {
      const limit = limits.publicRequestsPerAddressMax;
      throw new MusterError("rate_limited", "Too many requests of this address are open.", {
        limit,
        retryAfterSeconds: 1,
      });
    }
    response.once("close", taken.release);
  }

  /** Until the answer is over, or what is returned is called. */
  #takePlace(response: ServerResponse): () => void {
    if (this.#inFlight >= this.#options.limits.maxRequestsInFlight) throw new MusterError("unavailable");
    this.#inFlight += 1;
    let isLeft = false;
    const leave = (): void => {
      if (!isLeft) this.#inFlight -= 1;
      isLeft = true;
    };
    response.once("close", leave);
    return leave;
  }
}

const maxBodyBytes = ({ name, access }: Route, limits: HttpLimits): number => {
  if (name === JOIN_ROUTE) return limits.joinBodyMaxBytes;
  return access.principals === "public" ? limits.publicBodyMaxBytes : BODY_MAX_BYTES;
};

const allowReading = (request: IncomingMessage): void => {
  if (request.method === "GET" || request.method === "HEAD") return;
  throw new MusterError("method_not_allowed", undefined, { allow: ["GET", "HEAD"] });
};
