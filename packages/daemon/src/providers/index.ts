// The door of providers/: the port, the adapter for agents of the Agent Client Protocol, and the agents known by name.
export { createAcpProvider } from "./acp/provider.ts";
export { boundedId } from "./acp/tools.ts";
export { PROVIDER_LIMITS, type ProviderLimits } from "./limits.ts";
export { pathLookup } from "./path-lookup.ts";
export {
  type DetectedAgent,
  detectAgents,
  type PathLookup,
  PRESETS,
  type Preset,
  presetConfiguration,
  SAMPLE_AGENT_PATH,
  SAMPLE_PROVIDER_NAME,
  sampleConfiguration,
} from "./presets.ts";
export {
  type AgentExit,
  type Prompt,
  type PromptAttachment,
  type Provider,
  type ProviderConfiguration,
  ProviderError,
  type ProviderErrorCode,
  type ProviderSession,
  type SessionCounters,
  type StartOptions,
  type ToolServer,
  type TurnChoices,
  type TurnOutcome,
  type UnmetChoice,
} from "./provider.ts";
