// What can't be undone is asked for twice: by --yes, or by a word on a terminal.
import type { Context } from "./context.ts";
import { refusal } from "./errors.ts";

/** Throws `validation_failed` where nobody said yes. `what` is a question without its mark: `Close "Shop" for good`. */
export async function confirm({ shell }: Context, what: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  const answer = await shell.ask(`${what}? [y/N] `);
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return;
  if (answer === null) throw refusal("validation_failed", `${what}? Nobody is there to ask.`, "Say it with --yes.");
  throw refusal("validation_failed", "Nothing was changed.", "Answer y, or give --yes.");
}
