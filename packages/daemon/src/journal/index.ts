// The door of journal/: what is on disk toward the hub, what was taken over from it, and how it gets there.
export { BegunCallLedger } from "./begun-calls.ts";
export { EffectLedger, type RevertEffect, type Taken, type TurnFacts } from "./effects.ts";
export { ConflictError } from "./group-commit.ts";
export { Journal, type JournalCounters, type JournalEntry, type JournalOptions } from "./journal.ts";
export { JOURNAL_LIMITS, type JournalLimits } from "./limits.ts";
export { ProviderSessionLedger } from "./provider-sessions.ts";
export { IngestPump, type IngestPumpOptions, PUMP_LIMITS, type PumpLimits } from "./pump.ts";
