// Whether a hub's memory stays flat: an event core on SQLite in its threads, as the hub runs it, serves turn after turn
// from the click to the diff. Eight people start turns in threads of twenty, a node at the level of the port takes each
// start over, streams, reports steps, a message, a diff and the end; one reader follows the feed, another opens threads.
// Memory is looked at a hundred times, each after a collection: resident, and the heap. The target is that neither
// leaves ± 10 % of its middle in the last half.
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ClientCommand, IngestEntry, type LiveDelta } from "@muster/contracts";
import { createIds } from "@muster/core";
import { openDatabases } from "./databases.ts";
import { CALLER, openOrchestrationOn, seedSpace } from "./dispatch-core.ts";
import { clock, createProject, random } from "./dispatch-mix.ts";
import type { Orchestration } from "./hub-doors.ts";
import { drive, median } from "./statistics.ts";

const TURNS = 100_000;
const CLIENTS = 8;
const TURNS_PER_THREAD = 20;
const STEPS = 3;
const SAMPLES = 100;
const TURNS_PER_WINDOW = 25;
const ENTRIES_PER_BATCH = 128;
const NODE = { spaceId: "space", nodeId: "node", epoch: 1, connectionId: "connection" };
const TARGET_SHARE = 0.1;
const TEXT = "What an agent says about a test that failed, and what it did to mend it. ".repeat(12);

interface Sample {
  readonly turns: number;
  readonly residentMiB: number;
  readonly heapMiB: number;
}
interface StartedTurn {
  readonly threadId: string;
  readonly turnId: string;
}
interface Effect {
  readonly effectId: string;
  readonly fence: number;
  readonly effect: { readonly kind: string } & Partial<StartedTurn>;
}

const ids = createIds(clock, random);

/** A node without a network: takes every effect over and tells its journal in order, one batch at a time. */
class PortNode {
  orchestration: (Orchestration & { publishDelta(node: object, delta: LiveDelta): void }) | null = null;
  readonly #waiting = new Map<string, () => void>();
  readonly #counts = new Map<string, number>();
  #entries: object[] = [];
  #sequence = 0;
  #telling: Promise<void> | null = null;

  readonly connections = {
    isConnected: () => true,
    runEffect: (_space: string, _node: string, effect: Effect): boolean => {
      setImmediate(() => void this.#take(effect));
      return true;
    },
    request: () => Promise.reject(new Error("nobody asks")),
  };

  /** Resolves when the hub has the end of the turn. */
  ended(turnId: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(turnId, resolve));
  }

  async #take({ effectId, fence, effect }: Effect): Promise<void> {
    await this.orchestration?.effectResult(NODE, { effectId, fence });
    if (effect.kind !== "node.turn.start") return;
    const { threadId = "", turnId = "" } = effect;
    const turnCount = (this.#counts.get(threadId) ?? 0) + 1;
    if (turnCount === TURNS_PER_THREAD) this.#counts.delete(threadId);
    else this.#counts.set(threadId, turnCount);
    const messageId = ids.next();
    this.orchestration?.publishDelta(NODE, { threadId, turnId, messageId, offset: 0, text: TEXT } as LiveDelta);
    for (let step = 0; step < STEPS; step += 1) {
      const payload = { itemId: `item-${step}`, title: "Read a file", status: "completed", output: TEXT };
      const summary = "Read a file";
      this.#tell({
        type: "thread.activity.append",
        threadId,
        turnId,
        tone: "tool",
        kind: "tool.completed",
        summary,
        payload,
      });
    }
    this.#tell({ type: "thread.message.assistant.complete", threadId, turnId, messageId, offset: 0, text: TEXT });
    this.#tell({
      type: "thread.turn.diff.complete",
      threadId,
      turnId,
      turnCount,
      checkpointRef: `refs/muster/checkpoints/${threadId}/turn/${turnCount}`,
      status: "ready",
      files: [{ path: "src/parser.ts", status: "modified", additions: 12, deletions: 3 }],
      diff: "+ a line\n".repeat(100),
      truncated: false,
    });
    this.#tell({ type: "thread.turn.settle", threadId, turnId, status: "completed", reason: null, detail: null });
    this.#telling ??= this.#pump();
  }

  #tell(command: object): void {
    this.#sequence += 1;
    const entry = { sequence: this.#sequence, command, correlationId: null, createdAt: new Date().toISOString() };
    this.#entries.push(IngestEntry.parse(entry));
  }

  async #pump(): Promise<void> {
    while (this.#entries.length > 0) {
      const entries = this.#entries.splice(0, ENTRIES_PER_BATCH) as IngestEntry[];
      const firstSequence = entries[0]?.sequence ?? 0;
      const answer = await this.orchestration?.ingest(NODE, { journalId: "journal", firstSequence, entries });
      if (answer?.error !== undefined) throw new Error(JSON.stringify(answer.error));
      for (const { command } of entries) {
        if (command.type !== "thread.turn.settle") continue;
        this.#waiting.get(command.turnId)?.();
        this.#waiting.delete(command.turnId);
      }
    }
    this.#telling = null;
  }
}

async function serve(turns: number, onSample: (sample: Sample) => void): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const [database] = await openDatabases(() => undefined, ["SQLite"]);
  if (database === undefined) throw new Error("there is no SQLite here");
  const { store, dispose } = await database.open();
  await seedSpace(store, "online");
  const node = new PortNode();
  const orchestration = await openOrchestrationOn(store, { connections: node.connections });
  node.orchestration = orchestration as NonNullable<PortNode["orchestration"]>;
  const dispatch = (command: object): Promise<unknown> =>
    orchestration.dispatch(
      CALLER,
      ClientCommand.parse({ commandId: ids.next(), clientCreatedAt: new Date().toISOString(), ...command }),
    );
  await orchestration.dispatch(CALLER, createProject("session"));
  const abort = new AbortController();
  let followed = 0;
  const following = (async () => {
    for await (const { id } of orchestration.feed(CALLER, { after: "0", signal: abort.signal }))
      if (id !== undefined) followed += 1;
  })();
  let begun = 0;
  let done = 0;
  const threads: string[] = [];
  await drive(CLIENTS, async (client) => {
    if (begun >= turns) return false;
    const threadId = ids.next();
    const thread = { projectId: "project", provider: "sample", branch: null, worktreePath: null };
    await dispatch({ type: "thread.create", threadId, title: "A thread", runtimeMode: "full-access", ...thread });
    threads[client] = threadId;
    for (let turn = 0; turn < TURNS_PER_THREAD && begun < turns; turn += 1) {
      begun += 1;
      const turnId = ids.next();
      const ended = node.ended(turnId);
      const message = { messageId: ids.next(), role: "user", text: "Please look into the failing test." };
      await dispatch({ type: "thread.turn.start", threadId, turnId, message });
      await ended;
      done += 1;
      const count = done;
      if (count % TURNS_PER_WINDOW === 0) {
        await orchestration.getThread(CALLER, { threadId: threads[count % CLIENTS] ?? threadId, turnLimit: 10 });
        await orchestration.getSnapshot(CALLER, { limit: 50 });
      }
      if (count % Math.max(1, Math.floor(turns / SAMPLES)) === 0) {
        collect();
        const { rss, heapUsed } = process.memoryUsage();
        onSample({ turns: count, residentMiB: rss / 1024 / 1024, heapMiB: heapUsed / 1024 / 1024 });
      }
    }
    await dispatch({ type: "thread.archive", threadId });
    return true;
  });
  abort.abort();
  await following;
  const { headSequence } = orchestration.head();
  console.error(`${headSequence} events, of which the reader saw ${followed}`);
  // What archiving threads set going is of no interest any more.
  node.orchestration = null;
  await orchestration.close();
  await dispose();
}

/** How far the last half of the samples leaves its middle, as shares of it. */
function spread(samples: readonly Sample[], of: (sample: Sample) => number) {
  const half = samples.slice(samples.length >> 1).map(of);
  const middle = median(half);
  return { middle, below: 1 - Math.min(...half) / middle, above: Math.max(...half) / middle - 1 };
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: "boolean" }, turns: { type: "string" } } });
  const turns = Number(values.turns ?? TURNS);
  const samples: Sample[] = [];
  const began = performance.now();
  await serve(turns, (sample) => {
    samples.push(sample);
    const { residentMiB, heapMiB } = sample;
    console.error(`${sample.turns} turns: ${residentMiB.toFixed(0)} MiB resident, heap ${heapMiB.toFixed(1)} MiB`);
  });
  const seconds = (performance.now() - began) / 1_000;
  const resident = spread(samples, ({ residentMiB }) => residentMiB);
  const heap = spread(samples, ({ heapMiB }) => heapMiB);
  if (values.json === true) return console.log(JSON.stringify({ turns, seconds, resident, heap, samples }));
  console.log(`${turns} turns in ${Math.round(seconds)} s; target in the last half: ± ${TARGET_SHARE * 100} %`);
  for (const [what, { middle, below, above }] of Object.entries({ resident, heap }))
    console.log(`${what}: ${middle.toFixed(1)} MiB, −${(below * 100).toFixed(1)} % to +${(above * 100).toFixed(1)} %`);
}

if (import.meta.main) await main(process.argv.slice(2));
