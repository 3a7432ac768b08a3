// Hubs as real processes on one PostgreSQL, with scripted machines and people who follow feeds.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient, type MusterClient } from "@muster/client";
import type { FrameOf, NodeSummary, SpaceId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { type PostgresAddress, runOn, urlOf } from "@muster/store/testing";
import { DaemonEnd, keyOf, type Machine } from "../../packages/hub/src/uplink/testing/daemon-end.ts";
import type { HubProcessSettings, HubReady } from "../soak/hub-process.ts";

const SCRIPT = fileURLToPath(new URL("../soak/hub-process.ts", import.meta.url));

export interface RunningHub extends HubReady {
  readonly client: MusterClient;
  /** As a power failure ends it. */
  kill(): Promise<void>;
}

export interface Following {
  readonly heard: NodeSummary[];
  stop(): void;
}

/** Everything of one test. */
export class Hubs {
  readonly #address: PostgresAddress;
  readonly #root = mkdtempSync(join(tmpdir(), "muster-hubs-"));
  readonly #children: ChildProcess[] = [];
  readonly #stops: (() => void)[] = [];

  constructor(address: PostgresAddress) {
    this.#address = address;
  }

  /** A hub that lets this machine in; resolves when it serves. */
  async start(name: string, machine: Machine, more: Partial<HubProcessSettings> = {}): Promise<RunningHub> {
    const settings: HubProcessSettings = {
      home: join(this.#root, name),
      databaseUrl: urlOf(this.#address),
      host: "127.0.0.1",
      port: 0,
      version: "0.1.0",
      consoleDirectory: null,
      logLevel: "warn",
      node: { nodeId: machine.nodeId, publicKey: keyOf(machine) },
      ...more,
    };
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SCRIPT, JSON.stringify(settings)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#children.push(child);
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const ready = JSON.parse(line) as HubReady;
    const token = readFileSync(ready.tokenFile, "utf8").trim();
    return {
      ...ready,
      client: createClient({ baseUrl: ready.url, token }),
      kill: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
  }

  /** Hears what the hub says of machines from now on. */
  async follow({ client }: RunningHub): Promise<Following> {
    const heard: NodeSummary[] = [];
    const stopping = new AbortController();
    let isLive = false;
    const { generation, snapshotSequence } = await client.api.orchestration.getSnapshot({ limit: 1 });
    const follow = async (): Promise<void> => {
      for await (const message of client.followFeed({
        after: `${generation}:${snapshotSequence}`,
        signal: stopping.signal,
      })) {
        if (message.type === "synchronized") isLive = true;
        if (message.type === "presence") heard.push(message.node);
      }
    };
    follow().catch(() => undefined);
    this.#stops.push(() => stopping.abort());
    await until("the feed to be live", () => isLive);
    return { heard, stop: () => stopping.abort() };
  }

  /** Machines of the database with a slot in the default session, last heard so long ago, of whom no hub has a socket. */
  async addSilentMachines(count: number, silentMs: number): Promise<void> {
    await runOn(
      this.#address,
      `INSERT INTO nodes (space_id, node_id, owner, public_key, archived_keys_json, encryption_key, epoch, incarnation, created_at)
       SELECT spaces.space_id, 'silent-' || i, (SELECT owner FROM nodes LIMIT 1), '', '[]', NULL, 1, 'old', ''
       FROM spaces, generate_series(1, ${count}) AS n (i)`,
      `INSERT INTO runtime_node_attachments (space_id, id, session_id, participant_id, node_id, capabilities_json, client_version, state, epoch, attached_at)
       SELECT node.space_id, 'slot-' || node.node_id, spaces.default_session_id, node.owner, node.node_id, '{}', '0.1.0', 'online', 1, ''
       FROM nodes node, spaces WHERE spaces.space_id = node.space_id AND node.node_id LIKE 'silent-%'`,
      `INSERT INTO runtime_node_presence (space_id, node_id, connection_id, last_heartbeat_at, health_state)
       SELECT space_id, node_id, NULL, ${agoMs(silentMs)}, 'online' FROM nodes WHERE node_id LIKE 'silent-%'`,
    );
  }

  /** Lets a further machine in. */
  async enrol(machine: Machine): Promise<void> {
    await runOn(
      this.#address,
      `INSERT INTO nodes (space_id, node_id, owner, public_key, archived_keys_json, encryption_key, epoch, incarnation, created_at)
       SELECT space_id, '${machine.nodeId}', owner, '${keyOf(machine)}', '[]', NULL, 0, NULL, '' FROM nodes LIMIT 1`,
    );
  }

  /** As if the machine had not been heard for so long. */
  async silence({ nodeId }: Machine, silentMs: number): Promise<void> {
    const sql = `UPDATE runtime_node_presence SET last_heartbeat_at = ${agoMs(silentMs)} WHERE node_id = '${nodeId}'`;
    await runOn(this.#address, sql);
  }

  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return runOn(this.#address, sql);
  }

  async clear(): Promise<void> {
    for (const stop of this.#stops) stop();
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(this.#root, { recursive: true, force: true });
  }
}

const agoMs = (milliseconds: number): string =>
  `to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '${milliseconds} milliseconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The machine's daemon on an uplink of its own. */
export async function connect(
  hub: RunningHub,
  machine: Machine,
  incarnation = "incarnation-000001",
): Promise<{ end: DaemonEnd; ack: FrameOf<"hello_ack"> }> {
  const end = new DaemonEnd(hub.url);
  end.send(await end.hello(machine, { spaceId: hub.spaceId as SpaceId, incarnation }));
  return { end, ack: await end.next("hello_ack") };
}
