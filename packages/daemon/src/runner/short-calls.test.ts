// What is recorded of calls that have just begun, by hand-moved time and a journal that only remembers.
import type { InternalCommand, LiveCall, ProviderItemId, ThreadId, ToolCall, TurnId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { BegunCallLedger } from "../journal/index.ts";
import { HELD_CALLS_MAX, RUNNER_LIMITS } from "./limits.ts";
import { ShortCalls } from "./short-calls.ts";
import { manualTimers } from "./testing/timers.ts";

const place = { threadId: "t" as ThreadId, turnId: "u" as TurnId };
const call = (itemId: string, more: Partial<ToolCall> = {}): ToolCall => ({
  itemId: itemId as ProviderItemId,
  title: `Run ${itemId}`,
  kind: "execute",
  status: "running",
  locations: [],
  ...more,
});

const open = () => {
  const timers = manualTimers();
  const live: LiveCall[] = [];
  const journal: InternalCommand[] = [];
  /** Items on disk whose beginning is not in the journal. */
  const onDisk = new Set<unknown>();
  const touched: string[] = [];
  const calls = new ShortCalls({
    place,
    timers,
    limits: RUNNER_LIMITS,
    ledger: new BegunCallLedger({ store: null as never, clock: { now: () => 0 } }),
    sendLive: (one) => live.push(one),
    append: async (commands, statements) => {
      journal.push(...commands);
      for (const { sql, parameters } of statements) {
        if (sql.startsWith("INSERT")) onDisk.add(parameters[1]);
        else onDisk.delete(parameters[1]);
      }
    },
    onRecorded: (itemId) => touched.push(itemId),
  });
  const told = () =>
    journal.map((command) =>
      command.type === "thread.activity.append" ? `${command.kind} ${command.payload["itemId"]}` : command.type,
    );
  return { timers, live, journal, onDisk, touched, calls, told };
};

describe("a call that ends soon", () => {
  it("is one event with all that was said of it and how long it took", async () => {
    const { timers, journal, onDisk, calls } = open();
    await calls.begin(call("a"));
    expect([journal, [...onDisk]]).toEqual([[], ["a"]]);
    timers.advance(1_200);
    await calls.end(call("a", { status: "completed", output: "done" }));
    expect(journal).toMatchObject([
      {
        kind: "tool.completed",
        summary: "Run a",
        payload: { itemId: "a", status: "completed", output: "done", durationMs: 1_200 },
      },
    ]);
    timers.advance(60_000);
    expect([journal.length, onDisk.size, timers.pending]).toEqual([1, 0, 0]);
  });

  it("is shown live at once by what names it, without texts and edits", async () => {
    const { live, calls } = open();
    const locations = Array.from({ length: 10 }, (_, index) => ({ path: `/${index}` }));
    const edits = [{ path: "/0", oldText: null, newText: "x" }];
    await calls.begin(call("a", { output: "text", edits, locations }));
    expect(live).toEqual([{ ...place, tool: call("a", { locations: locations.slice(0, 4) }) }]);
  });
});

describe("a call that goes on", () => {
  it("is recorded when its time is over, as it was last heard of, and its end by itself", async () => {
    const { timers, journal, onDisk, touched, calls, told } = open();
    await calls.begin(call("a"));
    timers.advance(1_000);
    expect(calls.update(call("a", { output: "half" }))).toBe(true);
    timers.advance(999);
    expect(told()).toEqual([]);
    timers.advance(1);
    expect(journal).toMatchObject([{ kind: "tool.started", payload: { output: "half" } }]);
    expect([onDisk.size, touched]).toEqual([0, ["a"]]);
    expect(calls.update(call("a"))).toBe(false);
    await calls.end(call("a", { status: "failed" }));
    expect(told()).toEqual(["tool.started a", "tool.completed a"]);
    expect(journal.at(-1)).not.toHaveProperty("payload.durationMs");
  });
});

describe("the edits of a call that goes on", () => {
  const edits = [{ path: "/a", oldText: null, newText: "x" }];

  it("are told with its beginning and not again", async () => {
    const { timers, journal, calls } = open();
    await calls.begin(call("a", { edits }));
    timers.advance(2_000);
    expect(calls.untold(call("a", { edits, output: "new" }))).toEqual(call("a", { output: "new" }));
    await calls.end(call("a", { edits: [...edits], status: "completed" }));
    expect(journal.map((command) => "payload" in command && command.payload["edits"])).toEqual([edits, undefined]);
  });

  it("are told again when they are others, and at the end where they come late", async () => {
    const { timers, journal, calls } = open();
    const others = [{ path: "/a", oldText: null, newText: "y" }];
    for (const itemId of ["a", "b"]) await calls.begin(call(itemId, itemId === "a" ? { edits } : {}));
    timers.advance(2_000);
    await calls.end(call("a", { edits: others }));
    await calls.end(call("b", { edits }));
    expect(journal.map((command) => "payload" in command && command.payload["edits"])).toEqual([
      edits,
      undefined,
      others,
      edits,
    ]);
  });
});

describe("calls beside each other", () => {
  it("are recorded in the order in which they began when something else is told, each once", async () => {
    const { timers, calls, onDisk, told } = open();
    for (const itemId of ["a", "b", "c"]) await calls.begin(call(itemId));
    await calls.end(call("b", { status: "completed" }));
    await calls.release();
    expect(told()).toEqual(["tool.completed b", "tool.started a", "tool.started c"]);
    expect(calls.release()).toBeUndefined();
    timers.advance(60_000);
    expect([told().length, onDisk.size]).toEqual([3, 0]);
  });

  it("are all recorded when there are too many of them", async () => {
    const { calls, told } = open();
    for (let index = 0; index < HELD_CALLS_MAX; index += 1) await calls.begin(call(`call-${index}`));
    expect(told()).toEqual([]);
    await calls.begin(call("one more"));
    expect(told()).toHaveLength(HELD_CALLS_MAX);
  });
});
