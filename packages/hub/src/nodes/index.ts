// The door of nodes/: enrolment, slots and liveness of machines.
export { activeSlotsIn, endSlots } from "./closed-session.ts";
export { logSlot } from "./history.ts";
export { DEGRADED_AFTER_MS, OFFLINE_AFTER_MS, SLOT_LEASE_MS, SWEEP_INTERVAL_MS } from "./limits.ts";
export { announcementBy } from "./news.ts";
export { createNodes, type NodesOptions, type SweepingNodes } from "./nodes.ts";
export { awaitPresence } from "./presence.ts";
export { slotInSession } from "./slot-statements.ts";
export { isActiveElsewhere } from "./slots.ts";
export { CONTRIBUTES } from "./standing.ts";
export { nodeOf, ofNode, takeSlot } from "./statements.ts";
export { isBelowFloor } from "./version.ts";
