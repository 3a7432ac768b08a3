// The hub put together: store, event core, identity, nodes, uplink and HTTP, started in the order in which each needs
// the others and closed in reverse. The only file that knows all of them.
import { randomFillSync } from "node:crypto";
import { ARCHIVED_KEPT_DAYS_DEFAULT, MusterError, type NodeId, type SpaceId } from "@muster/contracts";
import { type Clock, createIds, type Random } from "@muster/core";
import { integer, keyedReads, StoreError, select } from "@muster/store";
import { databaseError, markRestored, openHubDatabase } from "./database.ts";
import { DatabaseCheck } from "./database-check.ts";
import { createNodeFiles } from "./files/index.ts";
import { type LogLevel, makeHome, openLog } from "./home.ts";
import { createHttpServer, type HttpServer, loginUrl } from "./http/index.ts";
import { createAudit, createTokens, openIdentity } from "./identity/index.ts";
import { announcementBy, createNodes, SLOT_LEASE_MS } from "./nodes/index.ts";
import { type OnHubStep, openOrchestration, type RetentionSettings } from "./orchestration/index.ts";
import type { Nodes, Orchestration } from "./ports.ts";
import { createInvites, createSessions, type SessionsOptions } from "./sessions/index.ts";
import { SharedClock } from "./shared-clock.ts";
import { createUplink } from "./uplink/index.ts";

/** Answered wherever the store answers at all. */
const anything = select({ request: {}, row: { one: integer() }, sql: "SELECT 1 AS one" });

export interface HubSettings {
  /** Folder of the hub's files; made when absent. One process at a time. */
  readonly home: string;
  /** Of the PostgreSQL database that holds the state; null: a file in the home. Many hubs may share one. */
  readonly databaseUrl?: string | null;
  /** A loopback address; any other address of this machine, or `0.0.0.0` or `::` for all of them, with `trustNetwork`. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whoever listens on the way to the hub may read tokens, because it speaks plain HTTP; false when absent. */
  readonly trustNetwork?: boolean;
  /** Where others reach the hub, such as the address of a proxy with TLS; what it listens on when absent. */
  readonly publicUrl?: string;
  readonly version: string;
  /** Folder of the console's bundle; null: a plain page says that it is missing. */
  readonly consoleDirectory: string | null;
  readonly logLevel?: string;
  /** Requests that one principal may send in a second, and four times as many at once; 500 when absent. */
  readonly requestsPerSecondMax?: number;
  /** Days that archived threads keep their details, 30 when absent; null: for ever. Deleted threads are not asked. */
  readonly keepArchivedDays?: number | null;
  /** How long the slot of a machine that is offline waits for it, 10 minutes when absent; then its turns are lost. */
  readonly slotLeaseMs?: number;
  /** Told of every step of effects and reports as it is passed; for tests that end the process there. */
  readonly onStep?: OnHubStep;
}

export interface Hub {
  /** For people and other machines. */
  readonly url: string;
  /** For programs of this machine. */
  readonly localUrl: string;
  readonly port: number;
  readonly generation: string;
  /** File with the bearer token of the command line, mode 0600. */
  readonly tokenFile: string;
  readonly spaceId: SpaceId;
  /** A one-time link that logs a browser in as the owner; good for 10 minutes. */
  createLoginLink(): Promise<string>;
  /** Lets this machine's daemon in by its public key (base64 of the 32 raw bytes). */
  enrolLocalNode(node: { readonly nodeId: NodeId; readonly publicKey: string }): Promise<{ spaceId: SpaceId }>;
  close(): Promise<void>;
}

const systemClock: Clock = { now: () => Date.now() };
const systemRandom: Random = { fill: (bytes) => randomFillSync(bytes) };

/** Tells a hub that does not run that its database was restored from a backup; see `markRestored` in database.ts. */
export const markHubRestored = (
  home: string,
  databaseUrl: string | null = null,
): Promise<{ readonly generation: string }> =>
  markRestored({ home, url: databaseUrl }, systemClock, createIds(systemClock, systemRandom));

const requestLimits = (perSecond: number | undefined) =>
  perSecond === undefined ? {} : { requestsPerSecondMax: perSecond, requestsBurstMax: 4 * perSecond };

/** What a session's nodes are shown as follows its floor and its members, so consoles are told when those change. */
const openPeople = (
  options: Omit<SessionsOptions, "onNodesChanged">,
  nodes: Pick<Nodes, "list">,
  core: () => Orchestration,
  onSlotChanged: (spaceId: SpaceId, nodeId: NodeId) => void,
  onBug: (error: unknown) => void,
) => {
  const onNodesChanged: SessionsOptions["onNodesChanged"] = (spaceId, sessionId) =>
    void nodes
      .list(spaceId, [sessionId])
      .then((changed) => {
        core().publishPresence(spaceId, changed);
        for (const { nodeId } of changed) onSlotChanged(spaceId, nodeId);
      })
      .catch(onBug);
  const all: SessionsOptions = { ...options, onNodesChanged };
  return {
    sessions: createSessions(all),
    invites: createInvites(all),
    tokens: createTokens(all),
    audit: createAudit(all),
  };
};

/**
 * Starts a hub on its own SQLite database, or on PostgreSQL beside others, and resolves when it serves.
 * Throws MusterError `home_unwritable`, `database_corrupt`, `schema_mismatch`, `database_mismatch`, `database_unreachable`,
 * `database_denied`, `database_unsuitable`, `port_in_use`, `validation_failed` (a place that may not be listened on, a URL that
 * is none); nothing is left running then.
 */
export async function startHub(settings: HubSettings): Promise<Hub> {
  const { home, host, port, version, consoleDirectory, slotLeaseMs = SLOT_LEASE_MS } = settings;
  const clock = new SharedClock(systemClock);
  const random = systemRandom;
  const ids = createIds(clock, random);
  let databaseServer: string | undefined;
  const closing: (() => void | Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  try {
    makeHome(home);
    const { log, close: closeLog } = openLog(home, (settings.logLevel ?? "info") as LogLevel);
    closing.push(closeLog);
    const onBug = (error: unknown): void => log.error({ err: error }, "something unexpected happened");
    const database = await openHubDatabase({ home, url: settings.databaseUrl ?? null }, clock, ids);
    const { generation } = database;
    databaseServer = database.server;
    closing.push(() => database.store.close());
    closing.push(await clock.follow(database.store));
    const { differenceMs } = clock;
    if (differenceMs !== 0)
      log.warn({ differenceMs }, "this machine's clock is wrong by that of the database server, which is used");
    const check = new DatabaseCheck(database, log);
    const { store } = check;
    const near = keyedReads(store);
    const identity = await openIdentity({ store: near, clock, ids, random, home });
    let orchestration: Orchestration | undefined;
    const core = (): Orchestration => {
      if (orchestration === undefined) throw new Error("the event core is not open yet");
      return orchestration;
    };
    const replicaId = ids.next();
    const onSlotChanged = (spaceId: SpaceId, nodeId: NodeId): void => void uplink.recheck(spaceId, nodeId);
    const nodes = createNodes({
      store: near,
      wideStore: store,
      hubId: replicaId,
      hubPrincipalId: identity.cliPrincipalId,
      slotLeaseMs,
      clock,
      ids,
      onBug,
      onPresence: (spaceId, changed) => orchestration?.publishPresence(spaceId, changed),
      onSlotChanged,
      onSwept: async () => orchestration?.settleLost(),
    });
    let server: HttpServer | undefined;
    const announcement = announcementBy(replicaId);
    const uplink = createUplink({
      nodes,
      orchestration: core,
      allowUpgrade: (request) => server?.serves(request.headers.host) ?? false,
      shareOf: (request) => server?.shareOf(request) ?? null,
      replicaId,
      clock,
      ids,
      random,
      log,
    });
    orchestration = await openOrchestration({
      store,
      clock,
      ids,
      random,
      generation,
      connections: uplink.connections,
      hubPrincipalId: identity.cliPrincipalId,
      replicaId,
      slotLeaseMs,
      onBug,
      onStep: settings.onStep,
      onWarning: (message) => log.warn(message),
      retention: retentionOf(settings, log),
    });
    closing.push(
      () => nodes.close(),
      () => core().close(),
    );
    await nodes.open();
    const http = createHttpServer({
      identity,
      orchestration,
      nodes,
      ...openPeople({ store: near, clock, ids, random, identity, announcement }, nodes, core, onSlotChanged, onBug),
      nodeFiles: createNodeFiles({ store: near, connections: uplink.connections }),
      version,
      consoleDirectory: consoleDirectory ?? undefined,
      log,
      clock,
      ids,
      readiness: {
        store: async () => {
          await store.read(anything(store.dialect, {}));
          if (check.state === "damaged") throw new MusterError("database_corrupt");
        },
      },
      integrity: () => check.state,
      onUpgrade: (request, socket, head) => uplink.handleUpgrade(request, socket, head),
      ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }),
      limits: requestLimits(settings.requestsPerSecondMax),
    });
    server = http;
    const listening = await http.listen({ host, port, trustNetwork: settings.trustNetwork ?? false });
    // Feeds end first, then the nodes' sockets, then the core: what arrived before the end is still committed.
    closing.push(
      () => uplink.close(),
      () => http.close(),
    );
    check.start();
    closing.push(() => check.stop());
    log.info({ url: listening.url, version, generation, database: databaseServer ?? "a file" }, "the hub serves");
    const { spaceId, ownerId, cliTokenFile: tokenFile } = identity;
    return {
      url: listening.url,
      localUrl: listening.localUrl,
      port: listening.port,
      generation,
      tokenFile,
      spaceId,
      createLoginLink: async () =>
        loginUrl(listening.url, (await identity.createLoginToken({ spaceId, principalId: ownerId })).token),
      enrolLocalNode: async ({ nodeId, publicKey }) => {
        await nodes.enrol({ spaceId, nodeId, ownerId, publicKey });
        return { spaceId };
      },
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error instanceof StoreError && databaseServer !== undefined
      ? await databaseError(error, databaseServer)
      : error;
  }
}

const retentionOf = ({ keepArchivedDays }: HubSettings, log: ReturnType<typeof openLog>["log"]): RetentionSettings => ({
  archivedKeptDays: keepArchivedDays === undefined ? ARCHIVED_KEPT_DAYS_DEFAULT : keepArchivedDays,
  onDone: (result) => log.info(result, "retention ran"),
  onFailed: (error) => log.error({ err: error }, "retention failed and will run again tomorrow"),
});
