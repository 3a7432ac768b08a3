// The checker finds nothing in a good run and names every fault that is planted in it: one statement in the database, or
// one line of what clients, readers and agents say.
import type { ClientCommand, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  finishDiff,
  finishRevert,
  internal,
  settle,
  startTurn,
} from "@muster/core/testing";
import { insertRows } from "@muster/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  nodeIdentity,
  onBothDatabases,
  openWorld,
  settled,
  type World,
} from "../../packages/hub/src/orchestration/test-world.ts";
import { HUB_COLUMNS } from "../../packages/hub/src/schema/index.ts";
import { check, type PromiseName } from "./checker.ts";
import { type Evidence, PROJECTION_TABLES, readHub } from "./evidence.ts";
import { LINES, STATEMENTS } from "./planted-faults.ts";
import { type CommandRecord, type LedgerRecord, requestOf } from "./record.ts";

let world: World;
let commands: CommandRecord[];
let ledger: LedgerRecord[];
let entries: number;

async function send(one: ClientCommand): Promise<void> {
  const record: CommandRecord = { command: one, outcome: { status: "unknown" }, tries: 1 };
  commands.push(record);
  try {
    const { generation, sequence } = await world.dispatch(one);
    record.outcome = { status: "accepted", generation, sequence };
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    record.outcome = { status: "refused", code: error.code };
  }
  await settled();
}

async function tell(...list: Parameters<World["ingest"]>[1]): Promise<void> {
  await world.ingest(entries + 1, list);
  entries += list.length;
  await settled();
}

const note = (turnId: string, line: Pick<LedgerRecord, "kind"> & Partial<LedgerRecord>): number =>
  ledger.push({ pid: 1, request: requestOf(turnId), ...line });

/** A turn that says one word in two pieces. */
async function perform(turnId: string, turnCount: number): Promise<void> {
  note(turnId, { kind: "begin" });
  note(turnId, { kind: "said", text: "Hel" });
  note(turnId, { kind: "said", text: "lo 🙂" });
  note(turnId, { kind: "end", stopReason: "end_turn" });
  const message = { turnId, messageId: `${turnId}-answer` };
  await tell(
    delta(0, "Hel", message),
    complete(3, "lo 🙂", message),
    activity("tool.completed", { turnId }),
    finishDiff(turnId, turnCount),
    settle(turnId),
  );
}

beforeEach(async () => {
  world = await openWorld();
  [commands, ledger, entries] = [[], [], 0];
  // What a node takes over it says at once.
  world.nodes.onRun = ({ effectId, fence }) => {
    setImmediate(() => void world.orchestration.effectResult(nodeIdentity(), { effectId, fence }));
    return true;
  };
  await send(createProject());
  await send(createThread());
  await send(startTurn("turn-1"));
  const asked = {
    requestId: "question",
    kind: "command",
    title: "May I?",
    options: [{ decision: "accept", label: "Yes" }],
    tool: { itemId: "call-1", title: "A call", kind: "execute", status: "pending", locations: [] },
  };
  await tell(askApproval("question", { turnId: "turn-1", payload: asked }));
  await send(command("thread.approval.respond", { threadId: "thread", requestId: "question", decision: "accept" }));
  note("turn-1", { kind: "decided", toolCallId: "call-1", outcome: "allow" });
  for (const name of ["turn-2", "turn-3", "turn-4"]) await send(startTurn(name, { whenBusy: "queue" }));
  await send(command("thread.turn.cancel-queued", { threadId: "thread", turnId: "turn-3" }));
  await send(command("thread.unarchive", { threadId: "thread" }));
  await perform("turn-1", 1);
  await perform("turn-2", 2);
  await perform("turn-4", 3);
  await send(command("thread.checkpoint.revert", { threadId: "thread", turnCount: 2 }));
  await tell(finishRevert(2));
  // The node tells late what the hub ended long ago.
  await tell(settle("turn-1"));
  await tell(internal("thread.session.set", READY));
});
afterEach(() => world.close());

const READY = {
  status: "ready",
  providerName: "sample",
  providerSessionId: null,
  providerThreadId: null,
  activeTurnId: null,
  lastError: null,
};

async function gather(): Promise<Evidence> {
  const hub = await readHub(world.store);
  const heard = hub.events.map(({ sequence, eventId }) => ({ sequence, eventId }));
  const own = hub.events.filter(({ streamId }) => streamId === "thread");
  return {
    hub,
    daemon: {
      journalId: world.journalId,
      lastSequence: entries,
      effectsSeen: world.nodes.runs.map(({ effectId }) => ({ effect_id: effectId, state: "done" })),
    },
    commands,
    followers: [
      {
        name: "all",
        threadId: null,
        stretches: [
          { after: 0, events: heard.slice(0, 9) },
          { after: 4, events: heard.slice(4) },
        ],
      },
      {
        name: "thread",
        threadId: "thread" as ThreadId,
        stretches: [{ after: 1, events: own.map(({ sequence, eventId }) => ({ sequence, eventId })) }],
      },
    ],
    ledger,
    refs: new Set(hub.rows.projection_checkpoints.map(({ checkpointRef }) => checkpointRef)),
    leftovers: [],
    unrest: [],
    problems: [],
  };
}

onBothDatabases("a good run", () => {
  it("gives the checker nothing to find", async () => {
    const evidence = await gather();
    expect(check(evidence)).toEqual([]);
    expect(evidence.hub.events.length).toBeGreaterThan(30);
    expect(evidence.hub.ingestRejected.map((row) => row["code"])).toEqual(["turn_settled"]);
  });
});

/** Plants the fault in a good run, and says which promises the checker finds broken. */
async function promisesBrokenBy(statement: string): Promise<PromiseName[]> {
  const before = await gather();
  await world.run(statement);
  const hub = await readHub(world.store);
  expect(hub, "the statement changes something").not.toEqual(before.hub);
  return check({ ...before, hub }).map((finding) => finding.promise);
}

describe("a fault planted in the database", () => {
  it.each(STATEMENTS)("that breaks the promise of %s is named: %s", async (promise, _what, statement) => {
    expect(await promisesBrokenBy(statement)).toContain(promise);
  });
});

const TOUCHED = [
  ...PROJECTION_TABLES,
  "projection_state",
  "orchestration_events",
  "orchestration_command_receipts",
  "orchestration_effects",
  "ingest_cursors",
  "ingest_rejected",
] as const;

/** Remembers all rows; the answer puts them back. */
async function remember(): Promise<() => Promise<void>> {
  const { store } = world;
  const kept = await Promise.all(
    TOUCHED.map(async (table) => ({ table, rows: await world.rows(`SELECT * FROM ${table}`) })),
  );
  return async () => {
    const statements = kept.flatMap(({ table, rows }) => [
      { sql: `DELETE FROM ${table}`, parameters: [] },
      ...insertRows(
        store.dialect,
        table,
        HUB_COLUMNS[table],
        rows.map((row) => HUB_COLUMNS[table].map((column) => row[column] ?? null)),
      ),
    ]);
    await store.commit({ guards: [], statements });
  };
}

onBothDatabases("every fault of the database, one after the other in one run,", () => {
  it("is named", async () => {
    const restore = await remember();
    const unnamed: string[] = [];
    for (const [promise, what, statement] of STATEMENTS) {
      if (!(await promisesBrokenBy(statement)).includes(promise)) unnamed.push(what);
      await restore();
    }
    expect(unnamed).toEqual([]);
    expect(check(await gather())).toEqual([]);
  });
});

describe("a fault planted in the record", () => {
  it.each(LINES)("that breaks the promise of %s is named: %s", async (promise, _what, plant) => {
    const record = { ...(await gather()) };
    plant(record);
    expect(check(record).map((finding) => finding.promise)).toContain(promise);
  });
});
