// A daemon as a process of its own, for runs that kill it. Its one argument is JSON: its home and the start options. It
// prints one line once it has ended what an earlier one left behind, and ends when its standard input does.
import { flushCompileCache } from "node:module";
import { prepareDaemon, type StartOptions } from "@muster/daemon";
import { setTrap } from "./trap.ts";

export interface DaemonProcessSettings {
  readonly home: string;
  /** Folder of a trap, where there is one. */
  readonly trapFolder?: string;
  readonly start: StartOptions;
}

// A process that is killed would keep nothing of what it compiled.
flushCompileCache();
const { home, trapFolder, start } = JSON.parse(process.argv[2] ?? "{}") as DaemonProcessSettings;
process.stdin.once("end", () => process.exit(1)).resume();
const daemon = await prepareDaemon({ home });
process.once("SIGTERM", () => {
  daemon.close().then(
    () => process.exit(0),
    () => process.exit(2),
  );
});
const trap = trapFolder === undefined ? {} : { onStep: setTrap("daemon", trapFolder) };
await daemon.start({ ...start, ...trap });
process.stdout.write('{"isRecovered":true}\n');
