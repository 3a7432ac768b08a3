// Puts dispatcher, feeds, reads and effect worker together behind the Orchestration port.
import type {
  ClientCommand,
  DispatchResult,
  JournalId,
  MusterEvent,
  NodeId,
  PrincipalId,
  ReceivedEntry,
  SpaceId,
  ThreadId,
  WireEvent,
} from "@muster/contracts";
import { ARCHIVED_KEPT_DAYS_DEFAULT, HELLO_TURNS_MAX, MusterError } from "@muster/contracts";
import {
  type Actor,
  type Clock,
  commandFingerprint,
  effectOf,
  type Ids,
  type Random,
  type Upcaster,
} from "@muster/core";
import type { Store } from "@muster/store";
import { keyedReads } from "@muster/store";
import { Attention } from "../attention.ts";
import { SLOT_LEASE_MS } from "../nodes/index.ts";
import type { Caller, NodeConnections, NodeIdentity, Orchestration } from "../ports.ts";
import { ingestCursorOf } from "./batch.ts";
import { TurnDiffs } from "./diffs.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EffectWorker } from "./effect-worker.ts";
import { eventReader, readEvent as readEventOfToday } from "./event-reader.ts";
import { Feeds, type LiveMessage } from "./feed.ts";
import { HubCommands } from "./hub-commands.ts";
import { LiveGate } from "./live-gate.ts";
import { LogTail } from "./log-tail.ts";
import { lostTurns } from "./lost-turns.ts";
import { ProjectionUpkeep } from "./projection-upkeep.ts";
import { getEventsPage, getSnapshot } from "./reads.ts";
import { Forgotten, type Lost, startedTurns, turnsToStop, untoldReverts } from "./reconcile.ts";
import { Retention } from "./retention.ts";
import { RetentionJob, type RetentionResult } from "./retention-job.ts";
import { aboutEntries, type OnHubStep } from "./steps.ts";
import { StateCache } from "./stream-states.ts";
import { getThread, getThreadBytes } from "./thread-reads.ts";
import { systemTimers, type Timers } from "./timers.ts";
import { Visibility } from "./visibility.ts";
import { getActivity, getMessage } from "./whole-rows.ts";
import type { IngestAnswer } from "./work.ts";
import { askForWorkspace } from "./workspace-question.ts";

/** Bytes of a command without its text, about. */
const COMMAND_BYTES = 1_024;

export interface OrchestrationOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** The system's own unless given. */
  readonly timers?: Timers;
  readonly ids: Ids;
  readonly random: Random;
  /** The store's generation. */
  readonly generation: string;
  readonly connections: NodeConnections;
  /** The principal that stands for the hub itself in the log. */
  readonly hubPrincipalId: PrincipalId;
  readonly replicaId: string;
  /** How long turns wait for a node that is offline; the usual lease when absent. */
  readonly slotLeaseMs?: number;
  readonly onBug: (error: unknown) => void;
  readonly onStep?: OnHubStep | undefined;
  /** Told in one sentence what a person may want to look into. Taken for a bug unless given. */
  readonly onWarning?: (message: string) => void;
  /** Those of this program unless given. */
  readonly upcasters?: readonly Upcaster[];
  /** Fewer events than usual in a page of a rebuild or of catching up. */
  readonly pageEventsMax?: number;
  /** Runs retention every day; without it only when asked. */
  readonly retention?: RetentionSettings;
}

export interface RetentionSettings {
  /** null: archived threads keep their details. */
  readonly archivedKeptDays: number | null;
  readonly onDone: (result: RetentionResult) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Opens the event core: projections are brought up to the log's head before it answers anyone. */
export async function openOrchestration(options: OrchestrationOptions): Promise<Orchestration> {
  const { store, clock, ids, generation, connections, onBug } = options;
  // For what stands between a command and its commit, or a commit and its readers: short reads, many of them.
  const near = keyedReads(store);
  const timers = options.timers ?? systemTimers;
  const readEvent = options.upcasters === undefined ? readEventOfToday : eventReader(options.upcasters);
  const onWarning = options.onWarning ?? ((message: string) => onBug(new Error(message)));
  const slotLeaseMs = options.slotLeaseMs ?? SLOT_LEASE_MS;
  const visibility = new Visibility(near);
  const cache = new StateCache();
  const onRebuilt = (): void => {
    cache.clear();
    visibility.forget();
  };
  const projections = new ProjectionUpkeep({ ...options, timers, readEvent, onRebuilt, onWarning });
  await projections.open();
  const { tail, stopListening } = await openTail(store, new LogTail(near, clock, timers, onBug, readEvent));
  const reads = { store, readEvent, visibility, generation, connections, clock };
  const diffs = new TurnDiffs(reads);
  const feeds = new Feeds({ store, readEvent, tail, visibility, generation });
  const liveGate = new LiveGate(near, clock);
  const tellLive = (node: NodeIdentity, message: LiveMessage, threadId: ThreadId): void => {
    if (feeds.count > 0) liveGate.tell(node, threadId, () => feeds.publish(node.spaceId, message, node.nodeId));
  };
  const retention = new Retention(store, clock, readEvent);
  const forgotten = new Forgotten();
  const attention = new Attention(clock.now());
  const effects: EffectWorker = new EffectWorker({
    ...options,
    store: near,
    timers,
    onFailed: (effect, error) => hub.endAfterFailure(effect, error),
  });
  wakeForOthers(store, tail, effects);
  const dispatcher = new Dispatcher({
    store: near,
    clock,
    ids,
    generation,
    cache,
    hubPrincipalId: options.hubPrincipalId,
    readEvent,
    appendGuard: projections.appendGuard,
    onBug,
    catchUp: () => projections.afterConflict(),
    onCommitted: ({ eventCount, hasEffects }) => {
      if (hasEffects) options.onStep?.("effect.committed", []);
      if (eventCount > 0) tail.wake();
      if (hasEffects) effects.wake();
    },
  });
  const hub: HubCommands = new HubCommands(dispatcher, options.hubPrincipalId);
  const settleForgotten = (node: NodeIdentity, lost: Lost): Promise<void> =>
    hub.settleForgotten(node, lost).catch(onBug);

  const job =
    options.retention && new RetentionJob({ retention, timers, random: options.random, ...options.retention });
  job?.start();

  const cursorOf = async ({ spaceId, nodeId }: NodeIdentity, journalId: JournalId): Promise<number> => {
    const [cursor] = await near.read(ingestCursorOf(near.dialect, { spaceId, nodeId, journalId }));
    return cursor?.last_sequence ?? 0;
  };

  return {
    async dispatch(caller: Caller, command: ClientCommand): Promise<DispatchResult> {
      await askForWorkspace({ store: near, connections }, caller, command);
      const work = { ...clientWork(caller, command), attempts: 0, isAlone: false };
      return new Promise((resolve, reject) => dispatcher.submit({ ...work, resolve, reject }));
    },
    getSnapshot: (caller, input) => getSnapshot(reads, caller, input),
    getThread: (caller, input) => getThread(reads, caller, input),
    getThreadBytes: (caller, input) => getThreadBytes(reads, caller, input),
    getMessage: (caller, input) => getMessage(reads, caller, input),
    getActivity: (caller, input) => getActivity(reads, caller, input),
    getTurnDiff: (caller, input) => diffs.get(caller, input),
    getEventsPage: (caller, input) => getEventsPage(reads, caller, input),
    feed: (caller, input) => feeds.follow(caller, input),
    prune: (caller, { olderThanDays, ...input }) => {
      const owned = [...caller.roles].filter(([, role]) => role === "owner").map(([sessionId]) => sessionId);
      const usual = options.retention === undefined ? ARCHIVED_KEPT_DAYS_DEFAULT : options.retention.archivedKeptDays;
      const scope = { spaceId: caller.spaceId, sessionIds: owned };
      return retention.prune({ ...input, scope, olderThanDays: olderThanDays ?? usual });
    },
    async ingest(node, batch) {
      const about = options.onStep === undefined ? [] : aboutEntries(batch.entries);
      options.onStep?.("ingest.received", about);
      const work = { ...ingestWork(node, batch.entries), ...batch };
      const answer = await new Promise<IngestAnswer>((resolve, reject) => {
        dispatcher.submit({ ...work, attempts: 0, isAlone: false, resolve, reject });
      });
      options.onStep?.("ingest.committed", about);
      await settleForgotten(node, forgotten.ingested(node, batch.journalId, answer.lastSequence));
      return answer;
    },
    ingestCursor: cursorOf,
    publishDelta: (node, delta) => tellLive(node, { type: "delta", delta }, delta.threadId),
    publishCall: (node, call) => tellLive(node, { type: "call", call }, call.threadId),
    publishPresence: (spaceId, nodes) => {
      for (const node of nodes) feeds.publish(spaceId, { type: "presence", node });
    },
    effectResult: (node, result) => effects.result(node, result),
    async reconcileNode(node, { runningTurns, journalId, journalSequence }) {
      const claimed = new Set(runningTurns.map((turn) => turn.turnId));
      // A full list may have left some out: nothing is known of those.
      const isWhole = runningTurns.length < HELLO_TURNS_MAX;
      effects.nodeGreeted(node, [...claimed], isWhole);
      const turns = isWhole ? (await startedTurns(near, node)).filter((turn) => !claimed.has(turn.turnId)) : [];
      const reverts = await untoldReverts(near, node, journalId);
      forgotten.wait(node, journalId, journalSequence, { turns, reverts });
      const cursor = await cursorOf(node, journalId);
      await settleForgotten(node, forgotten.ingested(node, journalId, cursor));
      return turnsToStop(near, node, runningTurns);
    },
    async settleLost() {
      await dispatcher.tryAgain();
      let settled = 0;
      for (const turn of await lostTurns(store, attention.look(clock.now()), slotLeaseMs))
        if (await hub.settleLost(turn)) settled += 1;
      return settled;
    },
    nodeConnected: (spaceId: SpaceId, nodeId: NodeId) => {
      effects.nodeConnected(spaceId, nodeId).catch(onBug);
    },
    projections: async () => ({ generation, headSequence: tail.head, ...(await projections.status()) }),
    rebuildProjections: (projector) => projections.rebuild(projector),
    head: () => ({ generation, headSequence: tail.head, isFailing: dispatcher.isFailing }),
    async close() {
      feeds.close();
      await job?.close();
      await stopListening?.();
      // Before the dispatcher, which ends what effects were for.
      await effects.close();
      await projections.close();
      await dispatcher.close();
      await tail.close();
    },
  };
}

/** Listens before it looks for the log's end, so that no commit falls between. */
async function openTail(store: Store, tail: LogTail) {
  const stopListening = await store.listen?.({ onNumbers: () => tail.wake() });
  await tail.open();
  return { tail, stopListening };
}

/** Another process may have accepted what a node of this one must do. */
function wakeForOthers(store: Store, tail: LogTail, effects: EffectWorker): void {
  if (store.listen === undefined) return;
  tail.watch((events) => {
    if (events.some(asksOfNode)) effects.wake();
  });
}

/** The type decides, and every payload is an object, so one that this program cannot read does no harm. */
const asksOfNode = (event: WireEvent): boolean => effectOf(event as unknown as MusterEvent) !== null;

/** @throws MusterError `validation_failed` for text that has no canonical form. */
function clientWork(caller: Caller, command: ClientCommand) {
  const actor: Actor = { kind: "client", id: caller.principalId };
  return {
    kind: "client" as const,
    spaceId: caller.spaceId,
    sizeBytes: sizeOf(command),
    caller,
    actor,
    command,
    fingerprint: fingerprintOf(caller, command),
  };
}

function ingestWork(node: NodeIdentity, entries: readonly ReceivedEntry[]) {
  const actor: Actor = { kind: "provider", id: node.nodeId, nodeId: node.nodeId };
  return { kind: "ingest" as const, spaceId: node.spaceId, sizeBytes: JSON.stringify(entries).length, node, actor };
}

function fingerprintOf(caller: Caller, command: ClientCommand): string {
  try {
    return commandFingerprint(caller.principalId, command);
  } catch (cause) {
    throw new MusterError("validation_failed", "The command holds text that is no Unicode.", undefined, { cause });
  }
}

function sizeOf(command: ClientCommand): number {
  if (command.type !== "thread.turn.start") return COMMAND_BYTES;
  const { text, attachments } = command.message;
  return attachments.reduce((sum, attachment) => sum + attachment.text.length, COMMAND_BYTES + text.length);
}
