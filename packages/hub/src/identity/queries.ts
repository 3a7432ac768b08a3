// The statements of identity in one dialect; the tables they own are spaces, principals, tokens and audit_log.
import { queryBuilder, type Store } from "@muster/store";
import type { HubDatabase } from "../schema/index.ts";
import { createSpaceQueries } from "./space-queries.ts";
import { createTokenQueries } from "./token-queries.ts";

export const createQueries = (dialect: Store["dialect"]) => {
  const database = queryBuilder<HubDatabase>(dialect);
  return { ...createSpaceQueries(database), ...createTokenQueries(database) };
};

export type Queries = ReturnType<typeof createQueries>;
