// The queries that nodes/ builds: one builder per dialect, compiled by Kysely and run by the store.
import { queryBuilder, type Store } from "@muster/store";
import type { HubDatabase } from "../schema/index.ts";

const builders = { sqlite: queryBuilder<HubDatabase>("sqlite"), postgres: queryBuilder<HubDatabase>("postgres") };

export const builderFor = (store: Store) => builders[store.dialect];
export type Builder = ReturnType<typeof builderFor>;
