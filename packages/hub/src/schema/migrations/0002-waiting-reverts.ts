// Number 2: finds reverts that wait for their node without a look at whatever else waits.
import type { Migration } from "@muster/store";

const statements = [
  `CREATE INDEX orchestration_effects_waiting_reverts_idx ON orchestration_effects (created_at)
   WHERE kind = 'node.checkpoint.revert' AND status IN ('pending', 'running')`,
];

export const waitingReverts: Migration = {
  number: 2,
  name: "waiting-reverts",
  sqlite: statements,
  postgres: statements,
};
