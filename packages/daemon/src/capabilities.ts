// What this machine declares about itself: its name, the agents found on it, and where work is allowed.
import { hostname } from "node:os";
import type { NodeCapabilities } from "@muster/contracts";
import { detectAgents, type PathLookup } from "./providers/index.ts";

export const describeMachine = (options: {
  readonly workspaceRoots: readonly string[];
  readonly lookUp: PathLookup;
}): NodeCapabilities => ({
  hostname: hostname().slice(0, 256),
  platform: `${process.platform}-${process.arch}`,
  workspaceRoots: [...options.workspaceRoots],
  providers: detectAgents(options.lookUp).map(({ name, title, command, found, path, installHint }) => ({
    name,
    title,
    command,
    found,
    path,
    installHint,
  })),
});
