// The door of processes/: child processes in groups of their own, and how they and what they left behind are ended.
export {
  ByteTail,
  type ChildExit,
  ERROR_TAIL_MAX_BYTES,
  type GroupChild,
  SpawnError,
  type StartChildOptions,
  startChild,
} from "./child.ts";
export { childEnvironment, type Environment } from "./environment.ts";
export {
  END_LIMITS,
  type EndLimits,
  type EndResult,
  endLeftovers,
  endProcessGroup,
  type LeftoverResult,
  recogniseGroup,
  signalGroup,
} from "./group.ts";
export { groupMembers, MARK_VARIABLE, type ProcessGroupRecord, processFacts } from "./identity.ts";
export { delay, systemTimers, type Timers, within } from "./timers.ts";
