// The hub's HTTP server put together: Node's server with its timeouts, the gate, the API, the probes, the OpenAPI
// document and the console. It hands WebSocket upgrades that passed the gate to whoever asked.
import { createServer, type IncomingMessage } from "node:http";
import { contract, type Health, MusterError, REDEMPTIONS_PER_MINUTE_MAX } from "@muster/contracts";
import type { Clock, Ids } from "@muster/core";
import { AddressShares } from "../address-shares.ts";
import {
  FailureLimiter,
  LOGIN_FAILURE_ADDRESSES_MAX,
  LOGIN_FAILURES_MAX,
  LOGIN_FAILURES_WINDOW_MS,
} from "../identity/index.ts";
import type { Audit, Identity, Invites, NodeFiles, Nodes, Orchestration, Sessions, Tokens } from "../ports.ts";
import { inUrl, isAnyAddress, ownAddresses } from "./addresses.ts";
import { createApi } from "./api.ts";
import { callerShare } from "./caller-address.ts";
import { Connections, type UpgradeHandler } from "./connections.ts";
import { openConsoleFiles } from "./console-files.ts";
import { cookieName } from "./cookie.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventStreams } from "./event-streams.ts";
import { passGate } from "./gate.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { type ListenOptions, listenAt } from "./listen.ts";
import type { HttpLog } from "./log.ts";
import { checkHost } from "./origin.ts";
import type { Readiness } from "./probes.ts";
import { createRouter } from "./procedures.ts";
import { RequestLimiter } from "./request-limiter.ts";
import { RouteTable, routesOf } from "./routes.ts";

export interface HttpServerOptions {
  readonly identity: Identity;
  readonly orchestration: Orchestration;
  readonly nodes: Nodes;
  readonly sessions: Sessions;
  readonly invites: Invites;
  readonly nodeFiles: NodeFiles;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly version: string;
  /** Folder of the console's bundle; a plain page is served where it is absent or empty. */
  readonly consoleDirectory: string | undefined;
  readonly log: HttpLog;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Checks of `/readyz` by name. */
  readonly readiness?: Readiness;
  /** What is known of the database file; told by `/health`. */
  readonly integrity?: () => NonNullable<Health["database"]>;
  /** Takes WebSocket upgrades whose Host and Origin are good; path and login are its own business. */
  readonly onUpgrade?: UpgradeHandler;
  /** Where browsers reach the hub when a proxy stands in front, such as `https://muster.example.org`. Its host is served too. */
  readonly publicUrl?: string;
  /** Further host names to serve, `name` or `name:port`. */
  readonly allowedHosts?: readonly string[];
  /** For tests. */
  readonly limits?: Partial<HttpLimits>;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Where to reach it, without a slash at the end: the public URL where there is one. */
  readonly url: string;
  /** Where programs of this machine reach it. */
  readonly localUrl: string;
}

export interface HttpServer {
  /** Throws `validation_failed` for a place that may not be listened on, `port_in_use`. Call it once. */
  listen(options: ListenOptions): Promise<Listening>;
  /** True for a Host header that names this hub; false before it listens. */
  serves(hostHeader: string | undefined): boolean;
  /** Whose share of what strangers may hold a request counts to; null for who has none of its own. */
  shareOf(request: IncomingMessage): string | null;
  /**
   * Takes nothing new, ends event streams with a `reset`, lets what is being answered end within `closeGraceMs`, then
   * cuts. Upgraded connections stay with their owner. May be called twice, and before `listen`.
   */
  close(): Promise<void>;
}

/** Where a hub is found that listens on `host`. One that listens everywhere is told by an address that others can reach. */
const urlsOf = (host: string, port: number): { readonly url: string; readonly localUrl: string } => {
  const at = (address: string): string => `http://${inUrl(address)}:${port}`;
  if (!isAnyAddress(host)) return { url: at(host), localUrl: at(host) };
  const loopback = host === "0.0.0.0" ? "127.0.0.1" : "::1";
  return { url: at(ownAddresses()[0] ?? loopback), localUrl: at(loopback) };
};

/** What is listened on beside loopback. */
const addressesOf = (host: string): readonly string[] => (isAnyAddress(host) ? ownAddresses() : [host]).map(inUrl);

/** Throws when a procedure of the contract does not say who may call it. */
export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const { identity, orchestration, nodes, nodeFiles, version, clock, ids, log, readiness = {}, onUpgrade } = options;
  const limits: HttpLimits = { ...HTTP_LIMITS, ...options.limits };
  const startedAt = clock.now();
  const publicUrl = options.publicUrl === undefined ? undefined : new URL(options.publicUrl);
  const isBehindProxy = publicUrl !== undefined;
  const names = [...(options.allowedHosts ?? []), ...(publicUrl === undefined ? [] : [publicUrl.host])];
  let bound: Listening | undefined;
  let closing = false;
  const listening = (): Listening => {
    if (bound === undefined) throw new MusterError("unavailable");
    return bound;
  };
  const served = () => {
    const { port, host } = listening();
    return { port, names, addresses: () => addressesOf(host) };
  };
  const ownCookie = () => cookieName(listening().port);

  const routes = routesOf(contract);
  const streams = new EventStreams({ identity, limits, log });
  const loginFailures = new FailureLimiter({
    clock,
    maxFailures: LOGIN_FAILURES_MAX,
    windowMs: LOGIN_FAILURES_WINDOW_MS,
    maxKeys: LOGIN_FAILURE_ADDRESSES_MAX,
  });
  const site = () => ({ baseUrl: listening().url, cookieName: ownCookie(), secure: publicUrl?.protocol === "https:" });
  const router = createRouter({
    identity,
    orchestration,
    nodes,
    sessions: options.sessions,
    invites: options.invites,
    nodeFiles,
    tokens: options.tokens,
    audit: options.audit,
    version,
    clock,
    startedAt,
    streams,
    loginFailures,
    isBehindProxy,
    site,
    integrity: options.integrity ?? (() => "unchecked"),
  });
  let document: Promise<string> | undefined;
  const openApi = () => {
    // What makes it is loaded for the first who asks: most hubs are never asked.
    document ??= import("./openapi.ts").then(({ createOpenApiDocument }) =>
      createOpenApiDocument({ contract, routes, version, cookieName: ownCookie() }),
    );
    return document;
  };
  const perPrincipal = {
    clock,
    perSecond: limits.requestsPerSecondMax,
    burst: limits.requestsBurstMax,
    maxPrincipals: limits.requestPrincipalsMax,
  };
  const dispatcher = new Dispatcher({
    api: createApi({ router, limits, log }),
    routes: new RouteTable(routes),
    identity,
    isBehindProxy,
    publicRequests: new AddressShares({
      max: limits.publicRequestsMax,
      perShareMax: limits.publicRequestsPerAddressMax,
    }),
    redemptions: new FailureLimiter({
      clock,
      maxFailures: REDEMPTIONS_PER_MINUTE_MAX,
      windowMs: LOGIN_FAILURES_WINDOW_MS,
      maxKeys: LOGIN_FAILURE_ADDRESSES_MAX,
    }),
    requests: new RequestLimiter(perPrincipal),
    refusedBeats: new RequestLimiter(perPrincipal),
    files: openConsoleFiles(options.consoleDirectory),
    readiness,
    openApi,
    version,
    startedAt,
    clock,
    ids,
    log,
    limits,
    served,
    cookieName: ownCookie,
    isClosing: () => closing,
  });

  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.lateRequestCheckMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    // Node's own refusal has no body: the gate says it in the one shape of errors.
    requireHostHeader: false,
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
  });
  server.timeout = limits.socketIdleTimeoutMs;
  // Node would silently drop what is beyond a count, an Origin too; the bound on bytes is bound enough.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.maxConnections;
  const admitUpgrade = (request: IncomingMessage, requestId: string): void => {
    if (closing) throw new MusterError("unavailable");
    passGate(request, { served: served(), cookieName: ownCookie(), log, requestId });
  };
  const open = new AddressShares({ max: limits.maxConnections, perShareMax: limits.connectionsPerAddressMax });
  const connections = new Connections({ server, ids, log, open, admitUpgrade, onUpgrade });
  for (const event of ["request", "checkContinue", "checkExpectation"] as const) {
    server.on(event, (request, response) => {
      connections.track(request, response);
      void dispatcher.handle(request, response);
    });
  }

  return {
    listen: async (where) => {
      const port = await listenAt(server, where);
      const host = where.host ?? "127.0.0.1";
      const { url, localUrl } = urlsOf(host, port);
      bound = { host, port, url: publicUrl?.origin ?? url, localUrl };
      return bound;
    },
    serves: (hostHeader) => bound !== undefined && checkHost(hostHeader, served()),
    shareOf: (request) => callerShare(request, isBehindProxy),
    close: async () => {
      closing = true;
      streams.close();
      await connections.close(limits.closeGraceMs);
    },
  };
};
