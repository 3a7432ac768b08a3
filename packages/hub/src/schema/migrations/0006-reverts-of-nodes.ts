// Number 6: finds the reverts of a node that comes with another journal, without a look at all it ever did.
import type { Migration } from "@muster/store";

const statements = [
  `CREATE INDEX orchestration_effects_reverts_idx ON orchestration_effects (space_id, node_id, status)
   WHERE kind = 'node.checkpoint.revert'`,
];

export const revertsOfNodes: Migration = {
  number: 6,
  name: "reverts-of-nodes",
  sqlite: statements,
  postgres: statements,
};
