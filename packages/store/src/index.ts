// The store: one port, its adapters, the migration engine.
export * from "./port.ts";
