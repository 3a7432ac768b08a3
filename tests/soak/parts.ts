// Hub and daemon as two processes over one place: started, killed and started again; the hub keeps its port. After every
// start of the daemon no agent of an earlier one may live.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient, type MusterClient } from "@muster/client";
import { PATIENCE_MS } from "@muster/core/testing";
import { prepareDaemon } from "@muster/daemon";
import { Place } from "../cli/muster.ts";
import { isAlive, processesOf } from "../cli/processes.ts";
import type { DaemonProcessSettings } from "./daemon-process.ts";
import type { DatabasePlace } from "./evidence.ts";
import type { HubProcessSettings, HubReady } from "./hub-process.ts";

const STOP_MAX_MS = 30_000;
const HEALTHY_AFTER_MS = 100;
const VERSION = "0.1.0";
const hubScript = fileURLToPath(new URL("./hub-process.ts", import.meta.url));
const daemonScript = fileURLToPath(new URL("./daemon-process.ts", import.meta.url));

class Part {
  readonly #script: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(script: string, env: NodeJS.ProcessEnv) {
    this.#script = script;
    this.#env = env;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves with the line of readiness. */
  async start(settings: object): Promise<string> {
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", this.#script, JSON.stringify(settings)],
      { env: this.#env, stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#child = child;
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    this.#ended = new Promise((resolve) => {
      child.once("close", () => {
        if (this.#child === child) this.#child = undefined;
        resolve();
      });
    });
    return new Promise((resolve, reject) => {
      let stdout = "";
      const timer = setTimeout(() => reject(new Error(`${this.#script} did not start: ${stderr}`)), PATIENCE_MS);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
        const end = stdout.indexOf("\n");
        if (end < 0) return;
        clearTimeout(timer);
        resolve(stdout.slice(0, end));
      });
      child.once("close", () => {
        clearTimeout(timer);
        reject(new Error(`${this.#script} ended before it was ready: ${stderr}`));
      });
    });
  }

  /** Resolves when the process is gone; does nothing where none runs. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    const kill = setTimeout(() => this.#child?.kill("SIGKILL"), STOP_MAX_MS);
    await this.#ended;
    clearTimeout(kill);
  }

  /** Resolves when the process has ended by itself. */
  ended(): Promise<void> {
    return this.#ended;
  }
}

export class Parts {
  readonly place = new Place();
  readonly hub: Part;
  readonly daemon: Part;
  /** Processes that lived longer than they should, in words. */
  readonly leftovers: string[] = [];
  /** What did not come to rest by itself. */
  readonly unrest: string[] = [];
  readonly ledger = join(this.place.root, "ledger.jsonl");
  /** Where a trap may be armed for the processes. */
  readonly trapFolder: string | undefined;
  readonly #databaseUrl: string | null;
  #ready: HubReady | undefined;
  #node: HubProcessSettings["node"] | undefined;
  #client: MusterClient | undefined;

  /** The hub's database is a file unless a URL is given, of a PostgreSQL database that is empty. */
  constructor(options: { readonly isTrapped?: boolean; readonly databaseUrl?: string | undefined } = {}) {
    this.#databaseUrl = options.databaseUrl ?? null;
    this.trapFolder = options.isTrapped === true ? join(this.place.root, "trap") : undefined;
    if (this.trapFolder !== undefined) mkdirSync(this.trapFolder);
    const env = { ...this.place.env, MUSTER_SAMPLE_LEDGER: this.ledger, MUSTER_SAMPLE_DELAY_MS: "3" };
    this.hub = new Part(hubScript, env);
    this.daemon = new Part(daemonScript, env);
  }

  get hubDatabase(): DatabasePlace {
    return this.#databaseUrl === null ? { path: join(this.place.home, "hub/hub.db") } : { url: this.#databaseUrl };
  }

  get daemonDatabase(): DatabasePlace {
    return { path: join(this.place.home, "daemon/outbox.db") };
  }

  get client(): MusterClient {
    if (this.#client === undefined) throw new Error("the hub was never started");
    return this.#client;
  }

  async start(): Promise<void> {
    mkdirSync(this.place.home);
    const prepared = await prepareDaemon({ home: join(this.place.home, "daemon"), environment: this.place.env });
    this.#node = { nodeId: prepared.nodeId, publicKey: prepared.publicKey };
    await prepared.close();
    await this.startHub();
    await this.startDaemon();
  }

  async startHub(): Promise<void> {
    if (this.#node === undefined) throw new Error("there is no node yet");
    const settings: HubProcessSettings = {
      home: join(this.place.home, "hub"),
      host: "127.0.0.1",
      port: this.#ready?.port ?? 0,
      version: VERSION,
      consoleDirectory: null,
      databaseUrl: this.#databaseUrl,
      node: this.#node,
      ...this.#trap(),
    };
    this.#ready = JSON.parse(await this.hub.start(settings)) as HubReady;
    this.#client = createClient({
      baseUrl: this.#ready.url,
      token: readFileSync(this.#ready.tokenFile, "utf8").trim(),
    });
  }

  async startDaemon(): Promise<void> {
    if (this.#ready === undefined) throw new Error("there is no hub yet");
    const old = this.agents();
    const settings: DaemonProcessSettings = {
      home: join(this.place.home, "daemon"),
      start: {
        hubUrl: this.#ready.url,
        spaceId: this.#ready.spaceId,
        workspaceRoots: [this.place.work],
        version: VERSION,
        // Hubs die here more often than anywhere else; waiting longer each time would be most of a run.
        healthyAfterMs: HEALTHY_AFTER_MS,
      },
      ...this.#trap(),
    };
    await this.daemon.start(settings);
    for (const pid of old) if (isAlive(pid)) this.leftovers.push(`agent ${pid} outlived its daemon's next start`);
  }

  #trap(): { trapFolder?: string } {
    return this.trapFolder === undefined ? {} : { trapFolder: this.trapFolder };
  }

  /** Process ids of the agents that run. */
  agents(): number[] {
    return processesOf(this.place.root)
      .filter(({ command }) => command.includes("sample-agent"))
      .map(({ pid }) => pid);
  }

  /** A folder to work in; without git its checkpoints lie in a shadow repository. */
  folder(name: string, options: { readonly isRepository: boolean }): string {
    if (options.isRepository) return this.place.repository(name);
    const folder = join(this.place.work, name);
    mkdirSync(folder);
    writeFileSync(join(folder, "README.md"), `# ${name}\n`);
    return folder;
  }

  /** Git folders that hold hidden refs. */
  gitFolders(): string[] {
    const shadows = join(this.place.home, "daemon/checkpoints/shadow");
    return [
      ...readdirSync(this.place.work).map((name) => join(this.place.work, name, ".git")),
      ...(existsSync(shadows) ? readdirSync(shadows).map((name) => join(shadows, name)) : []),
    ].filter((folder) => existsSync(folder));
  }

  /** Ends daemon and hub as a service manager would, and notes what stays behind. */
  async stop(): Promise<void> {
    await this.daemon.end("SIGTERM");
    await this.hub.end("SIGTERM");
    const end = performance.now() + PATIENCE_MS;
    while (processesOf(this.place.root).length > 0 && performance.now() < end) await pause(50);
    for (const { pid, command } of processesOf(this.place.root))
      this.leftovers.push(`process ${pid} outlived the run: ${command.slice(0, 120)}`);
  }

  /** Starts both again, for what the end left in the daemon's journal. */
  async startAgain(): Promise<void> {
    await this.startHub();
    await this.startDaemon();
  }

  /** Ends both at once and keeps every file. */
  async end(): Promise<void> {
    await Promise.all([this.daemon.end("SIGKILL"), this.hub.end("SIGKILL")]);
  }

  /** Ends what is left and removes every file. */
  async clear(): Promise<void> {
    await this.end();
    await this.place.clear();
  }
}
