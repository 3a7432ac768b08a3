// The hub's schema: its numbered migrations and the types of its tables.
export { HUB_MIGRATIONS } from "./migrations/index.ts";
export { ofSessions, ofSpace, ofThread, ofTurn } from "./requests.ts";
export {
  type HealthState,
  HUB_COLUMNS,
  HUB_TABLES,
  type HubRow,
  type HubTable,
  type SlotState,
} from "./tables.ts";
export { messageIdUse, turnIdUse } from "./used-ids.ts";
