// A second machine as the tests have it: a home and a work folder of its own, whose daemon is a real process that joined by
// the line that the first machine printed.
import type { NodeSummary } from "@muster/contracts";
import { type Place, type Running, type Up, until } from "./muster.ts";

export interface JoinedLine {
  readonly ready: true;
  readonly url: string;
  readonly nodeId: string;
  readonly sessionId: string;
  readonly home: string;
  readonly pid: number;
}

export interface Daemon extends Running {
  readonly ready: JoinedLine;
}

/** The link of `muster invite` with these options. */
export async function inviteLink(place: Place, ...options: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await place.muster(["invite", "--quiet", ...options]);
  if (exitCode !== 0) throw new Error(`muster invite ended with ${exitCode}: ${stderr}`);
  return stdout.trim();
}

/** `muster join`, ready. */
export const joined = (place: Place, link: string, ...options: string[]): Promise<Daemon> =>
  readyDaemon(place.spawn(["join", link, "--json", "--workspace-root", place.work, ...options]));

/** `muster daemon up`, ready. */
export const daemonUp = (place: Place, ...options: string[]): Promise<Daemon> =>
  readyDaemon(place.spawn(["daemon", "up", "--json", ...options]));

export async function readyDaemon(running: Running): Promise<Daemon> {
  const line = await until("the daemon to be ready", () => {
    if (running.child.exitCode !== null || running.child.signalCode !== null)
      throw new Error(`it ended with ${running.child.exitCode ?? running.child.signalCode}: ${running.stderr()}`);
    return running
      .stdout()
      .split("\n")
      .slice(0, -1)
      .find((text) => text.includes('"ready"'));
  });
  return { ...running, ready: JSON.parse(line) as JoinedLine };
}

/** The machine's row on the roster of the first machine's hub, once it is as wanted. */
export const onRoster = (
  up: Up,
  nodeId: string,
  isAsWanted: (node: NodeSummary) => boolean = ({ state }) => state === "online",
): Promise<NodeSummary> =>
  until(`${nodeId} to be on the roster as wanted`, async () => {
    const { nodes } = await up.client.api.nodes.list();
    return nodes.find((node) => node.nodeId === nodeId && isAsWanted(node));
  });
