// The hub: what coding agents did, durable, and the API through which people and daemons reach it.
export type { HubStep } from "./orchestration/index.ts";
export { type Hub, type HubSettings, markHubRestored, startHub } from "./server.ts";
