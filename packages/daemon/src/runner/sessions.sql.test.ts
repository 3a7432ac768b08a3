import type { ApprovalRequestId, ProviderThreadId, RuntimeEvent, ThreadId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { afterEach, expect, it } from "vitest";
import { ProviderSessionLedger } from "../journal/index.ts";
import { closeAll, openJournal, testIds } from "../journal/testing/opened.ts";
import type { AgentExit, Provider, ProviderSession, StartOptions } from "../providers/index.ts";
import { ProviderSessions } from "./sessions.ts";

afterEach(closeAll);

/** An agent without a process: it starts when it is told to, and says when it was stopped. */
class FakeAgent {
  readonly options: StartOptions;
  readonly #resolve: (session: ProviderSession) => void;
  readonly #reject: (error: Error) => void;
  isStopped = false;
  endsAtOnce = true;
  ending: Promise<void> | undefined;
  ended: () => void = () => {};

  constructor(options: StartOptions, resolve: (session: ProviderSession) => void, reject: (error: Error) => void) {
    this.options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  emit(event: RuntimeEvent): void | Promise<void> {
    return this.options.onEvent(event);
  }

  exit(exit: AgentExit = { code: 0, signal: null, stderrTail: "" }): void {
    this.options.onExit(exit);
  }

  fail(): void {
    this.#reject(new MusterError("agent_handshake_failed"));
  }

  greet(loaded = false): void {
    this.#resolve({
      processGroupId: 1,
      processStartTime: "never",
      providerThreadId: "theirs",
      agentName: undefined,
      agentVersion: undefined,
      canLoad: true,
      loaded,
      choose: async () => [],
      prompt: async () => ({ status: "completed" }),
      interrupt: async () => {},
      answer: (_id: ApprovalRequestId) => false,
      setRuntimeMode: () => {},
      counters: () => ({ malformedLines: 0, droppedUpdates: 0 }),
      stop: async () => {
        this.isStopped = true;
        this.ending ??= this.endsAtOnce ? Promise.resolve() : new Promise((done) => (this.ended = done));
        await this.ending;
      },
    });
  }
}

const open = async (processesMax = 2, greetsAtOnce = true) => {
  const { store, clock, journal, timers } = await openJournal();
  const agents: FakeAgent[] = [];
  const exits: string[] = [];
  const provider: Provider = {
    name: "fake",
    title: "Fake",
    start: (options) =>
      new Promise((resolve, reject) => {
        const agent = new FakeAgent(options, resolve, reject);
        agents.push(agent);
        if (greetsAtOnce) agent.greet();
      }),
  };
  const ledger = new ProviderSessionLedger({ store, clock });
  const sessions = new ProviderSessions({
    providerOf: (name) => (name === "fake" ? provider : undefined),
    ledger,
    write: (statements) => journal.append([], statements),
    environment: {},
    timers,
    ids: testIds(clock),
    processesMax,
    idleMs: 30 * 60_000,
    onIdleExit: (session, exit) => exits.push(exit === null ? `${session.threadId} ended` : session.threadId),
    onBug: (error) => {
      throw error;
    },
  });
  const acquire = (
    thread: string,
    more: { signal?: AbortSignal; provider?: string; cwd?: string; onEvent?: (event: RuntimeEvent) => void } = {},
  ) =>
    sessions.acquire({
      threadId: thread as ThreadId,
      providerName: more.provider ?? "fake",
      cwd: more.cwd ?? "/w",
      runtimeMode: "full-access",
      onEvent: more.onEvent ?? (() => {}),
      signal: more.signal ?? new AbortController().signal,
    });
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 30; round += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const statuses = async () =>
    (
      await store.read({
        sql: "SELECT thread_id, status FROM provider_session_runtime ORDER BY provider_session_id",
        parameters: [],
      })
    ).map((row) => [row["thread_id"], row["status"]]);
  return { sessions, agents, exits, acquire, settle, statuses, ledger, timers };
};
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  for (let round = 0; round < 1_000; round += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("waited in vain");
};
const isPending = async (work: Promise<unknown>, settle: () => Promise<void>): Promise<boolean> => {
  let pending = true;
  const done = (): void => {
    pending = false;
  };
  work.then(done, done);
  await settle();
  return pending;
};

it("a thread keeps its agent from turn to turn, and knows the conversation from the second on", async () => {
  const { acquire, sessions, agents } = await open();
  const first = await acquire("a");
  expect(first.isFresh).toBe(true);
  sessions.release(first);
  const second = await acquire("a");
  expect([second === first, second.isFresh, agents.length]).toEqual([true, false, 1]);
});

it("another agent or folder ends the one before", async () => {
  const { acquire, sessions, agents, statuses } = await open();
  sessions.release(await acquire("a"));
  await acquire("a", { cwd: "/other" });
  expect(agents.map(({ isStopped }) => isStopped)).toEqual([true, false]);
  expect(await statuses()).toEqual([
    ["a", "stopped"],
    ["a", "running"],
  ]);
  await expect(acquire("b", { provider: "nobody" })).rejects.toMatchObject({ code: "provider_unknown" });
});

it("beyond the limit the longest idle one ends for a new one; where all are busy the turn waits", async () => {
  const { acquire, sessions, agents, timers, settle } = await open(2);
  const a = await acquire("a");
  const b = await acquire("b");
  const c = acquire("c");
  expect(await isPending(c, settle)).toBe(true);
  sessions.release(b);
  timers.advance(10);
  sessions.release(a);
  await c;
  // One of the idle ones was enough, and the one idle first is gone.
  expect(agents.map(({ isStopped }) => isStopped)).toEqual([false, true, false]);
});

it("a turn that is interrupted while it waits for a free process takes none", async () => {
  const { acquire, sessions, agents, settle } = await open(1);
  const a = await acquire("a");
  const controller = new AbortController();
  const b = acquire("b", { signal: controller.signal });
  await settle();
  controller.abort();
  await expect(b).rejects.toMatchObject({ name: "AbortError" });
  sessions.release(a);
  await settle();
  expect(agents).toHaveLength(1);
});

it("an interrupted start goes on and serves the next turn; two turns never start two agents", async () => {
  const { acquire, agents, settle } = await open(2, false);
  const controller = new AbortController();
  const heard: string[] = [];
  const first = acquire("a", { signal: controller.signal, onEvent: (event) => heard.push(`first ${event.type}`) });
  await settle();
  controller.abort();
  const second = acquire("a", { onEvent: (event) => heard.push(`second ${event.type}`) });
  await settle();
  expect(agents).toHaveLength(1);
  await agents[0]?.emit({
    type: "session.started",
    providerThreadId: "theirs" as ProviderThreadId,
    canLoad: true,
    loaded: false,
  });
  agents[0]?.greet();
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  expect((await second).isFresh).toBe(true);
  await agents[0]?.emit({ type: "turn.started" });
  expect(heard).toEqual(["second turn.started"]);
});

it("an agent whose start was interrupted is idle, and ends for another thread's", async () => {
  const { acquire, agents, settle } = await open(1, false);
  const controller = new AbortController();
  const first = acquire("a", { signal: controller.signal });
  await settle();
  controller.abort();
  agents[0]?.greet();
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  const other = acquire("b");
  await settle();
  agents[1]?.greet();
  expect((await other).isAlive).toBe(true);
  expect(agents[0]?.isStopped).toBe(true);
});

it("a stop while the agent starts ends it as soon as it is there", async () => {
  const { acquire, sessions, agents, settle, statuses } = await open(2, false);
  const starting = acquire("a");
  await settle();
  await sessions.stop("a" as ThreadId);
  agents[0]?.greet();
  await expect(starting).rejects.toMatchObject({ code: "unavailable" });
  expect(agents[0]?.isStopped).toBe(true);
  await settle();
  expect(await statuses()).toEqual([["a", "stopped"]]);
  const again = acquire("a");
  await settle();
  agents[1]?.greet();
  expect((await again).isAlive).toBe(true);
});

it("a start that fails gives its place back and is written down", async () => {
  const { acquire, agents, settle, statuses } = await open(1, false);
  const failing = acquire("a");
  await settle();
  agents[0]?.fail();
  await expect(failing).rejects.toMatchObject({ code: "agent_handshake_failed" });
  expect(await statuses()).toEqual([["a", "error"]]);
  const next = acquire("b");
  await settle();
  agents[1]?.greet();
  await next;
});

it("an agent that ends while it is idle is told, one that ends in a turn is its turn's matter", async () => {
  const { acquire, sessions, agents, exits, settle, statuses } = await open();
  sessions.release(await acquire("idle"));
  const busy = await acquire("busy");
  agents[0]?.exit({ code: 3, signal: null, stderrTail: "" });
  agents[1]?.exit({ code: 0, signal: null, stderrTail: "" });
  expect(exits).toEqual(["idle"]);
  expect(busy.isAlive).toBe(false);
  await settle();
  expect(await statuses()).toEqual([
    ["idle", "error"],
    ["busy", "stopped"],
  ]);
  expect(sessions.get("busy" as ThreadId)).toBeUndefined();
});

it("closing ends all and starts none any more", async () => {
  const { acquire, sessions, agents } = await open();
  await acquire("a");
  await acquire("b");
  await sessions.close();
  expect(agents.map(({ isStopped }) => isStopped)).toEqual([true, true]);
  await expect(acquire("c")).rejects.toMatchObject({ code: "unavailable" });
});

it("ORC-33 a process that no turn used for 30 minutes is ended, and used ones are not", async () => {
  const { sessions, agents, acquire, settle, statuses, timers } = await open();
  const one = await acquire("one");
  const two = await acquire("two");
  sessions.release(one);
  timers.advance(20 * 60_000);
  expect(await acquire("one")).toBe(one);
  timers.advance(60 * 60_000);
  expect(agents.map(({ isStopped }) => isStopped)).toEqual([false, false]);
  sessions.release(one);
  timers.advance(30 * 60_000 - 1);
  expect(agents[0]?.isStopped).toBe(false);
  timers.advance(1);
  await settle();
  expect(agents.map(({ isStopped }) => isStopped)).toEqual([true, false]);
  await until(async () => (await statuses())[0]?.[1] === "stopped");
  expect([sessions.get(one.threadId), sessions.get(two.threadId)]).toEqual([undefined, two]);
});

it("ORC-33 a turn that comes while its idle process is being ended gets another one, after it", async () => {
  const { sessions, agents, exits, acquire, settle, timers } = await open();
  sessions.release(await acquire("one"));
  const [first] = agents;
  if (first === undefined) throw new Error("no agent");
  first.endsAtOnce = false;
  timers.advance(30 * 60_000);
  const next = acquire("one");
  expect(await isPending(next, settle)).toBe(true);
  expect(agents).toHaveLength(1);
  // An agent may end with a code of its own on SIGTERM: that is no failure.
  first.exit({ code: 143, signal: null, stderrTail: "terminated" });
  first.ended();
  await next;
  expect(agents).toHaveLength(2);
  expect(agents[1]?.options.resume).toEqual({ providerThreadId: "theirs" });
  expect(exits).toEqual(["one ended"]);
});
