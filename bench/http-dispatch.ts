// How fast commands are dispatched over HTTP, with 1 and with 64 keep-alive connections of one request in flight each: a
// whole hub in a process of its own, with log, token check and schema checks. Beside it GET /health over the same
// connections: what HTTP costs by itself. The mix stands in dispatch-mix.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { createProject, scriptsOf } from "./dispatch-mix.ts";
import { HttpClient, startHubProcess } from "./hub-process.ts";
import { drive, type Latency, latencyOf, median } from "./statistics.ts";

const CLIENTS = [1, 64];
const COMMANDS = "/orchestration/commands";
/** Asked for at 1 client. */
const TARGET_P50_MS = 1.5;

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

/** What a daemon's hello would leave. */
function attachNode(path: string, spaceId: string): void {
  const database = new DatabaseSync(path);
  const [session] = database.prepare("SELECT session_id FROM sessions").all();
  const [person] = database.prepare("SELECT principal_id FROM principals").all();
  const at = new Date().toISOString();
  database
    .prepare(`INSERT INTO nodes VALUES (?, 'node', ?, 'key', '[]', NULL, 1, 'process', ?)`)
    .run(spaceId, person?.["principal_id"] ?? null, at);
  database
    .prepare(
      `INSERT INTO runtime_node_attachments VALUES (?, 'attachment', ?, ?, 'node', '{}', '1.0', 'online', 1, ?, NULL, NULL)`,
    )
    .run(spaceId, session?.["session_id"] ?? null, person?.["principal_id"] ?? null, at);
  database.close();
}

/** Sends each client's requests in their order and tells how it went. Anything but 200 ends the run. */
async function run(
  clients: number,
  requestOf: (client: number, turn: number) => (() => Promise<string>) | undefined,
): Promise<Run> {
  const durations: number[] = [];
  const began = performance.now();
  await drive(clients, async (index, turn) => {
    const send = requestOf(index, turn);
    if (send === undefined) return false;
    const sent = performance.now();
    await send();
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
  const home = mkdtempSync(join(tmpdir(), "muster-bench-"));
  const hub = await startHubProcess(home);
  const reports: HttpReport[] = [];
  try {
    attachNode(join(home, "hub.db"), hub.spaceId);
    const first = new HttpClient(hub, 1);
    const me: { defaultSessionId: string } = JSON.parse(await first.get("/auth/me"));
    await first.post(COMMANDS, createProject(me.defaultSessionId));
    first.close();
    for (const clients of CLIENTS) {
      const client = new HttpClient(hub, clients);
      const dispatch = (requests: number) => {
        const scripts = scriptsOf(clients, requests);
        return run(clients, (index, turn) => {
          const body = scripts[index]?.[turn];
          return body && (() => client.post(COMMANDS, body));
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
          await run(clients, (_index, turn) => (turn < perClient ? () => client.get("/health") : undefined)),
        );
      }
      client.close();
      reports.push({ clients, requests, dispatch: middle(dispatched), health: middle(healthy) });
    }
  } finally {
    await hub.stop();
    rmSync(home, { recursive: true });
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
