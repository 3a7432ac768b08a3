// What the parts of a turn share: where events go, and how often.
import type { RuntimeEvent } from "@muster/contracts";
import type { ProviderLimits } from "../limits.ts";
import type { Coalescer } from "./coalesce.ts";

export interface TurnContext {
  /** Number of the turn in this provider session; makes the ids of thoughts unique. */
  readonly number: number;
  readonly limits: ProviderLimits;
  readonly coalescer: Coalescer;
  emit(event: RuntimeEvent): void;
  /** Emits a `runtime.error` of this code, the first time only. */
  tellOnce(code: string, message: string): void;
  terminalOutput(terminalId: string): string | undefined;
}
