// Agents' processes by thread: started when a turn needs one, taken up again where the agent can, written down with
// their process groups, and limited in number. A session serves one turn at a time; between turns it waits idle.
import { MusterError, ProviderSessionId, type RuntimeEvent, type RuntimeMode, type ThreadId } from "@muster/contracts";
import type { Ids } from "@muster/core";
import type { Statement } from "@muster/store";
import type { ProviderSessionLedger } from "../journal/index.ts";
import type { Environment, Timers } from "../processes/index.ts";
import type { AgentExit, Provider, ProviderLimits, ProviderSession } from "../providers/index.ts";

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
  readonly providerLimits?: Partial<ProviderLimits>;
  /** A process ended while no turn used it. */
  readonly onIdleExit: (session: AgentSession, exit: AgentExit) => void;
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
}

export class ProviderSessions {
  readonly #options: SessionsOptions;
  readonly #live = new Map<ThreadId, Live>();
  #starting = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** The thread's session, started where there is none. @throws MusterError `provider_unknown`, `unavailable`, and ProviderErrors. */
  async acquire(input: AcquireInput): Promise<AgentSession> {
    const { threadId, providerName, cwd, runtimeMode, onEvent } = input;
    const known = this.#live.get(threadId);
    if (known !== undefined) {
      if (known.isAlive && known.providerName === providerName && known.cwd === cwd) {
        known.session.setRuntimeMode(runtimeMode);
        known.sink = onEvent;
        return known;
      }
      await this.stop(threadId);
    }
    await this.#freeSlot(input.signal);
    this.#starting += 1;
    try {
      return await this.#start(input);
    } finally {
      this.#starting -= 1;
      this.#wake();
    }
  }

  /** The turn has ended; the session waits idle. */
  release(session: AgentSession): void {
    const live = this.#live.get(session.threadId);
    if (live !== session || live === undefined) return;
    live.sink = undefined;
    live.usedMs = this.#options.timers.nowMs();
    live.isFresh = false;
    this.#wake();
  }

  get(threadId: ThreadId): AgentSession | undefined {
    return this.#live.get(threadId);
  }

  /** Ends the thread's process; a running turn settles `interrupted`. Nothing happens where there is none. */
  async stop(threadId: ThreadId): Promise<void> {
    const live = this.#live.get(threadId);
    if (live === undefined) return;
    await live.session.stop();
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
    await Promise.all([...this.#live.keys()].map((threadId) => this.stop(threadId)));
  }

  async #start({ threadId, providerName, cwd, runtimeMode, onEvent }: AcquireInput): Promise<AgentSession> {
    const { providerOf, ledger, write, environment, timers, ids } = this.#options;
    const provider = providerOf(providerName);
    if (provider === undefined)
      throw new MusterError("provider_unknown", `There is no agent called ${providerName} on this node.`, {
        provider: providerName,
      });
    const providerSessionId = ProviderSessionId.parse(ids.next());
    const resume = await ledger.resumeOf(threadId, providerName);
    await write([ledger.starting({ providerSessionId, threadId, providerName, adapterKey: "acp", cwd })]);
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
        onEvent: (event) => (early.live === undefined ? onEvent(event) : early.live.sink?.(event)),
        onExit: (exit) => {
          if (early.live === undefined) early.exit = exit;
          else this.#exited(early.live, exit);
        },
        onProcessGroups: (groups) =>
          void write([ledger.processGroups(providerSessionId, groups)]).catch(this.#options.onBug),
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
      isAlive: early.exit === undefined,
      isFresh: !session.loaded,
      sink: onEvent,
      usedMs: timers.nowMs(),
    };
    early.live = live;
    this.#live.set(threadId, live);
    await write([ledger.running(providerSessionId, session.providerThreadId, session.canLoad)]);
    if (early.exit !== undefined) this.#exited(live, early.exit);
    if (this.#closed) await this.stop(threadId);
    return live;
  }

  #exited(live: Live, exit: AgentExit): void {
    const wasIdle = live.sink === undefined && live.isAlive;
    this.#gone(live, exit.code === 0 || exit.signal !== null ? "stopped" : "error");
    if (wasIdle) this.#options.onIdleExit(live, exit);
  }

  #gone(live: Live, status: "stopped" | "error"): void {
    if (this.#live.get(live.threadId) === live) this.#live.delete(live.threadId);
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
      if (this.#live.size + this.#starting < this.#options.processesMax) return;
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
