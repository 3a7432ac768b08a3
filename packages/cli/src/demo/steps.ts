// The story in its order.
import type { Step } from "./step.ts";
import { end, log } from "./story/closing.ts";
import { open, start } from "./story/opening.ts";
import { die, goOn, interrupt, kill } from "./story/trouble.ts";
import { allow, diff, refuse, together } from "./story/work.ts";

export const STEPS: readonly Step[] = [start, open, together, allow, refuse, diff, interrupt, die, kill, goOn, log];

/** Last of all, unless the demo is kept running. */
export const END_STEP = end;
