// diff: what a turn, or the whole thread, changed in its folder.
import { type CheckpointRow, MusterError } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { diffText, statText } from "../output/diff.ts";
import { resolveThread } from "../reads.ts";
import { wholeNumber } from "./thread.ts";

interface DiffOptions {
  readonly turn?: number;
  readonly all?: boolean;
  readonly stat?: boolean;
}

export function addDiffCommand({ program, context }: Registry): void {
  program
    .command("diff")
    .description("show what a turn changed")
    .argument("[thread]", "id, or a beginning or end of it; the latest thread when absent")
    .option("--turn <number>", "this turn instead of the latest one", wholeNumber)
    .option("--all", "everything since the thread began")
    .option("--stat", "files and counts only")
    .addHelpText("after", examples("diff", "diff 3f9ac210 --turn 2", "diff 3f9ac210 --all --stat"))
    .action((given: string | undefined, options: DiffOptions, command: Command) =>
      showDiff(context(command), given, options),
    );
}

/** The two turn counts to compare. */
export function rangeOf(
  checkpoints: readonly CheckpointRow[],
  { turn, all }: Pick<DiffOptions, "turn" | "all">,
): { fromTurnCount: number; toTurnCount: number } {
  if (turn !== undefined && all) throw new MusterError("validation_failed", "Give --turn or --all, one of the two.");
  if (turn === 0) throw new MusterError("validation_failed", "Turns count from 1.");
  const ready = checkpoints.filter(({ status }) => status === "ready").map((row) => row.checkpointTurnCount);
  const toTurnCount = turn ?? Math.max(0, ...ready);
  if (toTurnCount === 0) throw new MusterError("checkpoint_not_ready", "No turn of this thread has a checkpoint yet.");
  return { fromTurnCount: all ? 0 : toTurnCount - 1, toTurnCount };
}

async function showDiff(context: Context, given: string | undefined, options: DiffOptions): Promise<void> {
  const hub = connect(context);
  const threadId = await resolveThread(context, hub, given);
  const { checkpoints } = await hub.api.orchestration.getThread({ threadId, turnLimit: 50 });
  const diff = await hub.api.orchestration.getTurnDiff({ threadId, ...rangeOf(checkpoints, options) });
  const { paint, width } = context;
  const text = diff.diff === "" || options.stat ? statText(diff.files, { paint, width }) : diffText(diff, paint);
  context.voice.answer({ json: diff, text, quiet: diff.files.map(({ path }) => path) });
}
