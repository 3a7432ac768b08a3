// How a database finds the rows of a query, for tests: every query that went to a store, and those of them that walk
// through a table that grows for ever. SQLite plans by its rules alone; PostgreSQL by what it knows of the rows, so it is
// given some thousands first.
import type { Answers, Query, Row, SqlValue, Store } from "@muster/store";

/** They grow with every turn, or with every thread. */
const GROWING: ReadonlySet<string> = new Set([
  "orchestration_events",
  "orchestration_command_receipts",
  "orchestration_effects",
  "checkpoint_diff_blobs",
  "ingest_rejected",
  "projection_threads",
  "projection_thread_messages",
  "projection_thread_activities",
  "projection_thread_sessions",
  "projection_thread_turns",
  "projection_checkpoints",
  "projection_pending_approvals",
  "thread_retention",
]);

/** Hold only what is not over, or what is rare. */
const SMALL_INDEXES =
  /\b(projection_thread_turns_unsettled_idx|orchestration_effects_waiting_reverts_idx|orchestration_effects_reverts_idx|orchestration_events_revert_idx|projection_thread_activities_plan_idx)\b/;

/** Writes down each text that reads or changes rows, with the values it came with first. */
export class QueryRecorder {
  readonly queries = new Map<string, Query>();

  readonly wrap = (store: Store): Store => ({
    dialect: store.dialect,
    read: (query) => store.read(this.#note(query)),
    readTransaction: (queries) =>
      store.readTransaction(queries.map((query) => this.#note(query))) as Promise<Answers<typeof queries>>,
    commit: (batch) => {
      for (const { query } of batch.guards) this.#note(query);
      for (const { sql, parameters } of batch.statements) {
        if (sql.startsWith("INSERT") && !sql.includes("SELECT")) continue;
        // Numbers that the commit gives are sequences.
        this.#note({ sql, parameters: parameters.map((value) => (isPlain(value) ? value : 1)) });
      }
      return store.commit(batch);
    },
    migrate: (set, stamp) => store.migrate(set, stamp),
    ...(store.listen !== undefined && { listen: store.listen.bind(store) }),
    close: () => store.close(),
  });

  #note<Asked extends Query>(query: Asked): Asked {
    if (!this.queries.has(query.sql)) this.queries.set(query.sql, query);
    return query;
  }
}

const isPlain = (value: unknown): value is SqlValue =>
  typeof value !== "object" || value === null || value instanceof Uint8Array;

/** One line for each walk through a growing table that the plan has; none for a plan that stays fast. */
export async function walksOf(store: Store, query: Query): Promise<string[]> {
  return store.dialect === "sqlite" ? sqliteWalks(store, query) : postgresWalks(store, query);
}

async function sqliteWalks(store: Store, { sql, parameters }: Query): Promise<string[]> {
  const rows = await store.read({ sql: `EXPLAIN QUERY PLAN ${sql}`, parameters });
  const tables = new Map<string, string>();
  for (const [, table = "", alias] of sql.matchAll(
    /\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?(?:\s+(?:AS\s+)?"?(\w+)"?)?/gi,
  )) {
    tables.set(table, table);
    if (alias !== undefined) tables.set(alias, table);
  }
  return rows
    .map((row) => String(row["detail"]))
    .filter((detail) => {
      const [, how, name = "", rest = ""] = /^(SCAN|SEARCH) (\w+)(.*)$/.exec(detail) ?? [];
      if (how === undefined || SMALL_INDEXES.test(detail) || !GROWING.has(tables.get(name) ?? name)) return false;
      // A whole space is everything, where there is one space.
      return how === "SCAN" || rest.endsWith("(space_id=?)");
    });
}

/** The plan as the database tells it. */
export async function planOf(store: Store, { sql, parameters }: Query): Promise<string> {
  const explain = store.dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
  const rows = await store.read({ sql: `${explain} ${sql}`, parameters });
  return rows.map((row) => String(row["detail"] ?? row["QUERY PLAN"])).join("\n");
}

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Recheck Cond"?: string;
  readonly Plans?: readonly PlanNode[];
}

async function postgresWalks(store: Store, { sql, parameters }: Query): Promise<string[]> {
  const [row] = await store.read({ sql: `EXPLAIN (FORMAT JSON) ${sql}`, parameters });
  const text: unknown = (row as Row)["QUERY PLAN"];
  const [{ Plan: plan }] = (typeof text === "string" ? JSON.parse(text) : text) as [{ Plan: PlanNode }];
  const walks: string[] = [];
  const look = (node: PlanNode): void => {
    const condition = node["Index Cond"] ?? node["Recheck Cond"] ?? "";
    const isWalk =
      node["Node Type"] === "Seq Scan" ||
      (node["Node Type"].includes("Scan") && (condition === "" || /^\(\(?space_id = [^()]*\)?\)$/.test(condition)));
    if (isWalk && !SMALL_INDEXES.test(node["Index Name"] ?? "") && GROWING.has(node["Relation Name"] ?? ""))
      walks.push(`${node["Node Type"]} of ${node["Relation Name"]} ${node["Index Name"] ?? ""} ${condition}`.trim());
    for (const child of node.Plans ?? []) look(child);
  };
  look(plan);
  return walks;
}

const AT = "'2025-01-01T00:00:00.000Z'";
const [THREAD, TURN] = ["'filler-' || (i / 200)", "'filler-turn-' || (i / 20)"];

/** By table, the expressions of its columns. */
const FILLERS: Readonly<Record<string, readonly string[]>> = {
  orchestration_events: [
    "1000000 + i",
    "'filler-' || i",
    "'space'",
    "'thread'",
    THREAD,
    "1 + i % 200",
    "CASE i % 20 WHEN 0 THEN 'thread.turn-start-requested' WHEN 1 THEN 'thread.message-sent' ELSE 'thread.activity-appended' END",
    "'1.0'",
    AT,
    "CASE i % 20 WHEN 0 THEN 'filler-' || i END",
    "NULL",
    "NULL",
    "'provider'",
    "'node'",
    `'{"turnId":"filler-turn-' || i || '","messageId":"filler-' || i || '"}'`,
    "'{}'",
  ],
  orchestration_command_receipts: [
    "'space'",
    "'filler-' || i",
    "'thread.turn.start'",
    "'print'",
    "'thread'",
    THREAD,
    AT,
    "i",
    "'accepted'",
    "NULL",
  ],
  orchestration_effects: [
    "'space'",
    "'filler-' || i",
    "'filler-' || i",
    "i",
    THREAD,
    TURN,
    "'node'",
    "'node.turn.start'",
    "'{}'",
    "'succeeded'",
    "1",
    AT,
    "NULL",
    "NULL",
    "1",
    "NULL",
    AT,
    AT,
  ],
  checkpoint_diff_blobs: ["'space'", THREAD, "i % 200", "1 + i % 200", "'a diff'", "0", AT],
  projection_threads: [
    "'space'",
    "'filler-' || i",
    "'filler-project-' || (i / 200)",
    "'A thread'",
    "'sample'",
    "NULL",
    "'full-access'",
    "NULL",
    "NULL",
    "NULL",
    AT,
    AT,
    "CASE WHEN i % 10 > 0 THEN '2025-01-02T00:00:00.000Z' END",
    "NULL",
  ],
  projection_thread_messages: [
    "'space'",
    "'filler-' || i",
    THREAD,
    TURN,
    "'assistant'",
    "'a text'",
    "'[]'",
    "0",
    AT,
    AT,
  ],
  projection_thread_activities: [
    "'space'",
    "'filler-' || i",
    THREAD,
    TURN,
    "'tool'",
    "'tool.completed'",
    "'A tool'",
    "'{}'",
    AT,
  ],
  projection_thread_sessions: ["'space'", "'filler-' || i", "'ready'", "'sample'", "NULL", "NULL", "NULL", "NULL", AT],
  projection_thread_turns: [
    "'space'",
    "'filler-turn-' || i",
    THREAD,
    "i % 200",
    "'completed'",
    "NULL",
    "NULL",
    "NULL",
    "NULL",
    "'filler-' || i",
    "NULL",
    AT,
    AT,
    AT,
  ],
  projection_checkpoints: ["'space'", THREAD, TURN, "i % 200", "'ref-' || i", "'ready'", "'[]'", "NULL", AT],
  thread_retention: ["'space'", "'filler-' || i", "0", "0", AT],
  projection_pending_approvals: [
    "'space'",
    "'filler-' || i",
    THREAD,
    TURN,
    "'command'",
    "'resolved'",
    "'accept'",
    "'{}'",
    AT,
    AT,
  ],
};

const FILLER_ROWS = 20_000;

/** Rows enough for PostgreSQL to know what costs: threads of 200 rows each, nearly all of them over. */
export async function fill(store: Store): Promise<void> {
  if (store.dialect === "sqlite") return;
  for (const [table, values] of Object.entries(FILLERS)) {
    const sql = `INSERT INTO ${table} SELECT ${values.join(", ")} FROM generate_series(1, ${FILLER_ROWS}) AS n (i)`;
    await store.commit({ guards: [], statements: [{ sql, parameters: [] }] });
  }
  await store.commit({ guards: [], statements: [{ sql: "ANALYZE", parameters: [] }] });
}
