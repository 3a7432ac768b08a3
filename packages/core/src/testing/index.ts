// For tests alone: commands with defaults, and deciders as given events, when command, then events.
export * from "./commands.ts";
export * from "./given.ts";
export * from "./histories.ts";
export * from "./patience.ts";
