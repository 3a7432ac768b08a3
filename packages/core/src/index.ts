// Pure rules of Muster: no I/O, no clock, no randomness of its own; runs in a browser as it is.
export * from "./fingerprint.ts";
export * from "./orchestration/context.ts";
export * from "./orchestration/decide-internal.ts";
export * from "./orchestration/decide-project.ts";
export * from "./orchestration/decide-thread.ts";
export * from "./orchestration/effects.ts";
export * from "./orchestration/settle.ts";
export * from "./orchestration/state.ts";
export * from "./orchestration/workspace.ts";
export * from "./ports.ts";
export * from "./projections/memory.ts";
export * from "./projections/operations.ts";
export * from "./projections/page-fold.ts";
export * from "./projections/projectors.ts";
export * from "./retention.ts";
export * from "./upcasters.ts";
export * from "./uuid.ts";
