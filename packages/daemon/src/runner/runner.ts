// Effects of the hub become work: written down first, then done, and answered once taken over. Turns of a thread run one
// after the other, interrupt and stop overtake. What an effect promises the hub is in the contract's uplink.ts.
import {
  type EffectBody,
  type FrameOf,
  type LiveCall,
  MusterError,
  type NodeRequest,
  type ThreadId,
  type TurnId,
} from "@muster/contracts";
import type { Ids } from "@muster/core";
import type { Logger } from "pino";
import type { Checkpoints } from "../checkpoints/index.ts";
import type { WorkspaceFiles } from "../files/index.ts";
import type {
  BegunCallLedger,
  EffectLedger,
  Journal,
  JournalEntry,
  ProviderSessionLedger,
  RevertEffect,
} from "../journal/index.ts";
import type { TurnRef } from "../ports.ts";
import type { Environment, Timers } from "../processes/index.ts";
import type { Provider, ProviderLimits } from "../providers/index.ts";
import { aboutEffect, type OnDaemonStep } from "../steps.ts";
import { answer } from "./answers.ts";
import { Lanes } from "./lanes.ts";
import { RUNNER_LIMITS, type RunnerLimits } from "./limits.ts";
import { type Recovered, recover } from "./recovery.ts";
import { type DropEffect, dropReverted, revert } from "./revert.ts";
import { type AgentSession, ProviderSessions } from "./sessions.ts";
import { ToldOnce } from "./told-once.ts";
import { type TurnEffect, TurnRun } from "./turn.ts";

export interface RunnerOptions {
  readonly journal: Journal;
  readonly effects: EffectLedger;
  readonly sessionLedger: ProviderSessionLedger;
  readonly checkpoints: Checkpoints;
  readonly files: WorkspaceFiles;
  readonly providerOf: (name: string) => Provider | undefined;
  readonly environment: Environment;
  readonly workspaceRoots: readonly string[];
  readonly ids: Ids;
  readonly timers: Timers;
  readonly log: Logger;
  readonly begunCalls: BegunCallLedger;
  readonly sendLive: (delta: FrameOf<"delta">["delta"]) => void;
  readonly sendCall: (call: LiveCall) => void;
  readonly onStep?: OnDaemonStep | undefined;
  readonly limits?: Partial<RunnerLimits>;
  readonly providerLimits?: Partial<ProviderLimits>;
}

interface Taking {
  readonly fence: number;
  readonly done: Promise<void>;
}

type EffectOf<Kind extends EffectBody["kind"]> = Extract<EffectBody, { kind: Kind }>;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #limits: RunnerLimits;
  readonly #sessions: ProviderSessions;
  readonly #turns = new Map<TurnId, TurnRun>();
  /** Turns and reverts of a thread. */
  readonly #work = new Lanes<ThreadId>();
  /** Short steps on what is written down about a thread's turns. */
  readonly #records = new Lanes<ThreadId>();
  /** Effects that are being taken over; the same one coming again waits for the same end. */
  readonly #taking = new Map<string, Taking>();
  readonly #toldChoices = new ToldOnce();
  #closed = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#limits = { ...RUNNER_LIMITS, ...options.limits };
    const { journal, sessionLedger, providerOf, environment, timers, ids, providerLimits } = options;
    this.#sessions = new ProviderSessions({
      providerOf,
      ledger: sessionLedger,
      write: (statements) => journal.append([], statements),
      environment,
      timers,
      ids,
      processesMax: this.#limits.providerProcessesMax,
      idleMs: this.#limits.sessionIdleMs,
      ...(providerLimits === undefined ? {} : { providerLimits }),
      onIdleExit: (session, exit) =>
        this.#idleExit(session, exit !== null && exit.code !== 0 && exit.signal === null ? exit.stderrTail : null),
      onBug: (error) => this.#bug(error),
    });
  }

  /** Ends and tells what an earlier process left; before any effect is taken. */
  async recover(): Promise<Recovered & { readonly reverts: number }> {
    const { journal, effects, begunCalls, sessionLedger, timers, checkpoints, workspaceRoots } = this.#options;
    const sessions = sessionLedger;
    const recovered = await recover({ journal, effects, begunCalls, sessions, timers, checkpoints, workspaceRoots });
    const begun = await effects.begunReverts();
    // Half of one is worse than a late one, also where the hub has given it up meanwhile: then its thread hears of it.
    for (const { effectId, effect } of begun)
      await this.#revert(effectId, effect).catch((error: unknown) => this.#bug(error));
    return { ...recovered, reverts: begun.length };
  }

  /** Turns that were taken over and have not settled. */
  runningTurns(): TurnRef[] {
    return [...this.#turns.values()].map(({ place }) => ({ threadId: place.threadId, turnId: place.turnId }));
  }

  /** Ends turns that the hub no longer counts as running. */
  stopTurns(turns: readonly TurnRef[]): void {
    for (const { turnId } of turns) this.#turns.get(turnId)?.interrupt("settled_by_hub");
  }

  /** Resolves once the effect is durably taken over. @throws MusterError, with which the effect is answered. */
  async runEffect(effectId: string, fence: number, effect: EffectBody, traceparent?: string): Promise<void> {
    if (this.#closed) throw new MusterError("unavailable", "The daemon is stopping.");
    const taking = this.#taking.get(effectId);
    if (taking !== undefined) {
      if (fence < taking.fence) throw new MusterError("concurrency_conflict", undefined, { fence, seen: taking.fence });
      this.#taking.set(effectId, { ...taking, fence });
      return taking.done;
    }
    const done = this.#take(effectId, fence, effect, traceparent);
    this.#taking.set(effectId, { fence, done });
    try {
      await done;
    } finally {
      this.#taking.delete(effectId);
    }
  }

  answer(request: NodeRequest, signal: AbortSignal): Promise<unknown> {
    const { checkpoints, files, workspaceRoots } = this.#options;
    return answer(request, signal, { checkpoints, files, workspaceRoots });
  }

  /** Interrupts what runs (reason `node_stopped`), ends all agents, and resolves when every ending is in the journal. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const turn of this.#turns.values()) turn.interrupt("node_stopped");
    await this.#sessions.close();
    await this.#work.idle();
    await this.#records.idle();
  }

  async #take(effectId: string, fence: number, effect: EffectBody, traceparent?: string): Promise<void> {
    const { effects, journal } = this.#options;
    const known = await effects.look(effectId, fence);
    if (known.status === "answered") {
      await journal.append([], [effects.record(effectId, fence)]);
      if (known.error !== null) throw MusterError.from(known.error);
      return;
    }
    switch (effect.kind) {
      case "node.turn.start":
        return this.#records.run(effect.threadId, () => this.#startTurn(effectId, fence, effect, traceparent));
      case "node.turn.interrupt":
        return this.#records.run(effect.threadId, () => this.#interruptTurn(effectId, fence, effect));
      case "node.approval.respond":
        return this.#respond(effectId, fence, effect);
      case "node.session.stop":
        return this.#stopSession(effectId, fence, effect);
      case "node.checkpoint.revert":
        await this.#record(effectId, fence, effect);
        return this.#work.run(effect.threadId, () => this.#revert(effectId, effect));
      case "node.checkpoint.drop":
        await this.#record(effectId, fence, effect);
        return this.#work.run(effect.threadId, () => this.#dropReverted(effectId, effect));
    }
  }

  /** From here on a restart does not forget that the effect came. */
  async #record(effectId: string, fence: number, effect: EffectBody): Promise<void> {
    const { effects, journal, onStep } = this.#options;
    await journal.append([], [effects.record(effectId, fence)]);
    onStep?.("effect.recorded", aboutEffect(effect));
  }

  async #startTurn(effectId: string, fence: number, effect: TurnEffect, traceparent?: string): Promise<void> {
    const { effects, journal } = this.#options;
    const { threadId, turnId, provider: providerName, correlationId } = effect;
    const record = effects.record(effectId, fence, "done");
    const state = await effects.turnState(turnId);
    if (state === "interrupted") {
      const command = {
        type: "thread.turn.settle",
        threadId,
        turnId,
        status: "interrupted",
        reason: "interrupted_before_start",
        detail: null,
      } as const;
      await journal.append([{ command, correlationId }], [record, effects.turnSettled(turnId)]);
    } else if (state !== null) {
      await journal.append([], [record]);
    } else {
      const place = { workspaceRoot: effect.worktreePath ?? effect.workspaceRoot, turnCount: effect.turnCount };
      const running = effects.turnRunning({ threadId, turnId, providerName, correlationId, place });
      await journal.append([], [record, running]);
      this.#options.onStep?.("effect.recorded", aboutEffect(effect));
      this.#launch(effect, traceparent);
    }
  }

  #launch(effect: TurnEffect, traceparent?: string): void {
    const { journal, effects, checkpoints, begunCalls, ids, timers, workspaceRoots, sendLive, sendCall } =
      this.#options;
    const turn = new TurnRun(effect, {
      journal,
      ledger: effects,
      begunCalls,
      sessions: this.#sessions,
      checkpoints,
      ids,
      timers,
      limits: this.#limits,
      workspaceRoots,
      sendLive,
      sendCall,
      toldChoices: this.#toldChoices,
      ...(traceparent === undefined ? {} : { traceparent }),
      onBug: (error) => this.#bug(error),
      onStep: this.#options.onStep,
    });
    this.#turns.set(effect.turnId, turn);
    this.#work
      .run(effect.threadId, () => turn.run())
      .catch((error: unknown) => this.#bug(error))
      .finally(() => this.#turns.delete(effect.turnId));
    if (this.#closed) turn.interrupt("node_stopped");
  }

  async #interruptTurn(effectId: string, fence: number, effect: EffectOf<"node.turn.interrupt">): Promise<void> {
    const { turnId } = effect;
    const { effects, journal } = this.#options;
    const record = effects.record(effectId, fence, "done");
    const isUnknown = !this.#turns.has(turnId) && (await effects.turnState(turnId)) === null;
    await journal.append([], isUnknown ? [record, effects.tombstone(turnId)] : [record]);
    this.#options.onStep?.("effect.recorded", aboutEffect(effect));
    this.#turns.get(turnId)?.interrupt();
  }

  async #respond(effectId: string, fence: number, effect: EffectOf<"node.approval.respond">): Promise<void> {
    const { effects, journal } = this.#options;
    const { threadId, turnId, requestId, decision, correlationId } = effect;
    await this.#record(effectId, fence, effect);
    const isAnswered = this.#turns.get(turnId)?.answer(requestId, decision) ?? false;
    const expire: JournalEntry = {
      command: { type: "thread.approval.expire", threadId, requestId, reason: "agent_gone" },
      correlationId,
    };
    await journal.append(isAnswered ? [] : [expire], [effects.finish(effectId, null)]);
  }

  async #stopSession(effectId: string, fence: number, effect: EffectOf<"node.session.stop">): Promise<void> {
    const { effects, journal } = this.#options;
    const { threadId } = effect;
    await this.#record(effectId, fence, effect);
    for (const turn of this.#turns.values()) if (turn.place.threadId === threadId) turn.interrupt("session_stopped");
    await this.#sessions.stop(threadId);
    await journal.append([], [effects.finish(effectId, null)]);
  }

  async #revert(effectId: string, effect: RevertEffect): Promise<void> {
    const { effects, journal, checkpoints, workspaceRoots, onStep } = this.#options;
    const command = await revert(effect, {
      checkpoints,
      sessions: this.#sessions,
      workspaceRoots,
      isResumed: await effects.hasBegun(effectId),
      begin: async () => {
        await journal.append([], [effects.beginRevert(effectId, effect)]);
        onStep?.("revert.begun", aboutEffect(effect));
      },
      onChanged: () => onStep?.("revert.changed", aboutEffect(effect)),
      onBug: (error) => this.#bug(error),
    });
    onStep?.("revert.restored", aboutEffect(effect));
    await journal.append([{ command, correlationId: effect.correlationId }], [effects.finish(effectId, null)]);
    onStep?.("revert.told", aboutEffect(effect));
  }

  async #dropReverted(effectId: string, effect: DropEffect): Promise<void> {
    const { effects, journal, checkpoints, workspaceRoots } = this.#options;
    try {
      await dropReverted(effect, { checkpoints, workspaceRoots });
    } catch (error) {
      if (error instanceof MusterError) await journal.append([], [effects.finish(effectId, error.toBody())]);
      throw error;
    }
    await journal.append([], [effects.finish(effectId, null)]);
  }

  /** The agent ended between turns. */
  #idleExit(session: AgentSession, lastError: string | null): void {
    const { threadId, providerName, providerSessionId } = session;
    const command = {
      type: "thread.session.set",
      threadId,
      status: lastError === null ? "stopped" : "error",
      providerName,
      providerSessionId,
      providerThreadId: null,
      activeTurnId: null,
      lastError,
    } as const;
    this.#options.journal.append([{ command, correlationId: null }]).catch((error: unknown) => this.#bug(error));
  }

  #bug(error: unknown): void {
    this.#options.log.error({ err: error }, "the runner met something it did not expect");
  }
}
