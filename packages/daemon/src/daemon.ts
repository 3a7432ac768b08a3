// The daemon put together: journal, runner and uplink over an open home. The only file that knows all of them.
import { randomFillSync, randomUUID } from "node:crypto";
import { type ErrorBody, type FrameOf, MusterError, SpaceId } from "@muster/contracts";
import type { Clock, Ids, Random } from "@muster/core";
import type { Store } from "@muster/store";
import { destination, type Logger, pino } from "pino";
import { describeMachine } from "./capabilities.ts";
import { Checkpoints } from "./checkpoints/index.ts";
import { WorkspaceFiles } from "./files/index.ts";
import type { Home } from "./home/index.ts";
import type { Identity } from "./identity/index.ts";
import { BegunCallLedger, EffectLedger, IngestPump, Journal, ProviderSessionLedger } from "./journal/index.ts";
import type { Uplink, UplinkHost } from "./ports.ts";
import { type Environment, systemTimers, type Timers } from "./processes/index.ts";
import { createAcpProvider, type ProviderConfiguration, pathLookup, presetConfiguration } from "./providers/index.ts";
import { Runner } from "./runner/index.ts";
import { aboutEffect, aboutEntries, type OnDaemonStep } from "./steps.ts";
import { createUplink } from "./uplink/index.ts";

export interface StartOptions {
  /** `http://…` or `https://…`; the uplink's address follows from it. */
  readonly hubUrl: string;
  readonly spaceId: string;
  /** Folders below which projects may lie; absolute paths. */
  readonly workspaceRoots: readonly string[];
  /** Folders whose files nobody gets to see, wherever they lie, beside the daemon's own: those of a hub on this machine. */
  readonly hiddenFolders?: readonly string[];
  /** Of the daemon, "MAJOR.MINOR" or longer. */
  readonly version: string;
  /** Of `daemon.log` in the home; "info" when absent, "silent" for none. */
  readonly logLevel?: string;
  /** Agents beside the ones known by name; one of the same name wins over them. */
  readonly providers?: readonly ProviderConfiguration[];
  /** Told of every step of effects and reports as it is passed; for tests that end the process there. */
  readonly onStep?: OnDaemonStep;
  /** How long a connection lives until earlier failures no longer count; a minute when absent. */
  readonly healthyAfterMs?: number;
  /** Told when the hub has accepted a hello, and when that connection is lost. */
  readonly onConnection?: (isConnected: boolean) => void;
}

export interface RunningDaemon {
  /**
   * Resolves with the first hello that the hub accepted. Rejects when the hub refuses this node for good; a hub that is
   * away is waited for.
   */
  readonly connected: Promise<void>;
  /**
   * Resolves with the reason when the hub will not have this node any more, at its first hello or later; never otherwise. The
   * daemon stays until it is closed, but tries no more.
   */
  readonly refused: Promise<MusterError>;
  /** Interrupts running turns, ends all agents, writes everything down, and disconnects; the home stays held. May be called twice. */
  close(): Promise<void>;
}

const JOURNAL_PRUNE_INTERVAL_MS = 10 * 60 * 1_000;
/** What is in the journal when the daemon stops is offered to the hub for so long; the rest goes with the next start. */
const FAREWELL_MS = 2_000;

export const clock: Clock = { now: () => Date.now() };
export const random: Random = { fill: (bytes) => randomFillSync(bytes) };

export interface DaemonParts {
  readonly home: Home;
  readonly identity: Identity;
  readonly store: Store;
  readonly ids: Ids;
  readonly environment: Environment;
  /** By which agents are waited for. */
  readonly agentTimers: Timers;
  readonly start: StartOptions;
}

export class Daemon implements RunningDaemon {
  readonly connected: Promise<void>;
  readonly refused: Promise<MusterError>;
  readonly #refuse: (error: MusterError) => void;
  readonly #log: Logger;
  readonly #journal: Journal;
  readonly #effects: EffectLedger;
  readonly #sessionLedger: ProviderSessionLedger;
  readonly #runner: Runner;
  readonly #pump: IngestPump;
  #uplink: Uplink | undefined;
  #firstConnect: { readonly resolve: () => void; readonly reject: (error: MusterError) => void };
  #cancelPrune: (() => void) | undefined;
  #pruning: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  static async start(parts: DaemonParts): Promise<Daemon> {
    const { store, ids, start, home } = parts;
    SpaceId.parse(start.spaceId);
    const file = destination({ dest: home.paths.log, mode: 0o600, sync: true });
    // A full disk must not end the daemon: what cannot be logged is lost, what was accepted is not.
    file.on("error", () => {});
    const log = pino({ level: start.logLevel ?? "info", base: null, timestamp: pino.stdTimeFunctions.isoTime }, file);
    const holder: { daemon: Daemon | undefined } = { daemon: undefined };
    const journal = await Journal.open({
      store,
      clock,
      ids,
      timers: systemTimers,
      onAppended: () => holder.daemon?.appended(),
      onInvalid: ({ type }, issues) => log.error({ type, issues }, "an entry for the journal did not fit the contract"),
      onDelayed: (error) => log.warn({ err: error }, "the journal could not be written; trying again"),
    });
    const daemon = new Daemon(parts, journal, log);
    holder.daemon = daemon;
    const recovered = await daemon.#runner.recover();
    if (recovered.turns > 0 || recovered.reverts > 0 || recovered.processGroups.length > 0)
      log.warn(recovered, "ended what an earlier daemon left behind");
    daemon.#connect(parts);
    daemon.#prune();
    return daemon;
  }

  private constructor(
    { store, ids, environment, agentTimers, start, home }: DaemonParts,
    journal: Journal,
    log: Logger,
  ) {
    const lookUp = pathLookup(environment["PATH"] ?? "");
    const own = new Map(start.providers?.map((configuration) => [configuration.name, configuration]));
    this.#log = log;
    this.#journal = journal;
    this.#effects = new EffectLedger({ store, clock });
    this.#sessionLedger = new ProviderSessionLedger({ store, clock });
    this.#runner = new Runner({
      journal,
      effects: this.#effects,
      sessionLedger: this.#sessionLedger,
      checkpoints: new Checkpoints({ dataDir: home.paths.data, nowMs: clock.now, environment }),
      files: new WorkspaceFiles({ environment, hiddenFolders: [home.paths.home, ...(start.hiddenFolders ?? [])] }),
      providerOf: (name) => {
        const configuration = own.get(name) ?? presetConfiguration(name, lookUp);
        return configuration === undefined ? undefined : createAcpProvider(configuration);
      },
      environment,
      workspaceRoots: start.workspaceRoots,
      ids,
      timers: agentTimers,
      log,
      onStep: start.onStep,
      begunCalls: new BegunCallLedger({ store, clock }),
      sendLive: (delta) => this.#uplink?.sendDelta(delta),
      sendCall: (call) => this.#uplink?.sendCall(call),
    });
    this.#pump = new IngestPump({
      journal,
      timers: systemTimers,
      send: (batch) => {
        const isSent = this.#uplink?.sendIngest(batch) ?? false;
        if (isSent && start.onStep !== undefined) start.onStep("ingest.sent", aboutEntries(batch.entries));
        return isSent;
      },
      onUnusable: (keepAfter) => void this.#renewJournal(keepAfter),
      onRefused: (error) => log.warn({ code: error.code }, "the hub did not take the journal's next entries"),
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#firstConnect = { resolve, reject };
    const refusal = Promise.withResolvers<MusterError>();
    this.refused = refusal.promise;
    this.#refuse = refusal.resolve;
    // Who does not ask is not told by a crash.
    promise.catch(() => {});
  }

  appended(): void {
    this.#pump.wake();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelPrune?.();
    this.#firstConnect.reject(new MusterError("unavailable", "The daemon was closed before it was connected."));
    await this.#runner.close();
    // Endings of agents are told on the side; what is told now stands behind them.
    await this.#journal.append([]);
    await this.#farewell();
    this.#pump.disconnected();
    await this.#uplink?.close();
    await this.#pruning;
    await this.#journal.close();
  }

  #connect({ identity, ids, start, environment }: DaemonParts): void {
    const incarnation = randomUUID();
    const lookUp = pathLookup(environment["PATH"] ?? "");
    const host: UplinkHost = {
      nodeId: identity.nodeId,
      spaceId: SpaceId.parse(start.spaceId),
      daemonVersion: start.version,
      incarnation,
      sign: (text) => identity.sign(text),
      capabilities: () =>
        describeMachine({ workspaceRoots: start.workspaceRoots, providers: start.providers ?? [], lookUp }),
      journal: () => ({ journalId: this.#journal.journalId, lastSequence: this.#journal.lastSequence }),
      runningTurns: () => this.#runner.runningTurns(),
      connected: (ack) => {
        this.#runner.stopTurns(ack.stopTurns);
        this.#greeted(ack);
        this.#firstConnect.resolve();
        start.onConnection?.(true);
      },
      disconnected: () => {
        this.#pump.disconnected();
        start.onConnection?.(false);
      },
      stopped: (error) => this.#stopped(error),
      runEffect: async (effectId, fence, effect, traceparent) => {
        start.onStep?.("effect.received", aboutEffect(effect));
        await this.#runner.runEffect(effectId, fence, effect, traceparent);
        start.onStep?.("effect.taken", aboutEffect(effect));
      },
      answer: (request, signal) => this.#runner.answer(request, signal),
      ingestAcknowledged: (ack) => {
        this.#pump.acknowledged(ack);
        start.onStep?.("ingest.acknowledged", []);
        if (this.#journal.isFull) this.#pruneNow();
      },
      bulkDrained: () => this.#pump.wake(),
    };
    this.#uplink = createUplink({
      hubUrl: start.hubUrl,
      host,
      timers: systemTimers,
      random,
      ids,
      log: this.#log,
      healthyAfterMs: start.healthyAfterMs,
    });
  }

  /** A hub whose store was restored gets all that it lacks and is still kept here, under a new journal. */
  #greeted({ generation, ingestCursor }: FrameOf<"hello_ack">): void {
    const known = this.#journal.hubGeneration;
    if (known !== null && known !== generation) {
      this.#log.warn(
        { known, generation, ingestCursor },
        "the hub's store was restored; what it lacks is offered again",
      );
      const isAhead = ingestCursor > this.#journal.lastSequence;
      void this.#renewJournal(isAhead ? this.#journal.acknowledgedSequence : ingestCursor, generation);
      return;
    }
    if (known === null)
      this.#journal
        .rememberHub(generation)
        .catch((error: unknown) => this.#log.error({ err: error }, "the hub's generation could not be written down"));
    if (ingestCursor < this.#journal.acknowledgedSequence) {
      const acknowledged = this.#journal.acknowledgedSequence;
      this.#log.warn({ ingestCursor, acknowledged }, "the hub has less than it acknowledged; was it restored?");
    }
    this.#pump.connected(ingestCursor);
  }

  #stopped(error: ErrorBody): void {
    this.#log.error({ error }, "the hub does not take this node; the daemon stays, but a person must act");
    const refusal = MusterError.from(error);
    // The hub has settled what ran here, and nobody will hear of it: agents must not go on in secret.
    if (error.code === "runtimenode.attach_revoked") this.#runner.stopTurns(this.#runner.runningTurns());
    this.#firstConnect.reject(refusal);
    this.#refuse(refusal);
  }

  async #renewJournal(keepAfter: number, hubGeneration?: string): Promise<void> {
    const previous = this.#journal.journalId;
    this.#pump.disconnected();
    try {
      await this.#journal.renew(keepAfter, hubGeneration);
      const { journalId } = this.#journal;
      this.#log.warn(
        { previous, journalId, keepAfter },
        "the journal does not fit the hub any more; its rows go under a new id",
      );
    } catch (error) {
      this.#log.error({ err: error }, "the journal could not be renewed");
    }
    this.#uplink?.reconnect();
  }

  /** The endings of what was interrupted just now reach the hub, where it listens. */
  async #farewell(): Promise<void> {
    if (this.#uplink?.isConnected !== true) return;
    const endMs = systemTimers.nowMs() + FAREWELL_MS;
    while (
      this.#uplink.isConnected &&
      this.#journal.acknowledgedSequence < this.#journal.lastSequence &&
      systemTimers.nowMs() < endMs
    ) {
      await new Promise<void>((resolve) => systemTimers.schedule(10, resolve));
    }
  }

  #prune(): void {
    this.#cancelPrune = systemTimers.schedule(JOURNAL_PRUNE_INTERVAL_MS, () => {
      this.#pruneNow();
      this.#prune();
    });
  }

  #pruneNow(): void {
    this.#pruning ??= this.#pruneOnce()
      .catch((error: unknown) => this.#log.error({ err: error }, "pruning failed"))
      .finally(() => {
        this.#pruning = undefined;
      });
  }

  async #pruneOnce(): Promise<void> {
    while (await this.#journal.prune());
    await this.#journal.append([], [this.#effects.prune(), this.#sessionLedger.prune()]);
  }
}
