// The hub's schema: its numbered migrations and the types of its tables.
export { HUB_COLUMNS } from "./columns.ts";
export { HUB_MIGRATIONS } from "./migrations/index.ts";
export type { HealthState, HubDatabase, SlotState } from "./tables.ts";
export { messageIdUse, turnIdUse } from "./used-ids.ts";
