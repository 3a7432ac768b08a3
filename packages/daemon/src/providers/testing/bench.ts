// What the tests of providers share: a real session with the sample agent in a folder of its own, its events checked
// against the contract as they come, conditions to wait for, and the end of everything after each test.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RuntimeEvent, type RuntimeEventType } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { groupMembers, type ProcessGroupRecord, systemTimers, type Timers } from "../../processes/index.ts";
import {
  type AgentExit,
  createAcpProvider,
  type ProviderConfiguration,
  type ProviderSession,
  type StartOptions,
  sampleConfiguration,
} from "../index.ts";

export type EventOf<Type extends RuntimeEventType> = Extract<RuntimeEvent, { type: Type }>;

export interface Bench {
  readonly folder: string;
  readonly session: ProviderSession;
  readonly events: RuntimeEvent[];
  readonly exits: AgentExit[];
  /** What was reported last. */
  readonly groups: () => readonly ProcessGroupRecord[];
  of<Type extends RuntimeEventType>(type: Type): EventOf<Type>[];
  /** The first event of that type, waiting for it. */
  next<Type extends RuntimeEventType>(type: Type, nth?: number): Promise<EventOf<Type>>;
  /** All assistant text so far. */
  text(): string;
}

export interface BenchOptions extends Partial<Omit<StartOptions, "ids">> {
  /** Options of the sample agent. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly configuration?: ProviderConfiguration;
  readonly folder?: string;
  readonly timers?: Timers;
}

const endings: (() => Promise<unknown>)[] = [];

/** Ends everything that was opened; for `afterEach`. */
export const endAll = async (): Promise<void> => {
  for (const end of endings.splice(0).reverse()) await end();
};

export const atEnd = (end: () => Promise<unknown>): void => {
  endings.push(end);
};

export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "muster-provider-"));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Starts a session; rejects as `start` does. */
export const openBench = async (options: BenchOptions = {}): Promise<Bench> => {
  const folder = options.folder ?? (await temporaryFolder());
  if (options.folder === undefined) await writeFile(join(folder, "README.md"), "# A folder to try things\n");
  const env = { MUSTER_SAMPLE_DELAY_MS: "0", MUSTER_SAMPLE_STATE: join(folder, ".sample"), ...options.env };
  const configuration = options.configuration ?? sampleConfiguration({ args: options.args ?? [], env });
  const events: RuntimeEvent[] = [];
  const exits: AgentExit[] = [];
  let groups: readonly ProcessGroupRecord[] = [];
  const session = await createAcpProvider(configuration).start({
    cwd: folder,
    workspaceRoot: folder,
    runtimeMode: "approval-required",
    // biome-ignore lint/style/noProcessEnv: a test's agent needs the PATH of the test
    environment: process.env,
    timers: systemTimers,
    ...options,
    ids: { mint: () => randomUUID() },
    onEvent: (event) => {
      events.push(RuntimeEvent.parse(event));
      return options.onEvent?.(event);
    },
    onExit: (exit) => {
      exits.push(exit);
      options.onExit?.(exit);
    },
    onProcessGroups: (now) => {
      groups = now;
      options.onProcessGroups?.(now);
    },
  });
  atEnd(() => session.stop());
  const of = <Type extends RuntimeEventType>(type: Type): EventOf<Type>[] =>
    events.filter((event): event is EventOf<Type> => event.type === type);
  const next = async <Type extends RuntimeEventType>(type: Type, nth = 1): Promise<EventOf<Type>> => {
    await until(`event ${nth} of ${type}`, () => of(type).length >= nth);
    const event = of(type)[nth - 1];
    if (event === undefined) throw new Error("unreachable");
    return event;
  };
  return {
    folder,
    session,
    events,
    exits,
    groups: () => groups,
    of,
    next,
    text: () =>
      of("message.delta")
        .map((event) => event.text)
        .join(""),
  };
};

export const livingMembers = (groupId: number): number[] =>
  groupMembers(groupId)
    .filter((member) => !member.zombie)
    .map((member) => member.processId);

/** An agent that is this JavaScript; `send(message)` and `onMessage(handler)` are there for it. */
export const scriptedAgent = (script: string): ProviderConfiguration => ({
  name: "scripted",
  title: "Scripted agent",
  command: process.execPath,
  args: [
    "-e",
    `const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
     const lines = require("node:readline").createInterface({ input: process.stdin });
     const onMessage = (handler) => lines.on("line", (line) => handler(JSON.parse(line)));
     const greet = (message, more = {}) => {
       if (message.method === "initialize") send({ id: message.id, result: { protocolVersion: 1, ...more } });
       if (message.method === "session/new") send({ id: message.id, result: { sessionId: "s1" } });
     };
     ${script}`,
  ],
});

/** Time that passes only when told to. */
export class ManualTimers implements Timers {
  #nowMs = 0;
  #waiting: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, run };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }

  pass(durationMs: number): void {
    this.#nowMs += durationMs;
    const due = this.#waiting
      .filter((entry) => entry.atMs <= this.#nowMs)
      .sort((left, right) => left.atMs - right.atMs);
    this.#waiting = this.#waiting.filter((entry) => entry.atMs > this.#nowMs);
    for (const entry of due) entry.run();
  }
}
