// A whole hub in a process of its own (http-hub.ts), and a client of its HTTP API that keeps its connections.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";

export interface HubProcess {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
  readonly spaceId: string;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL("./http-hub.ts", import.meta.url));

export async function startHubProcess(home: string, databaseUrl?: string): Promise<HubProcess> {
  const args = [SCRIPT, home, ...(databaseUrl === undefined ? [] : [databaseUrl])];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`the hub ended before it served, with ${code}`);
  });
  // Ends later too, when nobody waits for it.
  exited.catch(() => undefined);
  const [line]: Buffer[] = await Promise.race([once(child.stdout, "data"), exited]);
  const { port, token, spaceId } = JSON.parse(String(line));
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
  };
  return { pid: child.pid ?? 0, port, token, spaceId, stop };
}

export class HttpClient {
  readonly #agent: Agent;
  readonly #hub: Pick<HubProcess, "port" | "token">;

  constructor(hub: Pick<HubProcess, "port" | "token">, connections: number) {
    this.#hub = hub;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** The body of the answer; throws for anything but 200. */
  get(path: string): Promise<string> {
    return this.#send("GET", path);
  }

  post(path: string, body: object): Promise<string> {
    return this.#send("POST", path, JSON.stringify(body));
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body?: string): Promise<string> {
    const { port, token } = this.#hub;
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port, path: `/api/v1${path}`, method, agent: this.#agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(`${path} answered ${response.statusCode}: ${text}`));
          });
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
