// What rows of the timeline ask of their page.
import type { CheckpointRow, TurnRow } from "@muster/contracts";

export interface TimelineActions {
  /** `path` names the file to begin with; null: the first. */
  readonly openDiff: (checkpoint: CheckpointRow, path: string | null) => void;
  /** Asks about going back to before that turn; null where the machine or the person may not do it now. */
  readonly undo: ((turnCount: number) => void) | null;
  /** Asks the turn's own request once more; null as above. */
  readonly continueTurn: ((turn: TurnRow) => void) | null;
}
