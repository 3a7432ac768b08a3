// Number 1: the schema that the first release starts with.
import type { Migration } from "@muster/store";
import { sessionAndNodeTables } from "./0001-nodes.ts";
import { orchestrationTables } from "./0001-orchestration.ts";
import { postgresText } from "./0001-postgres.ts";
import { projectionTables } from "./0001-projections.ts";

const sqlite = [...orchestrationTables, ...projectionTables, ...sessionAndNodeTables];

export const firstSchema: Migration = { number: 1, name: "first-schema", sqlite, postgres: postgresText(sqlite) };
