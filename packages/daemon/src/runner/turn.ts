// One turn from its effect to its end. Whatever happens it settles exactly once, with the fact that it settled in the
// same transaction as the journal's entry, and in this order: messages complete, questions expire, checkpoint, settle,
// the session's state.
import {
  type ApprovalDecision,
  type ApprovalRequestId,
  type EffectBody,
  type InternalCommand,
  type LiveCall,
  type LiveDelta,
  MessageId,
  MusterError,
  ProviderThreadId,
  type RuntimeEvent,
} from "@muster/contracts";
import type { Ids } from "@muster/core";
import type { Statement } from "@muster/store";
import type { Checkpoints } from "../checkpoints/index.ts";
import type { BegunCallLedger, EffectLedger, Journal } from "../journal/index.ts";
import type { Timers } from "../processes/index.ts";
import { boundedId, type TurnOutcome } from "../providers/index.ts";
import type { OnDaemonStep } from "../steps.ts";
import { DETAIL_MAX_CHARACTERS, REASON_MAX_CHARACTERS, type RunnerLimits, SUMMARY_MAX_CHARACTERS } from "./limits.ts";
import { commandsOf, type Place, withNewestOutput } from "./mapping.ts";
import type { AgentSession, ProviderSessions } from "./sessions.ts";
import { ShortCalls } from "./short-calls.ts";
import { Silence } from "./silence.ts";
import { takeSnapshot, takeStartSnapshot } from "./snapshots.ts";
import { AssistantTexts } from "./texts.ts";
import { Throttle } from "./throttle.ts";
import type { ToldOnce } from "./told-once.ts";
import { checkWorkspace } from "./workspace.ts";

export type TurnEffect = Extract<EffectBody, { kind: "node.turn.start" }>;

export interface TurnTools {
  readonly journal: Journal;
  readonly ledger: EffectLedger;
  readonly begunCalls: BegunCallLedger;
  readonly sessions: ProviderSessions;
  readonly checkpoints: Checkpoints;
  readonly ids: Ids;
  readonly timers: Timers;
  readonly limits: RunnerLimits;
  readonly workspaceRoots: readonly string[];
  readonly sendLive: (delta: LiveDelta) => void;
  readonly sendCall: (call: LiveCall) => void;
  readonly toldChoices: ToldOnce;
  readonly traceparent?: string;
  readonly onBug: (error: unknown) => void;
  readonly onStep?: OnDaemonStep | undefined;
}

/** What says something of a call itself, or is shown at no place of its own between others. */
const LEAVES_CALLS_HELD: ReadonlySet<RuntimeEvent["type"]> = new Set([
  "turn.started",
  "turn.completed",
  "tool.started",
  "tool.updated",
  "tool.completed",
  "usage.updated",
  "message.completed",
  // A question that nobody is asked is of the call it is about; one that a person is asked was told before.
  "approval.resolved",
]);

export class TurnRun {
  readonly place: Place;
  readonly #effect: TurnEffect;
  readonly #tools: TurnTools;
  readonly #texts: AssistantTexts;
  readonly #updates: Throttle<RuntimeEvent>;
  readonly #calls: ShortCalls;
  readonly #openApprovals = new Set<ApprovalRequestId>();
  readonly #interruption = new AbortController();
  #silence: Silence | undefined;
  #interruptReason = "interrupted";
  #session: AgentSession | undefined;
  #workspace: string | undefined;

  constructor(effect: TurnEffect, tools: TurnTools) {
    this.#effect = effect;
    this.#tools = tools;
    this.place = { threadId: effect.threadId, turnId: effect.turnId };
    const { timers, limits, ids } = tools;
    this.#texts = new AssistantTexts({
      place: this.place,
      timers,
      limits,
      mintMessageId: () => MessageId.parse(ids.next()),
      sendLive: tools.sendLive,
      append: (commands) => this.#append(commands),
    });
    this.#updates = new Throttle({
      timers,
      intervalMs: limits.updateIntervalMs,
      intervalMaxMs: limits.updateIntervalMaxMs,
      // A failure shows where the turn's end is written.
      pass: (event) => void this.#append(commandsOf(this.#untold(event), this.place)).catch(() => {}),
    });
    this.#calls = new ShortCalls({
      place: this.place,
      timers,
      limits,
      ledger: tools.begunCalls,
      sendLive: tools.sendCall,
      append: (commands, statements) => this.#append(commands, statements),
      onRecorded: (itemId) => this.#updates.touch(itemId),
    });
  }

  /** Resolves when the turn has settled and its end is durable. Rejects only where the journal refuses to take it. */
  async run(): Promise<void> {
    let outcome: TurnOutcome;
    this.#silence = new Silence({
      timers: this.#tools.timers,
      silentMs: this.#tools.limits.turnSilentMs,
      // The agent waits for a person, not we for the agent.
      isExcused: () => this.#openApprovals.size > 0,
      onSilent: () => void this.#append([this.#stalled()]).catch(() => {}),
    });
    try {
      outcome = await this.#work();
    } catch (error) {
      outcome = this.#interruption.signal.aborted
        ? { status: "interrupted", reason: this.#interruptReason }
        : this.#failure(error);
    }
    this.#silence.stop();
    await this.#finish(outcome);
  }

  /** Ends the turn `interrupted` as soon as it can; calling it twice is one interrupt. */
  interrupt(reason = "interrupted"): void {
    if (this.#interruption.signal.aborted) return;
    this.#interruptReason = reason;
    this.#interruption.abort();
    this.#session?.session.interrupt().catch(this.#tools.onBug);
  }

  /** False: no such question is open. */
  answer(requestId: ApprovalRequestId, decision: ApprovalDecision): boolean {
    return this.#session?.session.answer(requestId, decision) ?? false;
  }

  async #work(): Promise<TurnOutcome> {
    const { threadId, turnCount, workspaceRoot, worktreePath, text, attachments, preamble } = this.#effect;
    const { signal } = this.#interruption;
    signal.throwIfAborted();
    const workspace = await checkWorkspace(worktreePath ?? workspaceRoot, this.#tools.workspaceRoots);
    this.#workspace = workspace;
    if (turnCount === 1) await this.#snapshot(takeSnapshot, workspace, 0);
    signal.throwIfAborted();
    if (this.#tools.sessions.get(threadId) === undefined) await this.#append([this.#sessionSet("starting")]);
    const session = await this.#unlessInterrupted(this.#acquire(workspace));
    this.#session = session;
    await this.#append([this.#sessionSet("running")]);
    signal.throwIfAborted();
    await this.#unlessInterrupted(this.#choose(session));
    await this.#snapshot(takeStartSnapshot, workspace, turnCount);
    signal.throwIfAborted();
    this.#tools.onStep?.("turn.checkpointed", [this.place.turnId]);
    const answering = session.session.prompt({
      text,
      attachments,
      ...(preamble === null || !session.isFresh ? {} : { preamble }),
      ...(this.#tools.traceparent === undefined ? {} : { traceparent: this.#tools.traceparent }),
    });
    this.#tools.onStep?.("turn.prompted", [this.place.turnId]);
    const outcome = await answering;
    this.#tools.onStep?.("turn.answered", [this.place.turnId]);
    return outcome.status === "interrupted" && signal.aborted ? { ...outcome, reason: this.#interruptReason } : outcome;
  }

  #acquire(workspace: string): Promise<AgentSession> {
    const { threadId, provider, runtimeMode } = this.#effect;
    return this.#tools.sessions.acquire({
      threadId,
      providerName: provider,
      cwd: workspace,
      runtimeMode,
      onEvent: (event) => this.#take(event),
      signal: this.#interruption.signal,
    });
  }

  /** A choice that the agent cannot take is told once in the thread, and the turn runs without it. */
  async #choose({ session }: AgentSession): Promise<void> {
    const { model, effort, threadId } = this.#effect;
    for (const { kind, wanted, why } of await session.choose({ model, effort })) {
      if (this.#tools.toldChoices.isTold(`${threadId}/${kind}/${wanted}`)) continue;
      await this.#append([
        {
          type: "thread.activity.append",
          ...this.place,
          tone: "info",
          kind: "turn.choice-ignored",
          summary: `The ${kind} ${wanted} is not used: ${why}`.slice(0, SUMMARY_MAX_CHARACTERS),
          payload: { kind, wanted, why },
        },
      ]);
    }
  }

  /** An interrupt does not wait for an agent that is slow; its session stays for the next turn. */
  async #unlessInterrupted<Result>(work: Promise<Result>): Promise<Result> {
    const { signal } = this.#interruption;
    const interrupted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    try {
      return await Promise.race([work, interrupted]);
    } catch (error) {
      // A start that was given up on gives its session back by itself.
      work.catch(() => {});
      throw error;
    }
  }

  /** The agent waits while the returned promise is pending: nothing it says is lost, and nothing piles up. */
  async #take(event: RuntimeEvent): Promise<void> {
    this.#silence?.heard();
    // Told before the event, in one go: the next one may come before anything is durable.
    const releasing = LEAVES_CALLS_HELD.has(event.type) ? undefined : this.#calls.release();
    const taking = this.#record(event);
    await (releasing === undefined ? taking : Promise.all([releasing, taking]));
  }

  #record(event: RuntimeEvent): Promise<void> {
    switch (event.type) {
      case "message.delta":
        this.#tools.onStep?.("turn.speaking", [this.place.turnId]);
        return this.#texts.delta(event.messageKey, event.text);
      case "message.completed":
        return this.#texts.complete(event.messageKey);
      case "turn.started":
      case "turn.completed":
        return Promise.resolve();
      case "tool.started":
        return this.#calls.begin(event.tool);
      case "tool.updated": {
        const tool = withNewestOutput(event.tool);
        if (!this.#calls.update(tool)) this.#updates.offer(tool.itemId, { ...event, tool });
        return Promise.resolve();
      }
      case "usage.updated":
        this.#updates.offer("usage", event);
        return Promise.resolve();
      case "tool.completed":
        this.#updates.drop(event.tool.itemId);
        return this.#calls.end(event.tool);
      case "approval.requested":
        this.#openApprovals.add(event.request.requestId);
        break;
      case "approval.resolved":
        this.#openApprovals.delete(event.requestId);
        break;
      default:
    }
    return this.#append(commandsOf(event, this.place));
  }

  #untold(event: RuntimeEvent): RuntimeEvent {
    return event.type === "tool.updated" ? { ...event, tool: this.#calls.untold(event.tool) } : event;
  }

  async #finish(outcome: TurnOutcome): Promise<void> {
    const { threadId, turnId } = this.place;
    const session = this.#session;
    await this.#texts.completeAll();
    await this.#calls.release();
    this.#updates.flush();
    for (const requestId of this.#openApprovals)
      await this.#append([{ type: "thread.approval.expire", threadId, requestId, reason: "agent_gone" }]);
    if (this.#workspace !== undefined) await this.#snapshot(takeSnapshot, this.#workspace, this.#effect.turnCount);
    if (session !== undefined) this.#tools.sessions.release(session);
    const alive = session === undefined ? this.#tools.sessions.get(threadId) !== undefined : session.isAlive;
    const status = alive ? "ready" : outcome.status === "error" ? "error" : "stopped";
    await this.#append(
      [
        ...(outcome.status === "error" ? [this.#failed(outcome)] : []),
        ...commandsOf({ type: "turn.completed", ...outcome }, this.place),
        this.#sessionSet(status, status === "error" ? (outcome.detail ?? outcome.reason ?? null) : null),
      ],
      [this.#tools.ledger.turnSettled(turnId)],
    );
    this.#tools.onStep?.("turn.told", [this.place.turnId]);
  }

  #stalled(): InternalCommand {
    const { turnSilentMs } = this.#tools.limits;
    return {
      type: "thread.activity.append",
      ...this.place,
      tone: "info",
      kind: "turn.stalled",
      summary: `Nothing was heard from the agent for ${Math.round(turnSilentMs / 60_000)} minutes; the turn goes on`,
      payload: { silentMs: turnSilentMs },
    };
  }

  /** Why the turn failed stays with the turn; the session's last error is that of its latest turn alone. */
  #failed({ reason, detail }: TurnOutcome): InternalCommand {
    const told = detail?.split("\n").findLast((line) => line.trim() !== "") ?? reason ?? "The turn failed";
    return {
      type: "thread.activity.append",
      ...this.place,
      tone: "error",
      kind: "turn.failed",
      summary: told.slice(0, SUMMARY_MAX_CHARACTERS),
      payload: { reason: reason ?? null, detail: detail?.slice(0, DETAIL_MAX_CHARACTERS) ?? null },
    };
  }

  async #snapshot(take: typeof takeSnapshot, workspaceRoot: string, turnCount: number): Promise<void> {
    const { checkpoints, onBug } = this.#tools;
    try {
      const events = await take({ checkpoints, workspaceRoot, threadId: this.place.threadId, turnCount });
      await this.#append(events.flatMap((event) => commandsOf(event, this.place)));
    } catch (error) {
      // The turn itself is no less over for it.
      onBug(error);
    }
  }

  #sessionSet(
    status: "starting" | "running" | "ready" | "stopped" | "error",
    lastError: string | null = null,
  ): InternalCommand {
    const { threadId, turnId } = this.place;
    const session = this.#session;
    return {
      type: "thread.session.set",
      threadId,
      status,
      providerName: this.#effect.provider,
      providerSessionId: session?.providerSessionId ?? null,
      providerThreadId:
        session === undefined ? null : ProviderThreadId.parse(boundedId(session.session.providerThreadId)),
      activeTurnId: status === "starting" || status === "running" ? turnId : null,
      lastError: lastError?.slice(0, DETAIL_MAX_CHARACTERS) ?? null,
    };
  }

  #failure(error: unknown): TurnOutcome {
    if (error instanceof MusterError) {
      const tail = error.details?.["stderrTail"];
      const detail =
        typeof tail === "string" && !error.message.includes(tail) ? `${error.message}\n${tail}` : error.message;
      return {
        status: "error",
        reason: error.code.slice(0, REASON_MAX_CHARACTERS),
        detail: detail.slice(0, DETAIL_MAX_CHARACTERS),
      };
    }
    this.#tools.onBug(error);
    return {
      status: "error",
      reason: "internal_error",
      detail: "The daemon failed in a way it did not expect; its log says more.",
    };
  }

  #append(commands: readonly InternalCommand[], statements: readonly Statement[] = []): Promise<void> {
    if (commands.length === 0 && statements.length === 0) return Promise.resolve();
    const { correlationId } = this.#effect;
    return this.#tools.journal.append(
      commands.map((command) => ({ command, correlationId })),
      statements,
    );
  }
}
