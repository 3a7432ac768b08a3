// The door of runner/: effects of the hub become turns of agents.
export { RUNNER_LIMITS, type RunnerLimits } from "./limits.ts";
export { Runner, type RunnerOptions } from "./runner.ts";
export { checkWorkspace } from "./workspace.ts";
