// Agents' processes by thread: started when a turn needs one, taken up again where the agent can, written down with
// their process groups, and limited in number. A session serves one turn at a time; between turns it waits idle.
import { MusterError, ProviderSessionId, type RuntimeEvent, type RuntimeMode, type ThreadId } from "@muster/contracts";
import type { Ids } from "@muster/core";
import type { Statement } from "@muster/store";
import type { ProviderSessionLedger } from "../journal/index.ts";
import { type Environment, endProcessGroup, type ProcessGroupRecord, type Timers } from "../processes/index.ts";
import type { AgentExit, Provider, ProviderLimits, ProviderSession } from "../providers/index.ts";
import { Lanes } from "./lanes.ts";
import { LEAVING_TERMINATE_WAIT_MS } from "./limits.ts";

export interface AgentSession {
  readonly threadId: ThreadId;
  readonly providerSessionId: ProviderSessionId;
  readonly providerName: string;
  readonly session: ProviderSession;
  /** The process runs. */
  readonly isAlive: boolean;
  /** The conversation began with this process: the agent knows nothing said before. */
  isFresh: boolean;
}

export interface SessionsOptions {
  readonly providerOf: (name: string) => Provider | undefined;
  readonly ledger: ProviderSessionLedger;
  /** Durable when it resolves. */
  readonly write: (statements: readonly Statement[]) => Promise<void>;
  readonly environment: Environment;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly processesMax: number;
  /** A process that no turn used for so long is ended. */
  readonly idleMs: number;
  readonly providerLimits?: Partial<ProviderLimits>;
  /** A process ended while no turn used it: by itself, with how it did, or by us. */
  readonly onIdleExit: (session: AgentSession, exit: AgentExit | null) => void;
  readonly onBug: (error: unknown) => void;
}

export interface AcquireInput {
  readonly threadId: ThreadId;
  readonly providerName: string;
  readonly cwd: string;
  readonly runtimeMode: RuntimeMode;
  /** Gets the session's events until it is released. */
  readonly onEvent: (event: RuntimeEvent) => void | Promise<void>;
  /** Gives up waiting for a free process. */
  readonly signal: AbortSignal;
}

interface Live extends AgentSession {
  isAlive: boolean;
  readonly cwd: string;
  sink: ((event: RuntimeEvent) => void | Promise<void>) | undefined;
  usedMs: number;
  /** We are ending it: no turn may begin on it any more. */
  isStopping: boolean;
  cancelIdle: (() => void) | undefined;
}

export class ProviderSessions {
  readonly #options: SessionsOptions;
  readonly #live = new Map<ThreadId, Live>();
  /** Starts of a thread, one after the other: one that was given up on must not be doubled by the next turn. */
  readonly #starts = new Lanes<ThreadId>();
  /** Threads whose start is to end in a stop. */
  readonly #unwanted = new Set<ThreadId>();
  /** Agents that are starting, with the process groups they have so far. */
  readonly #starting = new Map<ThreadId, readonly ProcessGroupRecord[]>();
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /**
   * The thread's session, started where there is none. Where the signal aborts, the start goes on and the session waits
   * idle for the next turn.
   * @throws MusterError `provider_unknown`, `unavailable`, ProviderErrors, and the signal's reason.
   */
  acquire(input: AcquireInput): Promise<AgentSession> {
    return this.#starts.run(input.threadId, () => this.#acquire(input));
  }

  /** The turn has ended; the session waits idle. */
  release(session: AgentSession): void {
    const live = this.#live.get(session.threadId);
    if (live === session && live !== undefined) this.#idle(live, { wasUsed: true });
  }

  get(threadId: ThreadId): AgentSession | undefined {
    return this.#live.get(threadId);
  }

  /** Ends the thread's process, also one that is just starting; a running turn settles `interrupted`. */
  async stop(threadId: ThreadId, options: { readonly terminateWaitMs?: number } = {}): Promise<void> {
    const live = this.#live.get(threadId);
    if (live === undefined) {
      await this.#abandonStart(threadId, options);
      return;
    }
    live.isStopping = true;
    live.cancelIdle?.();
    await live.session.stop(options);
    this.#gone(live, "stopped");
  }

  /** The thread's next session begins a new conversation. */
  async forget(threadId: ThreadId): Promise<void> {
    await this.stop(threadId);
    await this.#options.write([this.#options.ledger.forget(threadId)]);
  }

  /** Ends all processes and starts none any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    const options = { terminateWaitMs: LEAVING_TERMINATE_WAIT_MS };
    await Promise.all([...this.#live.keys(), ...this.#starting.keys()].map((threadId) => this.stop(threadId, options)));
    await this.#starts.idle();
  }

  /** An agent that takes long to greet is not waited for: without its processes the start fails at once. */
  async #abandonStart(threadId: ThreadId, limits: { readonly terminateWaitMs?: number }): Promise<void> {
    const groups = this.#starting.get(threadId);
    if (groups === undefined) return;
    this.#unwanted.add(threadId);
    const { timers } = this.#options;
    await Promise.all(groups.map((group) => endProcessGroup(group, { timers, limits })));
  }

  async #acquire(input: AcquireInput): Promise<AgentSession> {
    const { threadId, providerName, cwd, runtimeMode, onEvent, signal } = input;
    signal.throwIfAborted();
    const known = this.#live.get(threadId);
    if (known !== undefined) {
      const fits = known.providerName === providerName && known.cwd === cwd;
      if (fits && known.isAlive && !known.isStopping) {
        known.cancelIdle?.();
        known.session.setRuntimeMode(runtimeMode);
        known.sink = onEvent;
        return known;
      }
      await this.stop(threadId);
    }
    await this.#freeSlot(signal);
    this.#starting.set(threadId, []);
    try {
      const live = await this.#start(input);
      if (signal.aborted && live.isAlive) this.#idle(live, { wasUsed: false });
      signal.throwIfAborted();
      return live;
    } finally {
      this.#starting.delete(threadId);
      this.#unwanted.delete(threadId);
      this.#wake();
    }
  }

  #idle(live: Live, { wasUsed }: { readonly wasUsed: boolean }): void {
    live.sink = undefined;
    const { timers, idleMs, onBug } = this.#options;
    live.usedMs = timers.nowMs();
    if (wasUsed) live.isFresh = false;
    live.cancelIdle?.();
    if (live.isAlive) live.cancelIdle = timers.schedule(idleMs, () => void this.stop(live.threadId).catch(onBug));
    this.#wake();
  }

  async #start({ threadId, providerName, cwd, runtimeMode, onEvent, signal }: AcquireInput): Promise<Live> {
    const { providerOf, ledger, write, environment, timers, ids } = this.#options;
    const provider = providerOf(providerName);
    if (provider === undefined)
      throw new MusterError("provider_unknown", `There is no agent called ${providerName} on this node.`, {
        provider: providerName,
      });
    const providerSessionId = ProviderSessionId.parse(ids.next());
    const resume = await ledger.resumeOf(threadId, providerName);
    await write(ledger.starting({ providerSessionId, threadId, providerName, adapterKey: "acp", cwd }));
    // Events come before `start` resolves.
    const early: { live: Live | undefined; exit: AgentExit | undefined } = { live: undefined, exit: undefined };
    let session: ProviderSession;
    try {
      session = await provider.start({
        cwd,
        workspaceRoot: cwd,
        runtimeMode,
        ...(resume === null ? {} : { resume }),
        environment,
        onEvent: (event) =>
          early.live !== undefined ? early.live.sink?.(event) : signal.aborted ? undefined : onEvent(event),
        onExit: (exit) => {
          if (early.live === undefined) early.exit = exit;
          else this.#exited(early.live, exit);
        },
        onProcessGroups: (groups) => {
          if (this.#starting.has(threadId)) this.#starting.set(threadId, groups);
          void write([ledger.processGroups(providerSessionId, groups)]).catch(this.#options.onBug);
        },
        ids: { mint: () => ids.next() },
        timers,
        ...(this.#options.providerLimits === undefined ? {} : { limits: this.#options.providerLimits }),
      });
    } catch (error) {
      await write([ledger.ended(providerSessionId, "error")]);
      throw error;
    }
    const live: Live = {
      threadId,
      providerSessionId,
      providerName,
      session,
      cwd,
      isAlive: true,
      isFresh: !session.loaded,
      sink: onEvent,
      usedMs: timers.nowMs(),
      isStopping: false,
      cancelIdle: undefined,
    };
    early.live = live;
    this.#live.set(threadId, live);
    await write([ledger.running(providerSessionId, session.providerThreadId, session.canLoad)]);
    if (early.exit !== undefined) this.#exited(live, early.exit);
    if (!this.#closed && !this.#unwanted.has(threadId)) return live;
    await this.stop(threadId);
    throw new MusterError("unavailable", "The session was stopped while its agent started.");
  }

  #exited(live: Live, exit: AgentExit): void {
    const wasIdle = live.sink === undefined && live.isAlive;
    const isOrderly = live.isStopping || exit.code === 0 || exit.signal !== null;
    this.#gone(live, isOrderly ? "stopped" : "error");
    if (wasIdle) this.#options.onIdleExit(live, live.isStopping ? null : exit);
  }

  #gone(live: Live, status: "stopped" | "error"): void {
    if (this.#live.get(live.threadId) === live) this.#live.delete(live.threadId);
    live.cancelIdle?.();
    if (!live.isAlive) return;
    live.isAlive = false;
    const { ledger, write, onBug } = this.#options;
    void write([ledger.ended(live.providerSessionId, status)]).catch(onBug);
    this.#wake();
  }

  async #freeSlot(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#closed) throw new MusterError("unavailable", "The daemon is stopping.");
      signal.throwIfAborted();
      if (this.#live.size + this.#starting.size < this.#options.processesMax) return;
      const idle = [...this.#live.values()]
        .filter((live) => live.sink === undefined)
        .sort((one, other) => one.usedMs - other.usedMs)[0];
      if (idle !== undefined) await this.stop(idle.threadId);
      else await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
