// The door of nodes/: enrolment, slots and liveness of machines.
export { DEGRADED_AFTER_MS, OFFLINE_AFTER_MS, SLOT_LEASE_MS, SWEEP_INTERVAL_MS } from "./limits.ts";
export { createNodes, type NodesOptions, type SweepingNodes } from "./nodes.ts";
export { isBelowFloor } from "./version.ts";
