// The end checkpoint of a turn that was killed with its machine: taken when the daemon is back, before any other turn
// runs. What was done in the folder meanwhile counts as the turn's, because a picture cannot tell; so the thread says it.
import { type InternalCommand, MusterError } from "@muster/contracts";
import { CheckpointError, type Checkpoints } from "../checkpoints/index.ts";
import type { TurnFacts } from "../journal/index.ts";
import { commandsOf } from "./mapping.ts";
import { takeSnapshot } from "./snapshots.ts";
import { checkWorkspace } from "./workspace.ts";

const LATE = "The machine stopped during this turn; its changes are those that were found when the daemon came back.";
const BESIDE = "Other threads worked in the folder meanwhile: what they changed cannot be told from this turn's.";

/** Nothing for a turn that had not come to its prompt, or whose folder cannot be worked in now. */
export async function takeMissingEnd(
  { threadId, turnId, place }: TurnFacts,
  tools: { readonly checkpoints: Checkpoints; readonly workspaceRoots: readonly string[] },
): Promise<readonly InternalCommand[]> {
  const { checkpoints } = tools;
  if (place === undefined) return [];
  try {
    const { turnCount } = place;
    const workspaceRoot = await checkWorkspace(place.workspaceRoot, tools.workspaceRoots);
    const begun = await checkpoints.begun({ workspaceRoot, threadId, turnCount });
    if (begun === undefined) return [];
    // Killed between the picture and the word of it: then the picture stays as it is.
    const events = await takeSnapshot({ checkpoints, workspaceRoot, threadId, turnCount, keepsExisting: true });
    const said = events.flatMap((event) => commandsOf(event, { threadId, turnId }));
    if (begun.hasEnd) return said;
    const { threadsBeside } = begun;
    return [
      {
        type: "thread.activity.append",
        threadId,
        turnId,
        tone: "info",
        kind: "checkpoint.late",
        summary: threadsBeside.length === 0 ? LATE : `${LATE} ${BESIDE}`,
        payload: { turnCount, threadsBeside: threadsBeside.slice(0, THREADS_TOLD_MAX) },
      },
      ...said,
    ];
  } catch (error) {
    // The turn is over all the same, and its later turns are compared with the newest checkpoint there is.
    if (error instanceof MusterError || error instanceof CheckpointError) return [];
    throw error;
  }
}

const THREADS_TOLD_MAX = 100;
