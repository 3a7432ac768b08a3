// The contract between all parts of Muster: import from here, not from the files.
export * from "./access.ts";
export * from "./commands.ts";
export * from "./contract.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./exact.ts";
export * from "./frames.ts";
export * from "./ids.ts";
export * from "./lanes.ts";
export * from "./liveness.ts";
export * from "./projections.ts";
export * from "./reads.ts";
export * from "./retention.ts";
export * from "./rows.ts";
export * from "./runtime.ts";
export * from "./text.ts";
export * from "./uplink.ts";
