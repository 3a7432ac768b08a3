// The daemon put together: home and lock, identity, journal, runner and uplink. The only file that knows all of them.
import { randomFillSync, randomUUID } from "node:crypto";
import { type ErrorBody, type JournalId, MusterError, type NodeId, SpaceId } from "@muster/contracts";
import { type Clock, createIds, type Ids, isoTime, type Random } from "@muster/core";
import { type Store, StoreError } from "@muster/store";
import { destination, type Logger, pino } from "pino";
import { describeMachine } from "./capabilities.ts";
import { Checkpoints } from "./checkpoints/index.ts";
import { type Home, openHome, openOutbox } from "./home/index.ts";
import { type Identity, openIdentity } from "./identity/index.ts";
import { EffectLedger, IngestPump, Journal, ProviderSessionLedger } from "./journal/index.ts";
import type { Uplink, UplinkHost } from "./ports.ts";
import { type Environment, systemTimers } from "./processes/index.ts";
import { createAcpProvider, type ProviderConfiguration, pathLookup, presetConfiguration } from "./providers/index.ts";
import { Runner } from "./runner/index.ts";
import { DAEMON_MIGRATIONS } from "./schema/index.ts";
import { createUplink } from "./uplink/index.ts";

export interface PrepareOptions {
  /** The daemon's folder, made where it is missing. */
  readonly home: string;
  /** What agents and git may see a part of; this process's own when absent. */
  readonly environment?: Environment;
}

export interface StartOptions {
  /** `http://…` or `https://…`; the uplink's address follows from it. */
  readonly hubUrl: string;
  readonly spaceId: string;
  /** Folders below which projects may lie; absolute paths. */
  readonly workspaceRoots: readonly string[];
  /** Of the daemon, "MAJOR.MINOR" or longer. */
  readonly version: string;
  /** Of `daemon.log` in the home; "info" when absent, "silent" for none. */
  readonly logLevel?: string;
  /** Agents beside the ones known by name; one of the same name wins over them. */
  readonly providers?: readonly ProviderConfiguration[];
}

export interface RunningDaemon {
  /**
   * Resolves with the first hello that the hub accepted. Rejects when the hub refuses this node for good; a hub that is
   * away is waited for.
   */
  readonly connected: Promise<void>;
  /** Interrupts running turns, ends all agents, writes everything down, and disconnects; the home stays held. May be called twice. */
  close(): Promise<void>;
}

export interface PreparedDaemon {
  readonly nodeId: NodeId;
  /** Base64 of the 32 raw bytes of the Ed25519 public key: what the hub enrols. */
  readonly publicKey: string;
  /** Once per prepared daemon. Resolves when what an earlier process left behind is ended and told, before any connection is up. */
  start(options: StartOptions): Promise<RunningDaemon>;
  /** Ends what runs and gives the home back. May be called twice. */
  close(): Promise<void>;
}

const JOURNAL_PRUNE_INTERVAL_MS = 10 * 60 * 1_000;
/** What is in the journal when the daemon stops is offered to the hub for so long; the rest goes with the next start. */
const FAREWELL_MS = 2_000;

const clock: Clock = { now: () => Date.now() };
const random: Random = { fill: (bytes) => randomFillSync(bytes) };

/**
 * Takes the home and reads or makes the machine's identity; starts nothing.
 * @throws MusterError `home_unwritable`, `already_running` (the first one's pid in the details), `database_corrupt`,
 * `schema_mismatch`.
 */
export async function prepareDaemon(options: PrepareOptions): Promise<PreparedDaemon> {
  // biome-ignore lint/style/noProcessEnv: an agent inherits a part of the daemon's own environment, whoever started it.
  const environment = options.environment ?? process.env;
  const ids = createIds(clock, random);
  const home = openHome(options.home);
  let identity: Identity;
  let store: Store | undefined;
  try {
    identity = openIdentity({ home: home.paths.home, path: home.paths.identity, ids, clock });
    store = await openOutbox(home.paths);
    await migrate(store, ids, home);
  } catch (error) {
    await store?.close();
    home.release();
    throw error;
  }
  const opened = store;
  let running: Promise<Daemon> | undefined;
  let closing: Promise<void> | undefined;
  return {
    nodeId: identity.nodeId,
    publicKey: identity.publicKey,
    start: (start) => {
      if (running !== undefined || closing !== undefined) throw new Error("a prepared daemon is started once");
      running = Daemon.start({ home, identity, store: opened, ids, environment, start });
      return running;
    },
    close: () => {
      closing ??= (async () => {
        await running?.then(
          (daemon) => daemon.close(),
          () => {},
        );
        await opened.close();
        home.release();
      })();
      return closing;
    },
  };
}

async function migrate(store: Store, ids: Ids, home: Home): Promise<void> {
  try {
    await store.migrate(DAEMON_MIGRATIONS, { appliedAt: isoTime(clock.now()), generation: ids.next() });
  } catch (error) {
    if (error instanceof StoreError && error.code === "schema_mismatch") {
      throw new MusterError(
        "schema_mismatch",
        `${home.paths.outbox}: ${error.message}`,
        { path: home.paths.outbox },
        { cause: error },
      );
    }
    throw error;
  }
}

interface DaemonParts {
  readonly home: Home;
  readonly identity: Identity;
  readonly store: Store;
  readonly ids: Ids;
  readonly environment: Environment;
  readonly start: StartOptions;
}

class Daemon implements RunningDaemon {
  readonly connected: Promise<void>;
  readonly #log: Logger;
  readonly #journal: Journal;
  readonly #effects: EffectLedger;
  readonly #sessionLedger: ProviderSessionLedger;
  readonly #runner: Runner;
  readonly #pump: IngestPump;
  #uplink: Uplink | undefined;
  #firstConnect: { readonly resolve: () => void; readonly reject: (error: MusterError) => void };
  #cancelPrune: (() => void) | undefined;
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
    if (recovered.turns > 0 || recovered.processGroups.length > 0) {
      log.warn(
        { turns: recovered.turns, processGroups: recovered.processGroups },
        "ended what an earlier daemon left behind",
      );
    }
    daemon.#connect(parts);
    daemon.#prune();
    return daemon;
  }

  private constructor({ store, ids, environment, start, home }: DaemonParts, journal: Journal, log: Logger) {
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
      providerOf: (name) => {
        const configuration = own.get(name) ?? presetConfiguration(name, lookUp);
        return configuration === undefined ? undefined : createAcpProvider(configuration);
      },
      environment,
      workspaceRoots: start.workspaceRoots,
      ids,
      timers: systemTimers,
      log,
      sendLive: (delta) => this.#uplink?.sendDelta(delta),
    });
    this.#pump = new IngestPump({
      journal,
      timers: systemTimers,
      send: (batch) => this.#uplink?.sendIngest(batch) ?? false,
      onUnusable: (keepAfter) => void this.#renewJournal(keepAfter),
      onRefused: (error) => log.warn({ code: error.code }, "the hub did not take the journal's next entries"),
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#firstConnect = { resolve, reject };
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
    await this.#farewell();
    this.#pump.disconnected();
    await this.#uplink?.close();
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
      capabilities: () => describeMachine({ workspaceRoots: start.workspaceRoots, lookUp }),
      journal: () => ({ journalId: this.#journal.journalId, lastSequence: this.#journal.lastSequence }),
      runningTurns: () => this.#runner.runningTurns(),
      connected: (ack) => {
        this.#runner.stopTurns(ack.stopTurns);
        this.#pump.connected(ack.ingestCursor);
        this.#firstConnect.resolve();
      },
      disconnected: () => this.#pump.disconnected(),
      stopped: (error) => this.#stopped(error),
      runEffect: (effectId, fence, effect) => this.#runner.runEffect(effectId, fence, effect),
      answer: (request, signal) => this.#runner.answer(request, signal),
      ingestAcknowledged: (ack) => this.#pump.acknowledged(ack),
      bulkDrained: () => this.#pump.wake(),
    };
    this.#uplink = createUplink({ hubUrl: start.hubUrl, host, timers: systemTimers, random, ids, log: this.#log });
  }

  #stopped(error: ErrorBody): void {
    this.#log.error({ error }, "the hub does not take this node; the daemon stays, but a person must act");
    this.#firstConnect.reject(MusterError.from(error));
  }

  async #renewJournal(keepAfter: number): Promise<void> {
    const previous: JournalId = this.#journal.journalId;
    this.#pump.disconnected();
    await this.#journal.renew(keepAfter);
    this.#log.warn(
      { previous, journalId: this.#journal.journalId, keepAfter },
      "the hub's cursor does not fit the journal; its rows are offered under a new id",
    );
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
      this.#pruneOnce()
        .catch((error: unknown) => this.#log.error({ err: error }, "pruning failed"))
        .finally(() => {
          if (this.#closing === undefined) this.#prune();
        });
    });
  }

  async #pruneOnce(): Promise<void> {
    while (await this.#journal.prune());
    await this.#journal.append([], [this.#effects.prune(), this.#sessionLedger.prune()]);
  }
}
