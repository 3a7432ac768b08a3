// What is shown before going back.
import type { CheckpointRow, TurnRow } from "@muster/contracts";
import { expect, test } from "vitest";
import { revertPreview } from "./preview.ts";

const turn = (turnCount: number | null): TurnRow => ({ turnCount }) as unknown as TurnRow;
const checkpoint = (checkpointTurnCount: number, files: object[]): CheckpointRow =>
  ({ checkpointTurnCount, files }) as unknown as CheckpointRow;

test("going back drops the turn and all after it, and touches every file they changed once", () => {
  const preview = revertPreview(
    2,
    [turn(1), turn(2), turn(3), turn(null)],
    [
      checkpoint(1, [{ path: "kept.ts" }]),
      checkpoint(2, [{ path: "b.ts" }, { path: "a.ts", previousPath: "old.ts" }]),
      checkpoint(3, [{ path: "b.ts" }]),
    ],
  );
  expect(preview).toEqual({ toTurnCount: 1, droppedTurnCounts: [2, 3], paths: ["a.ts", "b.ts", "old.ts"] });
});
