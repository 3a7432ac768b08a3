// Every table of the hub by name, with one schema each: from it come the types of rows and statements.
import type { RowOf } from "@muster/store";
import { NODE_TABLES } from "./node-tables.ts";
import { ORCHESTRATION_TABLES } from "./orchestration-tables.ts";
import { PROJECTION_TABLES } from "./projection-tables.ts";

export type { HealthState, SlotState } from "./node-tables.ts";

export const HUB_TABLES = { ...ORCHESTRATION_TABLES, ...PROJECTION_TABLES, ...NODE_TABLES };

export type HubTable = keyof typeof HUB_TABLES;

/** A row of a table, as the database holds it. */
export type HubRow<Table extends HubTable> = RowOf<(typeof HUB_TABLES)[Table]>;

/** Names of each table's columns, in the order of the database. */
export const HUB_COLUMNS = Object.fromEntries(
  Object.entries(HUB_TABLES).map(([table, columns]) => [table, Object.keys(columns)]),
) as unknown as { readonly [Table in HubTable]: readonly (keyof HubRow<Table> & string)[] };
