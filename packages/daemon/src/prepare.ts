// Before a daemon runs: its home is taken, its identity read or made, its database opened and brought up to date. What
// is wrong with any of them is one typed error, and nothing is held then.
import { existsSync } from "node:fs";
import { joinSigningInput, MusterError, type NodeCapabilities, type NodeId } from "@muster/contracts";
import { createIds, type Ids, isoTime } from "@muster/core";
import { type Store, StoreError } from "@muster/store";
import { describeMachine } from "./capabilities.ts";
import { clock, Daemon, type RunningDaemon, random, type StartOptions } from "./daemon.ts";
import { type Home, openHome, openOutbox } from "./home/index.ts";
import { type Identity, openIdentity } from "./identity/index.ts";
import { type Environment, systemTimers, type Timers } from "./processes/index.ts";
import { pathLookup } from "./providers/index.ts";
import { DAEMON_MIGRATIONS } from "./schema/index.ts";

export interface PrepareOptions {
  /** The daemon's folder, made where it is missing. */
  readonly home: string;
  /** What agents and git may see a part of; this process's own when absent. */
  readonly environment?: Environment;
  /** By which agents are waited for; the system's own unless a test moves time. */
  readonly agentTimers?: Timers;
}

export interface PreparedDaemon {
  readonly nodeId: NodeId;
  /** Base64 of the 32 raw bytes of the Ed25519 public key: what the hub enrols. */
  readonly publicKey: string;
  /** What the machine would declare about itself. */
  describe(options: Pick<StartOptions, "workspaceRoots" | "providers">): NodeCapabilities;
  /** Base64 of the signature by which this machine proves its key to the hub of an invite. */
  proveJoin(inviteToken: string): string;
  /** Once per prepared daemon. Resolves when what an earlier process left behind is ended and told, before any connection is up. */
  start(options: StartOptions): Promise<RunningDaemon>;
  /** Ends what runs and gives the home back. May be called twice. */
  close(): Promise<void>;
}

/**
 * Takes the home and reads or makes the machine's identity; starts nothing.
 * @throws MusterError `home_unwritable`, `already_running` (the first one's pid in the details), `database_corrupt`,
 * `schema_mismatch`.
 */
export async function prepareDaemon(options: PrepareOptions): Promise<PreparedDaemon> {
  // biome-ignore lint/style/noProcessEnv: an agent inherits a part of the daemon's own environment, whoever started it.
  const environment = options.environment ?? process.env;
  const agentTimers = options.agentTimers ?? systemTimers;
  const ids = createIds(clock, random);
  const home = openHome(options.home);
  let identity: Identity;
  let store: Store | undefined;
  try {
    refuseLostIdentity(home);
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
    describe: ({ workspaceRoots, providers = [] }) =>
      describeMachine({ workspaceRoots, providers, lookUp: pathLookup(environment["PATH"] ?? "") }),
    proveJoin: (token) => identity.sign(joinSigningInput({ token, nodeId: identity.nodeId })),
    start: (start) => {
      if (running !== undefined || closing !== undefined) throw new Error("a prepared daemon is started once");
      running = Daemon.start({ home, identity, store: opened, ids, environment, agentTimers, start });
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

/** An outbox without an identity belonged to a node: a new one beside it would silently orphan that node's projects. */
function refuseLostIdentity({ paths }: Home): void {
  if (existsSync(paths.identity) || !existsSync(paths.outbox)) return;
  throw new MusterError(
    "database_corrupt",
    `${paths.identity} is gone, but this home was in use, so the daemon did not start: the hub would see another machine. Put a backup of it in its place; or move the folder ${paths.home} away to start as a new machine.`,
    { path: paths.identity },
  );
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
