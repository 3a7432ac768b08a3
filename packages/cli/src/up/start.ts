// Hub and daemon in one process: started in the order in which each needs the other, undone in reverse when one of
// them cannot start, so that a bad start leaves nothing behind.
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { MusterError } from "@muster/contracts";
import { prepareDaemon } from "@muster/daemon";
import { startHub } from "@muster/hub";
import { StoreError } from "@muster/store";
import { type HomePaths, readEndpoint, removeEndpoint, writeEndpoint } from "../home.ts";
import type { HubPlace } from "./options.ts";

export interface UpSettings {
  readonly paths: HomePaths;
  /** Null: a file in the home. */
  readonly databaseUrl: string | null;
  readonly place: HubPlace;
  readonly port: number;
  readonly workspaceRoots: readonly string[];
  readonly version: string;
  readonly consoleDirectory: string | null;
  readonly logLevel?: string;
  readonly keepArchivedDays: number | null;
  /** How long the slot of a machine that is offline waits for it; the hub's own time when absent. */
  readonly slotLeaseMs?: number;
  readonly pid: number;
  /** Of which agents and git see a part. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Running {
  readonly url: string;
  readonly loginUrl: string;
  readonly tokenFile: string;
  /** Resolves when this machine is on the roster. */
  readonly connected: Promise<void>;
  /** Resolves when the hub takes this machine's daemon no more; never where that does not happen. */
  readonly refused: Promise<MusterError>;
  close(): Promise<void>;
}

type Undo = () => void | Promise<void>;

/** Throws MusterError `already_running`, what `startHub` throws, and `home_unwritable` for the daemon's part. */
export async function startEverything(settings: UpSettings): Promise<Running> {
  const { paths, place, port, version, workspaceRoots, pid } = settings;
  const undo: Undo[] = [];
  let close: Promise<void> | undefined;
  const closeAll = (): Promise<void> => {
    close ??= undoAll(undo);
    return close;
  };
  const made = makeHome(paths.home);
  try {
    const daemon = await prepareDaemon({ home: paths.daemon, environment: settings.environment });
    undo.push(() => daemon.close());
    const logLevel = settings.logLevel === undefined ? {} : { logLevel: settings.logLevel };
    const { consoleDirectory, databaseUrl, keepArchivedDays } = settings;
    const hub = await startHub({
      home: paths.hub,
      databaseUrl,
      host: place.host,
      trustNetwork: place.trustNetwork,
      ...(place.publicUrl === null ? {} : { publicUrl: place.publicUrl }),
      port,
      version,
      consoleDirectory,
      keepArchivedDays,
      ...(settings.slotLeaseMs === undefined ? {} : { slotLeaseMs: settings.slotLeaseMs }),
      ...logLevel,
    });
    undo.push(() => hub.close());
    const { spaceId } = await hub.enrolLocalNode({ nodeId: daemon.nodeId, publicKey: daemon.publicKey });
    const node = await daemon.start({
      hubUrl: hub.localUrl,
      spaceId,
      workspaceRoots: [...workspaceRoots],
      hiddenFolders: [paths.hub],
      version,
      ...logLevel,
    });
    undo.push(() => node.close());
    writeEndpoint(paths, { url: hub.localUrl, pid, nodeId: daemon.nodeId });
    undo.push(() => removeEndpoint(paths, pid));
    const loginUrl = await hub.createLoginLink();
    const { connected, refused } = node;
    return { url: hub.url, loginUrl, tokenFile: hub.tokenFile, connected, refused, close: closeAll };
  } catch (error) {
    await closeAll();
    const isRunning = error instanceof MusterError && error.code === "already_running";
    // A folder that this start made goes again, unless another start has taken it meanwhile.
    if (made !== undefined && !isRunning) rmSync(made, { recursive: true, force: true });
    throw isRunning ? alreadyRunning(paths, error) : startError(paths, error);
  }
}

/** Makes the home where it is missing; the first folder made, if any. */
function makeHome(home: string): string | undefined {
  const missing: string[] = [];
  for (let folder = home; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  try {
    // One by one: Node's own recursive way never returns where the system takes no folders, as in /proc.
    for (const folder of missing) mkdirSync(folder, { mode: 0o700 });
    if (!statSync(home).isDirectory()) throw Object.assign(new Error("a file is there"), { code: "ENOTDIR" });
    return missing[0];
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new MusterError(
      "home_unwritable",
      `The home folder ${home} cannot be made (${reason}).`,
      { home },
      { cause: error },
    );
  }
}

/** Last started, first closed; one that fails to close keeps none of the others open. */
async function undoAll(undo: Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** A disk that is full or gives errors shows in any of the writes of a start. */
function startError(paths: HomePaths, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const isStorage = (error instanceof StoreError && code === "unavailable") || WRITE_FAILURES.has(code);
  if (!isStorage) return error;
  const reason = error instanceof Error ? error.message : String(code);
  const message = `The home folder ${paths.home} cannot be written: ${reason}.`;
  return new MusterError("home_unwritable", message, { home: paths.home }, { cause: error });
}

const WRITE_FAILURES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EPERM"]);

function alreadyRunning(paths: HomePaths, error: MusterError): MusterError {
  const endpoint = readEndpoint(paths);
  if (endpoint === null) return error;
  const message = `Muster already runs with the home ${paths.home}: process ${endpoint.pid}, ${endpoint.url}.`;
  return new MusterError("already_running", message, error.details, { cause: error });
}
