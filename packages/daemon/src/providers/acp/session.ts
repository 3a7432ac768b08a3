// A conversation with a running agent: turns, interrupts, answers, the end. The states of a turn are few: none, running,
// running and interrupted; it is settled in one place, by whichever comes first: the agent's answer, its death, a stop.
import { resolve } from "node:path";
import { RequestError, type RequestPermissionRequest, type RequestPermissionResponse } from "@agentclientprotocol/sdk";
import {
  type ApprovalDecision,
  ApprovalRequestId,
  ProviderThreadId,
  type RuntimeEvent,
  type RuntimeMode,
  type ToolCall,
} from "@muster/contracts";
import { type ChildExit, within } from "../../processes/index.ts";
import type { ProviderLimits } from "../limits.ts";
import type {
  Prompt,
  ProviderConfiguration,
  ProviderSession,
  SessionCounters,
  StartOptions,
  TurnChoices,
  TurnOutcome,
  UnmetChoice,
} from "../provider.ts";
import { Approvals, questionOf } from "./approvals.ts";
import { Choices } from "./choices.ts";
import type { Connection } from "./connection.ts";
import type { Handshake } from "./handshake.ts";
import {
  agentDied,
  INTERRUPT_FORCED,
  INTERRUPTED,
  LINE_CLOSED,
  outcomeOfAnswer,
  outcomeOfError,
  STOPPED,
} from "./outcome.ts";
import { promptBlocks } from "./prompt.ts";
import { type Fields, fieldsOf } from "./text.ts";
import { boundedId, describeTool } from "./tools.ts";
import { Turn } from "./turn.ts";
import { type CostMeter, usageOfUpdate } from "./usage.ts";
import { isInside } from "./workspace.ts";

export interface SessionOptions {
  readonly connection: Connection;
  readonly handshake: Handshake;
  readonly configuration: ProviderConfiguration;
  readonly start: StartOptions;
  readonly limits: ProviderLimits;
  /** Real paths. */
  readonly root: string;
  readonly cwd: string;
  /** Where the conversation's cost stood after its replay. */
  readonly meter: CostMeter;
}

interface RunningTurn {
  readonly turn: Turn;
  readonly done: Promise<TurnOutcome>;
  resolve(outcome: TurnOutcome): void;
  /** Why the turn is being ended by us; set once. */
  endedBy: "interrupt" | "stop" | undefined;
  interrupting: Promise<void> | undefined;
}

export class AcpSession implements ProviderSession {
  readonly processGroupId: number;
  readonly processStartTime: string;
  readonly providerThreadId: string;
  readonly agentName: string | undefined;
  readonly agentVersion: string | undefined;
  readonly canLoad: boolean;
  readonly loaded: boolean;
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #approvals: Approvals;
  readonly #choices: Choices;
  #mode: RuntimeMode;
  #running: RunningTurn | undefined;
  #turns = 0;
  #droppedUpdates = 0;
  #exit: ChildExit | undefined;
  /** Deliveries the receiver has not finished; reading waits for them. */
  #delivery: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    const { connection, handshake, start } = options;
    this.#options = options;
    this.#connection = connection;
    this.#mode = start.runtimeMode;
    this.processGroupId = connection.child.processGroupId;
    this.processStartTime = connection.child.processStartTime;
    this.providerThreadId = handshake.providerThreadId;
    this.agentName = handshake.agentName;
    this.agentVersion = handshake.agentVersion;
    this.canLoad = handshake.canLoad;
    this.loaded = handshake.loaded;
    this.#approvals = new Approvals({
      approvalsMax: options.limits.approvalsMax,
      mode: () => this.#mode,
      staysInside: (tool) => this.#staysInside(tool),
      mintId: () => ApprovalRequestId.parse(start.ids.mint()),
      emit: (event) => this.#running?.turn.note(event),
    });
    this.#choices = new Choices({
      agent: connection.agent,
      sessionId: handshake.providerThreadId,
      timers: start.timers,
      timeoutMs: options.limits.handshakeTimeoutMs,
      opened: handshake.opened,
    });
    connection.listener = {
      update: (sessionId, update) => this.#onUpdate(sessionId, fieldsOf(update)),
      permission: (params, signal) => this.#onPermission(params, signal),
      terminalChanged: (terminalId) => this.#running?.turn.terminalChanged(terminalId),
      ready: () => this.#delivery,
    };
    this.#emit({
      type: "session.started",
      providerThreadId: ProviderThreadId.parse(boundedId(handshake.providerThreadId)),
      ...(handshake.agentName === undefined ? {} : { agentName: handshake.agentName }),
      ...(handshake.agentVersion === undefined ? {} : { agentVersion: handshake.agentVersion }),
      canLoad: handshake.canLoad,
      loaded: handshake.loaded,
    });
    void connection.child.exited.then((exit) => this.#onExit(exit));
  }

  choose(choices: TurnChoices): Promise<readonly UnmetChoice[]> {
    return this.#choices.apply(choices);
  }

  prompt(prompt: Prompt): Promise<TurnOutcome> {
    if (this.#running !== undefined) throw new Error("a turn is running: wait for its end before the next prompt");
    let resolveDone = (_outcome: TurnOutcome): void => {};
    const done = new Promise<TurnOutcome>((resolvePromise) => {
      resolveDone = resolvePromise;
    });
    this.#turns += 1;
    const { limits, start, meter } = this.#options;
    const turn = new Turn({
      number: this.#turns,
      limits,
      timers: start.timers,
      meter,
      emit: (event) => this.#emit(event),
      terminalOutput: (terminalId) => this.#connection.terminals.tailOf(terminalId),
    });
    const running: RunningTurn = { turn, done, resolve: resolveDone, endedBy: undefined, interrupting: undefined };
    this.#running = running;
    if (this.#exit !== undefined) this.#settleDead(running);
    else void this.#ask(running, prompt);
    return done;
  }

  interrupt(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return Promise.resolve();
    running.interrupting ??= this.#interrupt(running);
    return running.interrupting;
  }

  answer(requestId: ApprovalRequestId, decision: ApprovalDecision): boolean {
    return this.#approvals.answer(requestId, decision);
  }

  setRuntimeMode(mode: RuntimeMode): void {
    this.#mode = mode;
  }

  counters(): SessionCounters {
    return { malformedLines: this.#connection.malformedLines, droppedUpdates: this.#droppedUpdates };
  }

  async stop(options: { readonly terminateWaitMs?: number } = {}): Promise<void> {
    const running = this.#running;
    if (running !== undefined) {
      running.endedBy ??= "stop";
      this.#approvals.withdrawAll();
    }
    await this.#connection.end(options.terminateWaitMs);
    await within(this.#options.start.timers, this.#options.limits.killWaitMs, this.#connection.child.exited);
    if (running !== undefined) this.#settle(running, STOPPED);
  }

  async #ask(running: RunningTurn, prompt: Prompt): Promise<void> {
    const { traceparent } = prompt;
    try {
      const answer = fieldsOf(
        await this.#connection.agent.request("session/prompt", {
          sessionId: this.providerThreadId,
          prompt: promptBlocks(prompt, this.#options.handshake.takesResources),
          ...(traceparent === undefined ? {} : { _meta: { traceparent } }),
        }),
      );
      this.#settle(running, running.endedBy === undefined ? outcomeOfAnswer(answer) : INTERRUPTED, answer);
    } catch (error) {
      if (!(error instanceof RequestError)) await this.#lineLost(running);
      else if (running.endedBy !== undefined) this.#settle(running, INTERRUPTED);
      else this.#settle(running, outcomeOfError(this.#options.configuration, error));
    }
  }

  /** The line closed without an answer: mostly the agent died, and its exit says more. */
  async #lineLost(running: RunningTurn): Promise<void> {
    const exit = await within(
      this.#options.start.timers,
      this.#options.limits.terminateWaitMs,
      this.#connection.child.exited,
    );
    if (exit !== undefined) return; // #onExit settles
    this.#approvals.forgetAll();
    void this.#connection.end();
    this.#settle(running, running.endedBy === undefined ? LINE_CLOSED : INTERRUPTED);
  }

  async #interrupt(running: RunningTurn): Promise<void> {
    running.endedBy ??= "interrupt";
    this.#approvals.withdrawAll();
    const { limits, start } = this.#options;
    void this.#connection.agent.notify("session/cancel", { sessionId: this.providerThreadId }).catch(() => {}); // a closed line: the exit settles
    if ((await within(start.timers, limits.cancelWaitMs, running.done)) !== undefined) return;
    await this.#connection.end();
    await within(start.timers, limits.killWaitMs, this.#connection.child.exited);
    this.#settle(running, INTERRUPT_FORCED);
  }

  #settle(running: RunningTurn, outcome: TurnOutcome, answer: Fields = {}): void {
    if (this.#running !== running) return;
    this.#approvals.withdrawAll();
    if (!running.turn.finish(outcome, answer)) return;
    this.#running = undefined;
    running.resolve(outcome);
  }

  #settleDead(running: RunningTurn): void {
    const { child } = this.#connection;
    this.#approvals.forgetAll();
    if (running.endedBy === "interrupt") this.#settle(running, INTERRUPT_FORCED);
    else if (running.endedBy === "stop") this.#settle(running, STOPPED);
    else this.#settle(running, agentDied(child.errorTail()));
  }

  #onExit(exit: ChildExit): void {
    this.#exit = exit;
    if (this.#running !== undefined) this.#settleDead(this.#running);
    void this.#connection.end();
    this.#options.start.onExit({
      code: exit.code,
      signal: exit.signal,
      stderrTail: this.#connection.child.errorTail(),
    });
  }

  #onUpdate(sessionId: string, update: Fields): void {
    const running = this.#running;
    if (update["sessionUpdate"] === "config_option_update" && sessionId === this.providerThreadId)
      this.#choices.learn(update["configOptions"]);
    if (sessionId !== this.providerThreadId) this.#droppedUpdates += 1;
    else if (running !== undefined) this.#droppedUpdates += running.turn.update(update) ? 0 : 1;
    else {
      this.#droppedUpdates += 1;
      // Between turns nothing is shown, but the cost must not be charged to the next one.
      if (update["sessionUpdate"] === "usage_update") usageOfUpdate(update, this.#options.meter);
    }
  }

  async #onPermission(params: RequestPermissionRequest, signal: AbortSignal): Promise<RequestPermissionResponse> {
    const running = this.#running;
    if (running === undefined || running.endedBy !== undefined || params.sessionId !== this.providerThreadId)
      return { outcome: { outcome: "cancelled" } };
    const change = fieldsOf(params.toolCall);
    running.turn.applyTool(change);
    return this.#approvals.ask(
      questionOf(params, running.turn.toolOf(params.toolCall.toolCallId) ?? describeTool(change)),
      signal,
    );
  }

  #staysInside(tool: ToolCall): boolean {
    const paths = [...tool.locations.map((location) => location.path), ...(tool.edits ?? []).map((edit) => edit.path)];
    return paths.every(
      (path) =>
        isInside(this.#options.root, resolve(this.#options.cwd, path)) ||
        isInside(this.#options.start.workspaceRoot, path),
    );
  }

  #emit(event: RuntimeEvent): void {
    const delivered = this.#options.start.onEvent(event);
    if (delivered === undefined) return;
    const before = this.#delivery;
    const all = Promise.all([before, delivered]).then(
      () => {},
      () => {}, // whoever receives the events answers for its own failures
    );
    this.#delivery = all;
    void all.then(() => {
      if (this.#delivery === all) this.#delivery = undefined;
    });
  }
}
