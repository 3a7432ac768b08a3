// The hub that bench/event-loop.ts measures, in a process of its own so that a tracer can slow its disk alone: an event
// core with writers and readers in it, for a while; then one line of JSON with the delays of its event loop.
// Run: node bench/event-loop-hub.ts <seconds> <writers> <readers> [SQLite|PostgreSQL]
import { monitorEventLoopDelay } from "node:perf_hooks";
import { insertRows, type Store } from "@muster/store";
import { type DatabaseName, openDatabases } from "./databases.ts";
import { CALLER, openCore } from "./dispatch-core.ts";
import { scriptsOf } from "./dispatch-mix.ts";
import { HUB_COLUMNS } from "./hub-doors.ts";
import { drive, type Latency, latencyOf } from "./statistics.ts";

/** What one run measured. Delays say how much later than due a timer fired. */
export interface LoopRun {
  readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly commandsPerSecond: number;
  readonly commandMs: Latency;
  readonly windowsPerSecond: number;
  readonly windowMs: Latency;
  /** JSON of one window, as it leaves over HTTP. */
  readonly windowBytes: number;
  readonly residentMiB: number;
}

/** The histogram's timer is due this often; it records the whole time from one firing to the next. */
const RESOLUTION_MS = 10;
const WARM_UP_MS = 1_500;
/** More than any writer sends. */
const COMMANDS_PER_WRITER = 600;
const WINDOW_THREADS = 4;
const TURNS = 10;
const ACTIVITIES_PER_TURN = 100;
const ACTIVITY_CHARACTERS = 640;
const MESSAGE_CHARACTERS = 4_000;

const timeOf = (place: number): string => new Date(Date.UTC(2026, 0, 1) + place * 1_000).toISOString();

/** Rows of a thread whose newest ten turns are a window of about 1 MiB. */
async function fillThread(store: Store, threadId: string): Promise<void> {
  const turns: (string | number | null)[][] = [];
  const messages: (string | number | null)[][] = [];
  const activities: (string | number | null)[][] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const turnId = `${threadId}-turn-${turn}`;
    const at = timeOf(turn * 1_000);
    const done = ["completed", null, null, null, null];
    turns.push(["space", turnId, threadId, turn + 1, ...done, `${turnId}-asked`, `${turnId}-said`, at, at, at]);
    for (const [role, messageId] of [
      ["user", `${turnId}-asked`],
      ["assistant", `${turnId}-said`],
    ] as const) {
      const text = "What an agent says about a test that failed. ".repeat(MESSAGE_CHARACTERS / 45);
      messages.push(["space", messageId, threadId, turnId, role, text, "[]", 0, at, at]);
    }
    for (let place = 0; place < ACTIVITIES_PER_TURN; place += 1) {
      const payload = {
        toolCallId: `call-${place}`,
        title: "Ran a command",
        status: "completed",
        output: "a line of what a command printed\n".repeat(ACTIVITY_CHARACTERS / 33),
      };
      const row = ["tool", "tool.completed", "Ran a command", JSON.stringify(payload), timeOf(turn * 1_000 + place)];
      activities.push(["space", `${turnId}-${place}`, threadId, turnId, ...row]);
    }
  }
  const insert = (table: string, rows: (string | number | null)[][]) =>
    insertRows(store.dialect, table, HUB_COLUMNS[table] ?? [], rows);
  const at = timeOf(0);
  await store.commit({
    guards: [],
    statements: [
      ...insert("projection_threads", [
        [
          "space",
          threadId,
          "project",
          "A long thread",
          "sample",
          null,
          "full-access",
          null,
          null,
          null,
          at,
          at,
          null,
          null,
        ],
      ]),
      ...insert("projection_thread_sessions", [["space", threadId, "idle", null, null, null, null, null, at]]),
      ...insert("projection_thread_turns", turns),
      ...insert("projection_thread_messages", messages),
      ...insert("projection_thread_activities", activities),
    ],
  });
}

/** A client's answer arrives in a turn of its own. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function measure(name: DatabaseName, seconds: number, writers: number, readers: number): Promise<LoopRun> {
  const [database] = await openDatabases(console.error, [name]);
  if (database === undefined) throw new Error(`there is no ${name} here`);
  const { store, orchestration, close } = await openCore(database, () => undefined);
  const threadIds = Array.from({ length: WINDOW_THREADS }, (_one, index) => `long-${index}`);
  for (const threadId of threadIds) await fillThread(store, threadId);
  const scripts = scriptsOf(Math.max(1, writers), Math.max(1, writers) * COMMANDS_PER_WRITER);
  const commandMs: number[] = [];
  const windowMs: number[] = [];
  let windowBytes = 0;
  let isMeasured = false;
  let isOver = false;
  const timed = async (durations: number[], work: () => Promise<unknown>): Promise<boolean> => {
    const began = performance.now();
    await work();
    if (isMeasured) durations.push(performance.now() - began);
    await nextTurn();
    return !isOver;
  };
  const running = Promise.all([
    drive(writers, async (writer, turn) => {
      const command = scripts[writer]?.[turn];
      if (command === undefined) throw new Error("a writer ran out of commands");
      return timed(commandMs, () => orchestration.dispatch(CALLER, command));
    }),
    drive(readers, async (reader, turn) =>
      timed(windowMs, async () => {
        const threadId = threadIds[(reader + turn) % threadIds.length] ?? "";
        windowBytes = (await orchestration.getThreadBytes(CALLER, { threadId, turnLimit: 10 })).byteLength;
      }),
    ),
  ]);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  isMeasured = true;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  delays.disable();
  isMeasured = false;
  isOver = true;
  const residentMiB = process.memoryUsage.rss() / 1024 / 1024;
  await running;
  await close();
  await database.stop();
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return {
    delayMs: { p50: late(delays.percentile(50)), p99: late(delays.percentile(99)), max: late(delays.max) },
    commandsPerSecond: commandMs.length / seconds,
    commandMs: latencyOf(commandMs),
    windowsPerSecond: windowMs.length / seconds,
    windowMs: latencyOf(windowMs),
    windowBytes,
    residentMiB,
  };
}

if (import.meta.main) {
  const [seconds, writers, readers, database] = process.argv.slice(2);
  const name: DatabaseName = database === "PostgreSQL" ? "PostgreSQL" : "SQLite";
  console.log(JSON.stringify(await measure(name, Number(seconds ?? 5), Number(writers ?? 64), Number(readers ?? 20))));
}
