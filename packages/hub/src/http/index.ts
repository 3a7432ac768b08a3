// The hub's HTTP server: API, console, probes, and the checks that the WebSocket side shares.

export type { UpgradeHandler } from "./connections.ts";
export { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
export type { ListenOptions } from "./listen.ts";
export type { HttpLog } from "./log.ts";
export { LOGIN_PATH, loginUrl } from "./login-link.ts";
export { checkHost, checkOrigin, type ServedNames } from "./origin.ts";
export type { Readiness } from "./probes.ts";
export { createHttpServer, type HttpServer, type HttpServerOptions, type Listening } from "./server.ts";
