// One soak: a hub and a daemon as processes of their own, people and readers at work, blows from the dark; then quiet,
// a regular end, and the checker over everything that is left. Leaves no process and no file behind.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ProjectId } from "@muster/contracts";
import type { Store } from "@muster/store";
import { Actor, attend } from "./actors.ts";
import { check, type Finding } from "./checker.ts";
import { type Evidence, fromDatabase, readDaemon, readHub, readLedger, readRefs } from "./evidence.ts";
import { type Blow, killAtRandom } from "./killer.ts";
import { Parts } from "./parts.ts";
import { Dice } from "./random.ts";
import { FeedReader } from "./readers.ts";
import { Sender } from "./sender.ts";

export interface SoakOptions {
  readonly seed: number;
  /** How long there is work and blows, without the quiet after it. */
  readonly workMs: number;
  readonly actors: number;
  /** Of an empty database on PostgreSQL; the hub's own file when absent. */
  readonly databaseUrl?: string;
  /** Blows in their order; random ones over the whole time when absent. */
  readonly schedule?: readonly Blow[];
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Keeps the folder where something was found. */
  readonly isKept?: boolean;
}

export interface SoakReport {
  readonly seed: number;
  readonly seconds: number;
  readonly blows: Readonly<Partial<Record<Blow, number>>>;
  readonly commands: {
    readonly sent: number;
    readonly accepted: number;
    readonly refused: number;
    readonly tries: number;
  };
  readonly events: number;
  readonly turns: Readonly<Record<string, number>>;
  readonly effects: number;
  readonly journalEntries: number;
  readonly rejectedEntries: Readonly<Record<string, number>>;
  readonly readerStretches: number;
  readonly quietMs: number;
  readonly findings: readonly Finding[];
  readonly folder: string;
}

/** Long enough on a machine that has ten times as much else to do. */
const QUIET_MAX_MS = 180_000;
const PROJECTS = [
  { name: "shop", isRepository: true },
  { name: "site", isRepository: true },
  { name: "notes", isRepository: false },
];

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, workMs, signal, say } = options;
  const beganMs = performance.now();
  const dice = new Dice(seed);
  const parts = new Parts({ databaseUrl: options.databaseUrl });
  const sender = new Sender(() => parts.client);
  const blows: Partial<Record<Blow, number>> = {};
  let isKept = false;
  try {
    await parts.start();
    const projectIds = await makeProjects(parts, sender);
    const work = new AbortController();
    const end = new AbortController();
    const working = AbortSignal.any([signal, work.signal]);
    const ending = AbortSignal.any([signal, end.signal]);
    const hanging = new Set<string>();
    const readers = ["one", "two", "three"].map(
      (name) => new FeedReader({ sender, dice: dice.another(), signal: ending, name, threadId: null }),
    );
    const reading = readers.map((reader) => reader.run());
    const attending = attend({ sender, signal: ending, hanging }, dice.another());
    const acting = Array.from({ length: options.actors }, (_one, index) =>
      new Actor({ sender, signal: working, hanging }, dice.pick(projectIds.slice(index % 3)), dice.another()).run(),
    );
    const killing = killAtRandom({
      parts,
      dice: dice.another(),
      signal: working,
      ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
      pauseMinMs: options.pauseMinMs,
      pauseMaxMs: options.pauseMaxMs,
      onBlow: (blow) => {
        blows[blow] = (blows[blow] ?? 0) + 1;
        say(`${Math.round((performance.now() - beganMs) / 1_000)} s: ${blow}`);
      },
    });
    // A schedule has its own length; the work ends with it, and not before its time.
    await Promise.all([pause(workMs, undefined, { signal }).catch(() => {}), options.schedule && killing]);
    work.abort();
    await Promise.all([killing, ...acting]);
    say("waiting until everything has come to rest");
    const quietBeganMs = performance.now();
    await quiet(parts, readers, signal);
    const quietMs = Math.round(performance.now() - quietBeganMs);
    // A regular end says more, into the journal at least; the next start brings the rest of it to the hub.
    await parts.stop();
    await parts.startAgain();
    await quiet(parts, readers, signal);
    end.abort();
    await Promise.all([attending, ...reading]);
    sender.giveUp();
    signal.throwIfAborted();
    const evidence = await gather(parts, sender, readers);
    const findings = check(evidence);
    isKept = options.isKept === true && findings.length > 0;
    return {
      ...figuresOf(evidence),
      seed,
      seconds: Math.round((performance.now() - beganMs) / 1_000),
      blows,
      quietMs,
      findings,
      folder: parts.place.root,
    };
  } finally {
    sender.giveUp();
    await (isKept ? parts.end() : parts.clear());
  }
}

export async function makeProjects(parts: Parts, sender: Sender): Promise<ProjectId[]> {
  const { defaultSessionId } = await sender.client.api.auth.me();
  let nodeId: string | undefined;
  while (nodeId === undefined) {
    const { nodes } = await sender.client.api.nodes.list();
    nodeId = nodes.find(({ health }) => health === "online")?.nodeId;
    await pause(50);
  }
  const projectIds: ProjectId[] = [];
  for (const { name, isRepository } of PROJECTS) {
    const projectId = sender.client.ids.next() as ProjectId;
    const workspaceRoot = parts.folder(name, { isRepository });
    const outcome = await sender.send({
      type: "project.create",
      projectId,
      sessionId: defaultSessionId,
      nodeId,
      title: name,
      workspaceRoot,
    });
    if (outcome.status !== "accepted") throw new Error(`project ${name} was ${JSON.stringify(outcome)}`);
    projectIds.push(projectId);
  }
  return projectIds;
}

const WAITING = `SELECT 'turn ' || turn_id || ' is ' || status AS what FROM projection_thread_turns
    WHERE status IN ('queued', 'running')
  UNION ALL SELECT 'effect ' || effect_id || ' (' || kind || ') is ' || status FROM orchestration_effects
    WHERE status IN ('pending', 'running')`;
const HEADS = `SELECT (SELECT coalesce(max(sequence), 0) FROM orchestration_events) AS head,
  (SELECT coalesce(max(last_sequence), 0) FROM ingest_cursors) AS taken`;
const TOLD = "SELECT coalesce(max(sequence), 0) AS told FROM ingest_journal";

/**
 * Resolves when nothing waits any more, or after a time that is long enough for anything: then what waits is written down,
 * for a restart may mend what would have been stuck without one.
 */
export async function quiet(parts: Parts, readers: readonly FeedReader[], signal: AbortSignal): Promise<void> {
  const end = performance.now() + QUIET_MAX_MS;
  for (let calm = 0; calm < 3 && !signal.aborted; await pause(300)) {
    const unrest = await waitingOf(parts, readers);
    calm = unrest.length === 0 ? calm + 1 : 0;
    if (performance.now() < end) continue;
    parts.unrest.push(...unrest.map((what) => `${what} after ${QUIET_MAX_MS / 1_000} s without work or blows`));
    return;
  }
}

async function waitingOf(parts: Parts, readers: readonly FeedReader[]): Promise<string[]> {
  const { told = 0 } = await fromDatabase(parts.daemonDatabase, (store) => numbers(store, TOLD));
  return fromDatabase(parts.hubDatabase, async (store) => {
    const waiting = await store.read({ sql: WAITING, parameters: [] });
    const { head = 0, taken = 0 } = await numbers(store, HEADS);
    const behind = readers.filter(({ reached }) => reached < head);
    return [
      ...waiting.map((row) => String(row["what"])),
      ...(taken === told ? [] : [`the journal ends at ${told}, the hub took it up to ${taken}`]),
      ...behind.map(({ reached }) => `a reader stands at ${reached}, the log at ${head}`),
    ];
  });
}

const numbers = async (store: Store, sql: string): Promise<Readonly<Record<string, number>>> => {
  const [row = {}] = await store.read({ sql, parameters: [] });
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
};

/** What is left of a run, while hub and daemon are idle or gone. */
export async function gather(parts: Parts, sender: Sender, readers: readonly FeedReader[]): Promise<Evidence> {
  return {
    hub: await fromDatabase(parts.hubDatabase, readHub),
    daemon: await fromDatabase(parts.daemonDatabase, readDaemon),
    commands: sender.commands,
    followers: readers.map(({ record }) => record),
    ledger: readLedger(parts.ledger),
    refs: await readRefs(parts.gitFolders()),
    leftovers: parts.leftovers,
    unrest: parts.unrest,
    problems: [...sender.problems, ...errorsIn(join(parts.place.home, "hub/hub.log"))],
  };
}

const LOG_ERROR = 50;

/** What the hub itself calls a bug. */
function errorsIn(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        const { level, msg, err } = JSON.parse(line) as { level: number; msg: string; err?: { stack?: string } };
        return level >= LOG_ERROR ? [`the hub logged: ${msg} ${err?.stack ?? ""}`] : [];
      } catch {
        return [];
      }
    });
}

function figuresOf({ hub, daemon, commands, followers }: Evidence) {
  const count = <Item>(items: readonly Item[], keyOf: (item: Item) => string): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
    return counts;
  };
  const outcomes = count(commands, ({ outcome }) => outcome.status);
  return {
    commands: {
      sent: commands.length,
      accepted: outcomes["accepted"] ?? 0,
      refused: outcomes["refused"] ?? 0,
      tries: commands.reduce((sum, { tries }) => sum + tries, 0),
    },
    events: hub.events.length,
    turns: count(
      hub.events.filter(({ eventType }) => eventType === "thread.turn-settled"),
      ({ payload }) => String(payload["reason"] ?? payload["status"]),
    ),
    effects: hub.effects.length,
    journalEntries: daemon.lastSequence,
    rejectedEntries: count(hub.ingestRejected, (row) => String(row["code"])),
    readerStretches: followers.reduce((sum, { stretches }) => sum + stretches.length, 0),
  };
}
