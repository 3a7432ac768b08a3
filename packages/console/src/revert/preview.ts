// What going back to before a turn would touch. Pure.
import type { CheckpointRow, TurnRow } from "@muster/contracts";

export interface RevertPreview {
  /** The checkpoint to go back to: that of the turn before. */
  readonly toTurnCount: number;
  /** Turns that would be dropped from the conversation, by their count; those that wait in the queue are not counted. */
  readonly droppedTurnCounts: readonly number[];
  /** Every file that one of them changed, once, by path. */
  readonly paths: readonly string[];
}

export function revertPreview(
  turnCount: number,
  turns: readonly TurnRow[],
  checkpoints: readonly CheckpointRow[],
): RevertPreview {
  const dropped = turns.flatMap((turn) =>
    turn.turnCount !== null && turn.turnCount >= turnCount ? [turn.turnCount] : [],
  );
  const files = checkpoints
    .filter((checkpoint) => checkpoint.checkpointTurnCount >= turnCount)
    .flatMap((checkpoint) => checkpoint.files);
  const paths = files.flatMap(({ path, previousPath }) => (previousPath === undefined ? [path] : [path, previousPath]));
  return {
    toTurnCount: turnCount - 1,
    droppedTurnCounts: dropped.toSorted((first, second) => first - second),
    paths: [...new Set(paths)].sort((first, second) => first.localeCompare(second)),
  };
}
