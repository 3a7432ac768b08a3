// Orchestration: the event core of the hub. This is the folder's only door.

export { type OrchestrationOptions, openOrchestration, type RetentionSettings } from "./orchestration.ts";
export { PREPARER } from "./prepare.ts";
export type { HubStep, OnHubStep } from "./steps.ts";
