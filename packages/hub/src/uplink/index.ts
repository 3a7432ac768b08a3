// The door of uplink/: daemons' connections to this replica.
export { UPLINK_LIMITS, type UplinkLimits } from "./limits.ts";
export type { Timers } from "./timers.ts";
export { createUplink, type HubUplink, type UplinkOptions } from "./uplink.ts";
