// One turn from its effect to its end. Whatever happens it settles exactly once, with the fact that it settled in the
// same transaction as the journal's entry, and in this order: messages complete, questions expire, checkpoint, settle,
// the session's state.
import {
  type ApprovalDecision,
  type ApprovalRequestId,
  type EffectBody,
  type InternalCommand,
  type LiveDelta,
  MessageId,
  MusterError,
  type RuntimeEvent,
} from "@muster/contracts";
import type { Ids } from "@muster/core";
import type { Statement } from "@muster/store";
import type { Checkpoints } from "../checkpoints/index.ts";
import type { EffectLedger, Journal } from "../journal/index.ts";
import type { Timers } from "../processes/index.ts";
import type { TurnOutcome } from "../providers/index.ts";
import { DETAIL_MAX_CHARACTERS, REASON_MAX_CHARACTERS, type RunnerLimits } from "./limits.ts";
import { commandsOf, type Place } from "./mapping.ts";
import type { AgentSession, ProviderSessions } from "./sessions.ts";
import { takeSnapshot, takeStartSnapshot } from "./snapshots.ts";
import { AssistantTexts } from "./texts.ts";
import { Throttle } from "./throttle.ts";
import { checkWorkspace } from "./workspace.ts";

export type TurnEffect = Extract<EffectBody, { kind: "node.turn.start" }>;

export interface TurnTools {
  readonly journal: Journal;
  readonly ledger: EffectLedger;
  readonly sessions: ProviderSessions;
  readonly checkpoints: Checkpoints;
  readonly ids: Ids;
  readonly timers: Timers;
  readonly limits: RunnerLimits;
  readonly workspaceRoots: readonly string[];
  readonly sendLive: (delta: LiveDelta) => void;
  readonly onBug: (error: unknown) => void;
}

export class TurnRun {
  readonly place: Place;
  readonly #effect: TurnEffect;
  readonly #tools: TurnTools;
  readonly #texts: AssistantTexts;
  readonly #updates: Throttle<RuntimeEvent>;
  readonly #openApprovals = new Set<ApprovalRequestId>();
  readonly #interruption = new AbortController();
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
      // A failure shows where the turn's end is written.
      pass: (event) => void this.#append(commandsOf(event, this.place)).catch(() => {}),
    });
  }

  /** Resolves when the turn has settled and its end is durable. Rejects only where the journal refuses to take it. */
  async run(): Promise<void> {
    let outcome: TurnOutcome;
    try {
      outcome = await this.#work();
    } catch (error) {
      outcome = this.#interruption.signal.aborted
        ? { status: "interrupted", reason: this.#interruptReason }
        : this.#failure(error);
    }
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
    const session = await this.#acquire(workspace);
    this.#session = session;
    await this.#append([this.#sessionSet("running")]);
    signal.throwIfAborted();
    await this.#snapshot(takeStartSnapshot, workspace, turnCount);
    signal.throwIfAborted();
    const outcome = await session.session.prompt({
      text,
      attachments,
      ...(preamble === null || !session.isFresh ? {} : { preamble }),
    });
    return outcome.status === "interrupted" && signal.aborted ? { ...outcome, reason: this.#interruptReason } : outcome;
  }

  /** An interrupt does not wait for an agent that is slow to start; the session stays for the next turn. */
  async #acquire(workspace: string): Promise<AgentSession> {
    const { threadId, provider, runtimeMode } = this.#effect;
    const { sessions } = this.#tools;
    const { signal } = this.#interruption;
    const acquiring = sessions.acquire({
      threadId,
      providerName: provider,
      cwd: workspace,
      runtimeMode,
      onEvent: (event) => this.#take(event),
      signal,
    });
    const interrupted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    try {
      return await Promise.race([acquiring, interrupted]);
    } catch (error) {
      // It gives the session back by itself.
      acquiring.catch(() => {});
      throw error;
    }
  }

  /** The agent waits while the returned promise is pending: nothing it says is lost, and nothing piles up. */
  #take(event: RuntimeEvent): Promise<void> {
    switch (event.type) {
      case "message.delta":
        return this.#texts.delta(event.messageKey, event.text);
      case "message.completed":
        return this.#texts.complete(event.messageKey);
      case "turn.started":
      case "turn.completed":
        return Promise.resolve();
      case "tool.started":
        this.#updates.touch(event.tool.itemId);
        break;
      case "tool.updated":
        this.#updates.offer(event.tool.itemId, event);
        return Promise.resolve();
      case "usage.updated":
        this.#updates.offer("usage", event);
        return Promise.resolve();
      case "tool.completed":
        this.#updates.drop(event.tool.itemId);
        break;
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

  async #finish(outcome: TurnOutcome): Promise<void> {
    const { threadId, turnId } = this.place;
    const session = this.#session;
    await this.#texts.completeAll();
    this.#updates.flush();
    for (const requestId of this.#openApprovals)
      await this.#append([{ type: "thread.approval.expire", threadId, requestId, reason: "agent_gone" }]);
    if (this.#workspace !== undefined) await this.#snapshot(takeSnapshot, this.#workspace, this.#effect.turnCount);
    if (session !== undefined) this.#tools.sessions.release(session);
    const alive = session === undefined ? this.#tools.sessions.get(threadId) !== undefined : session.isAlive;
    const status = alive ? "ready" : outcome.status === "error" ? "error" : "stopped";
    await this.#append(
      [
        ...commandsOf({ type: "turn.completed", ...outcome }, this.place),
        this.#sessionSet(status, status === "error" ? (outcome.detail ?? outcome.reason ?? null) : null),
      ],
      [this.#tools.ledger.turnSettled(turnId)],
    );
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
      providerThreadId: (session?.session.providerThreadId ?? null) as Extract<
        InternalCommand,
        { type: "thread.session.set" }
      >["providerThreadId"],
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
