// Simulated daemons for bench/uplinks.ts, many in one process: each a WebSocket that says hello, beats every so often and answers
// pings, and nothing more. Its one argument is JSON. It says what becomes of them in lines of JSON, obeys lines of its
// standard input (`kill <count>`: that many sockets end at once; `hang <count>`: that many say nothing more), and ends with it.
import { createPrivateKey, sign } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { type Frame, helloSigningInput, type NodeId, type SpaceId, UPLINK_PATH } from "@muster/contracts";

/** What is used of the daemon's own WebSocket, which the one of Node has not: to end without a goodbye. */
interface Socket {
  on(event: "message", heard: (data: { toString(): string }) => void): void;
  on(event: "close", heard: (code: number) => void): void;
  on(event: "error", heard: (error: Error) => void): void;
  send(text: string): void;
  terminate(): void;
}

/** By its place: it is a dependency of the daemon alone. */
const { WebSocket } = createRequire(new URL("../packages/daemon/package.json", import.meta.url))("ws") as {
  WebSocket: new (url: string, options: object) => Socket;
};

export interface DaemonsSettings {
  readonly port: number;
  readonly spaceId: string;
  /** PKCS 8 in PEM, of all of them. */
  readonly privateKey: string;
  readonly nodeIds: readonly string[];
  readonly heartbeatMs: number;
}

export type DaemonsFact =
  | { readonly fact: "connected"; readonly count: number }
  | { readonly fact: "gone"; readonly nodeIds: readonly string[] }
  /** Errors told by the hub and sockets that ended of themselves, by code. */
  | { readonly fact: "trouble"; readonly codes: Readonly<Record<string, number>> };

/** Hellos on their way at once: a hub takes 256 sockets that have not said theirs. */
const HELLOS_MAX = 32;

const settings = JSON.parse(process.argv[2] ?? "{}") as DaemonsSettings;
const key = createPrivateKey(settings.privateKey);
const say = (fact: DaemonsFact): void => {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
};
const trouble: Record<string, number> = {};
const note = (code: string): void => {
  trouble[code] = (trouble[code] ?? 0) + 1;
};

interface Daemon {
  readonly nodeId: string;
  readonly socket: Socket;
  beats: NodeJS.Timeout | undefined;
  isHanging: boolean;
}

const connect = (nodeId: string): Promise<Daemon> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${settings.port}${UPLINK_PATH}`, { perMessageDeflate: false });
    const daemon: Daemon = { nodeId, socket, beats: undefined, isHanging: false };
    const send = (frame: object): void => {
      if (!daemon.isHanging) socket.send(JSON.stringify(frame));
    };
    const hello = (nonce: string): void => {
      const who = {
        spaceId: settings.spaceId as SpaceId,
        nodeId: nodeId as NodeId,
        incarnation: `of-${nodeId}-000000`,
      };
      const signature = sign(null, Buffer.from(helloSigningInput({ ...who, nonce })), key).toString("base64");
      const about = { capabilities: { hostname: nodeId }, journalId: `journal-${nodeId}`, journalSequence: 0 };
      send({
        type: "hello",
        protocolVersions: [1],
        daemonVersion: "1.0.0",
        features: {},
        runningTurns: [],
        ...about,
        ...who,
        signature,
      });
    };
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === "challenge") hello(frame.nonce);
      else if (frame.type === "ping") send({ type: "pong", nonce: frame.nonce });
      else if (frame.type === "error") note(frame.error.code);
      else if (frame.type === "hello_ack") {
        const { epoch } = frame;
        const beat = (): void => send({ type: "heartbeat", epoch, healthState: "online" });
        // Daemons do not beat in step.
        daemon.beats = setTimeout(() => {
          beat();
          daemon.beats = setInterval(beat, settings.heartbeatMs);
        }, Math.random() * settings.heartbeatMs);
        resolve(daemon);
      }
    });
    socket.on("close", (code) => {
      clearInterval(daemon.beats);
      if (!daemon.isHanging) note(`closed with ${code}`);
      reject(new Error(`closed with ${code}`));
    });
    socket.on("error", reject);
  });

const daemons: Daemon[] = [];
const nodeIds = [...settings.nodeIds];
await Promise.all(
  Array.from({ length: HELLOS_MAX }, async () => {
    for (let nodeId = nodeIds.pop(); nodeId !== undefined; nodeId = nodeIds.pop()) daemons.push(await connect(nodeId));
  }),
);
say({ fact: "connected", count: daemons.length });

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [order, count] = line.split(" ");
  if (order === "trouble") {
    say({ fact: "trouble", codes: trouble });
    return;
  }
  const chosen = daemons.splice(0, Number(count));
  for (const daemon of chosen) {
    daemon.isHanging = true;
    clearInterval(daemon.beats);
    if (order === "kill") daemon.socket.terminate();
  }
  say({ fact: "gone", nodeIds: chosen.map(({ nodeId }) => nodeId) });
});
lines.once("close", () => process.exit(0));
