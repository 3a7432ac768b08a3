// A hub as a process of its own, for runs that kill it. Its one argument is JSON: the hub's settings and the node to let
// in. It prints one line of JSON once it serves, and ends when its standard input does, so that nothing outlives a run.
import { flushCompileCache } from "node:module";
import type { NodeId } from "@muster/contracts";
import { type HubSettings, startHub } from "@muster/hub";
import { setTrap } from "./trap.ts";

export interface HubProcessSettings extends HubSettings {
  /** Folder of a trap, where there is one. */
  readonly trapFolder?: string;
  readonly node: { readonly nodeId: string; readonly publicKey: string };
}
export interface HubReady {
  readonly url: string;
  readonly port: number;
  readonly tokenFile: string;
  readonly spaceId: string;
}

// A process that is killed would keep nothing of what it compiled.
flushCompileCache();
const { node, trapFolder, ...settings } = JSON.parse(process.argv[2] ?? "{}") as HubProcessSettings;
process.stdin.once("end", () => process.exit(1)).resume();
const trap = trapFolder === undefined ? {} : { onStep: setTrap("hub", trapFolder) };
const hub = await startHub({ ...settings, ...trap });
process.once("SIGTERM", () => {
  hub.close().then(
    () => process.exit(0),
    () => process.exit(2),
  );
});
await hub.enrolLocalNode({ nodeId: node.nodeId as NodeId, publicKey: node.publicKey });
const { url, port, tokenFile, spaceId } = hub;
process.stdout.write(`${JSON.stringify({ url, port, tokenFile, spaceId } satisfies HubReady)}\n`);
