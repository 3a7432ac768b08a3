// What a sweep asks of a database that knows 100,000 machines: how often, and through how many rows. How long that takes is
// measured by bench/sweep.ts.
import { isoTime } from "@muster/core";
import type { Query, SqlValue, Statement } from "@muster/store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { SWEEP_INTERVAL_MS } from "./index.ts";
import { DEMOTIONS_MAX } from "./limits.ts";
import { ROSTER_NODES_MAX } from "./roster.ts";
import { type NodesWorld, openNodesWorld } from "./testing/nodes-world.ts";

const MACHINES = 100_000;
const SILENT = 1_000;
const PRESENCE = "runtime_node_presence";

let world: NodesWorld;
/** What went to the database since it was looked at last. */
let commits: (readonly Statement[])[] = [];
let reads: Query[] = [];

async function open(): Promise<void> {
  world = await openNodesWorld();
  const { store, clock, run } = world.opened;
  const heardAt = isoTime(clock.now());
  await run(
    `INSERT INTO ${PRESENCE} (space_id, node_id, connection_id, last_heartbeat_at, health_state)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MACHINES})
     SELECT 'space', 'machine-' || i, NULL, '${heardAt}', 'online' FROM n`,
  );
  // All that the database knows from here on is old, as it is in life: by it, every machine is silent.
  await run(`ANALYZE ${PRESENCE}`);
  const [read, commit] = [store.read.bind(store), store.commit.bind(store)];
  store.read = (query) => {
    reads.push(query);
    return read(query);
  };
  store.commit = (batch) => {
    commits.push(batch.statements);
    return commit(batch);
  };
  await sweepAfter(0);
}

/** As one that swept all the while, with these machines silent for that long. */
async function sweepAfter(milliseconds: number, silent = 0): Promise<number> {
  const { clock, run } = world.opened;
  clock.advance(milliseconds);
  const silentNodes = "SELECT node_id FROM runtime_node_presence ORDER BY node_id LIMIT ?";
  await run(
    `UPDATE ${PRESENCE} SET last_heartbeat_at = ?, health_state = 'online' WHERE node_id NOT IN (${silentNodes})`,
    ...[isoTime(clock.now()), silent],
  );
  commits = [];
  reads = [];
  return world.nodes.sweep();
}

/** How the database finds the rows as it is now. */
async function planOf({ sql, parameters }: Pick<Statement, "sql" | "parameters">): Promise<string> {
  const { store } = world.opened;
  const explain = store.dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
  const rows = await store.read({ sql: `${explain} ${sql}`, parameters: parameters as readonly SqlValue[] });
  return rows.map((row) => row["detail"] ?? row["QUERY PLAN"]).join("\n");
}

onBothDatabases(`a sweep over ${MACHINES} machines`, () => {
  beforeAll(open);
  afterAll(() => world.close());
  const isShared = () => world.opened.store.listen !== undefined;

  it("NOD-21 demotes 1,000 of them by one statement of one commit, and finds them without reading the others", async () => {
    expect(await sweepAfter(31_000, SILENT)).toBe(SILENT);
    // The lease's renewal, and the demotion.
    expect(commits.map((statements) => statements.length)).toEqual([2]);
    // Whom to announce, where there is anybody else; then their rows, for those who look.
    const asked = [...reads];
    const pages = Math.ceil(SILENT / ROSTER_NODES_MAX);
    expect(asked.length).toBeLessThanOrEqual((isShared() ? 1 : 0) + pages);

    const [, demotion] = commits[0] ?? [];
    const silent = asked.filter(({ sql }) => sql.includes(PRESENCE) && !sql.includes("display_name"));
    expect(silent).toHaveLength(isShared() ? 1 : 0);
    for (const statement of [demotion, ...silent]) {
      if (statement === undefined) throw new Error("the sweep demoted nothing");
      const plan = await planOf(statement);
      const [walk, scan] = isShared()
        ? [/Index Cond: \(\(health_state = '\w+'::text\) AND \(last_heartbeat_at < /g, /Seq Scan/]
        : [/SEARCH runtime_node_presence USING INDEX \S+ \(health_state=\? AND last_heartbeat_at<\?\)/g, /\bSCAN\b/];
      expect(plan.match(walk), plan).toHaveLength(2);
      expect(plan).not.toMatch(scan);
    }
  });

  it("NOD-21 writes nothing but its lease where nobody fell silent, and one commit more for each 1,024 who did", async () => {
    expect(await sweepAfter(SWEEP_INTERVAL_MS)).toBe(0);
    expect(commits.map((statements) => statements.length)).toEqual([2]);
    const many = 3 * DEMOTIONS_MAX + 7;
    expect(await sweepAfter(31_000, many)).toBe(many);
    expect(commits.map((statements) => statements.length)).toEqual(isShared() ? [2, 2, 2, 2] : [2]);
    expect(reads.length).toBeLessThanOrEqual((isShared() ? 4 : 0) + Math.ceil(many / ROSTER_NODES_MAX));
  });
});
