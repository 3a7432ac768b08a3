// Number 8: finds the machines of one owner, without a look at everybody's.
import type { Migration } from "@muster/store";

const statements = ["CREATE INDEX nodes_owner_idx ON nodes (space_id, owner)"];

export const nodesByOwner: Migration = { number: 8, name: "nodes-by-owner", sqlite: statements, postgres: statements };
