// A dot that says what a thread is doing, in words for those who don't see it.

import classes from "./state-dot.module.css";
import { THREAD_STATE_TEXT, type ThreadState } from "./thread-state.ts";

export function StateDot({ state }: { state: ThreadState }) {
  return (
    <span
      className={classes["dot"]}
      data-state={state}
      role="img"
      aria-label={THREAD_STATE_TEXT[state]}
      title={THREAD_STATE_TEXT[state]}
    />
  );
}
