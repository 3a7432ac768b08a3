// What this machine declares about itself: its name, the agents found on it, and where work is allowed.
import { hostname } from "node:os";
import { type DetectedProvider, FILES_CAPABILITY_VERSION, type NodeCapabilities } from "@muster/contracts";
import { detectAgents, type PathLookup, type ProviderConfiguration } from "./providers/index.ts";

/** @param options.providers agents of the machine's own configuration; they win over known ones of the same name */
export function describeMachine(options: {
  readonly workspaceRoots: readonly string[];
  readonly providers: readonly ProviderConfiguration[];
  readonly lookUp: PathLookup;
}): NodeCapabilities {
  const configured = options.providers.map(({ name, title, command, installHint }): DetectedProvider => {
    const path = options.lookUp(command) ?? null;
    return { name, title: title ?? name, command, found: path !== null, path, installHint: installHint ?? null };
  });
  const names = new Set(configured.map(({ name }) => name));
  const known = detectAgents(options.lookUp)
    .filter(({ name }) => !names.has(name))
    .map(
      ({ name, title, command, found, path, installHint }): DetectedProvider => ({
        name,
        title,
        command,
        found,
        path,
        installHint,
      }),
    );
  return {
    hostname: hostname().slice(0, 256),
    platform: `${process.platform}-${process.arch}`,
    workspaceRoots: [...options.workspaceRoots],
    providers: [...configured, ...known],
    files: { version: FILES_CAPABILITY_VERSION },
  };
}
