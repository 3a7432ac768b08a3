// The daemon of one machine: `prepareDaemon` takes its home and identity, `start` connects it to a hub.
export type { RunningDaemon, StartOptions } from "./daemon.ts";
export { writeFileAtomically } from "./home/index.ts";
export { type PreparedDaemon, type PrepareOptions, prepareDaemon } from "./prepare.ts";
export {
  type DetectedAgent,
  detectAgents,
  type ProviderConfiguration,
  pathLookup,
  SAMPLE_PROVIDER_NAME,
} from "./providers/index.ts";
export type { DaemonStep } from "./steps.ts";
