// How fast commands are dispatched over HTTP, with 1 and with 64 keep-alive connections of one request in flight each: a
// whole hub in a process of its own, with log, token check and schema checks. Beside it GET /health over the same
// connections: what HTTP costs by itself. The mix stands in dispatch-mix.ts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { createProject, scriptsOf } from "./dispatch-mix.ts";
import { drive, type Latency, latencyOf, median } from "./statistics.ts";

const CLIENTS = [1, 64];
/** Asked for at 1 client. */
const TARGET_P50_MS = 1.5;

interface Server {
  readonly port: number;
  readonly token: string;
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Run {
  readonly requestsPerSecond: number;
  readonly latencyMs: Latency;
}

export interface HttpReport {
  readonly clients: number;
  readonly requests: number;
  readonly dispatch: Run;
  readonly health: Run;
}

/** A hub on a free port, with a node attached that is away. */
async function startServer(): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const child = spawn(process.execPath, [new URL("./http-hub.ts", import.meta.url).pathname, home], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line]: Buffer[] = await once(child.stdout, "data");
  const { port, token, spaceId } = JSON.parse(String(line));
  attachNode(join(home, "hub.db"), spaceId);
  const close = async (): Promise<void> => {
    child.stdin.end();
    await once(child, "exit");
    rmSync(home, { recursive: true });
  };
  return { port, token, close };
}

/** What a daemon's hello would leave. */
function attachNode(path: string, spaceId: string): void {
  const database = new DatabaseSync(path);
  const [session] = database.prepare("SELECT session_id FROM sessions").all();
  const [person] = database.prepare("SELECT principal_id FROM principals").all();
  const at = new Date().toISOString();
  database
    .prepare(
      `INSERT INTO runtime_node_attachments VALUES (?, 'attachment', ?, ?, 'node', '{}', '1.0', 'online', 1, ?, NULL, NULL)`,
    )
    .run(spaceId, session?.["session_id"] ?? null, person?.["principal_id"] ?? null, at);
  database.close();
}

class Client {
  readonly #agent: Agent;
  readonly #server: Server;

  constructor(server: Server, connections: number) {
    this.#server = server;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  send(method: string, path: string, body?: object): Promise<Answer> {
    const { port, token } = this.#server;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port, path: `/api/v1${path}`, method, agent: this.#agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
          );
          response.on("error", reject);
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends each client's requests in their order and tells how it went. Anything but 200 ends the run. */
async function run(
  client: Client,
  clients: number,
  requestOf: (client: number, turn: number) => { method: string; path: string; body?: object } | undefined,
): Promise<Run> {
  const durations: number[] = [];
  const began = performance.now();
  await drive(clients, async (index, turn) => {
    const one = requestOf(index, turn);
    if (one === undefined) return false;
    const sent = performance.now();
    const answer = await client.send(one.method, one.path, one.body);
    if (answer.status !== 200) throw new Error(`${one.path} answered ${answer.status}: ${answer.body}`);
    durations.push(performance.now() - sent);
    return true;
  });
  const seconds = (performance.now() - began) / 1_000;
  return { requestsPerSecond: durations.length / seconds, latencyMs: latencyOf(durations) };
}

const middle = (runs: readonly Run[]): Run => ({
  requestsPerSecond: median(runs.map((one) => one.requestsPerSecond)),
  latencyMs: {
    p50: median(runs.map((one) => one.latencyMs.p50)),
    p99: median(runs.map((one) => one.latencyMs.p99)),
  },
});

/** @param options.seconds about how long one run lasts */
export async function benchHttpDispatch(options: { seconds: number; rounds: number }): Promise<HttpReport[]> {
  const server = await startServer();
  const reports: HttpReport[] = [];
  try {
    const first = new Client(server, 1);
    const me: { defaultSessionId: string } = JSON.parse((await first.send("GET", "/auth/me")).body);
    await first.send("POST", "/orchestration/commands", createProject(me.defaultSessionId));
    first.close();
    for (const clients of CLIENTS) {
      const client = new Client(server, clients);
      const dispatch = (requests: number) => {
        const scripts = scriptsOf(clients, requests);
        return run(client, clients, (index, turn) => {
          const body = scripts[index]?.[turn];
          return body && { method: "POST", path: "/orchestration/commands", body };
        });
      };
      const trial = await dispatch(64 * 20);
      const requests = Math.ceil((trial.requestsPerSecond * options.seconds) / 320) * 320;
      const dispatched: Run[] = [];
      const healthy: Run[] = [];
      for (let round = 0; round < options.rounds; round += 1) {
        dispatched.push(await dispatch(requests));
        const perClient = requests / clients;
        healthy.push(
          await run(client, clients, (_index, turn) =>
            turn < perClient ? { method: "GET", path: "/health" } : undefined,
          ),
        );
      }
      client.close();
      reports.push({ clients, requests, dispatch: middle(dispatched), health: middle(healthy) });
    }
  } finally {
    await server.close();
  }
  return reports;
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean" }, seconds: { type: "string" }, rounds: { type: "string" } },
  });
  const reports = await benchHttpDispatch({ seconds: Number(values.seconds ?? 3), rounds: Number(values.rounds ?? 5) });
  if (values.json === true) {
    console.log(JSON.stringify(reports));
    return;
  }
  const row = (clients: number, what: string, one: Run) => ({
    clients,
    what,
    "requests/s": Math.round(one.requestsPerSecond),
    "p50 ms": Number(one.latencyMs.p50.toFixed(2)),
    "p99 ms": Number(one.latencyMs.p99.toFixed(2)),
  });
  console.table(
    reports.flatMap(({ clients, dispatch, health }) => [
      row(clients, "POST a command", dispatch),
      row(clients, "GET /health", health),
    ]),
  );
  const single = reports.find(({ clients }) => clients === 1);
  if (single !== undefined)
    console.log(`p50 at 1 client: ${single.dispatch.latencyMs.p50.toFixed(2)} ms (target ${TARGET_P50_MS} ms)`);
}

if (import.meta.main) await main(process.argv.slice(2));
