// The door of uplink/: the daemon's connection to its hub.
export { createUplink, REQUESTS_MAX, type UplinkOptions } from "./uplink.ts";
