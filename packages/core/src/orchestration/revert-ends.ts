// How a revert ends, and what its thread says of the files: what is known and no more. A machine that has begun finishes
// also what was given up, and tells; until it does, nobody here knows whether files were changed.
import type { InternalCommand, NewEvent } from "@muster/contracts";
import type { DecisionContext } from "./context.ts";
import { refuse } from "./context.ts";
import type { ThreadState } from "./state.ts";

type RevertComplete = Extract<InternalCommand, { type: "thread.revert.complete" }>;
type Told = Pick<RevertComplete, "turnCount" | "mode" | "safetyRef" | "files" | "error">;
type Outcome = Told["files"][number]["outcome"];

/** Once per revert that was given up, when its machine has said what it did. */
export const LATE_REVERT_KIND = "revert.late";

/** Files of a revert that its activity names; the event has them all. */
const TOLD_FILES_MAX = 200;
const SUMMARY_MAX_CHARACTERS = 1_024;

/** Ends a revert that its node has not answered, and may never answer. */
export function giveUpRevert(
  state: ThreadState,
  reason: string,
  { isRevertUndelivered }: Pick<DecisionContext, "isRevertUndelivered">,
): NewEvent[] {
  if (state.reverting === null) return [];
  const { turnCount, mode } = state.reverting;
  const payload = { turnCount, mode, safetyRef: null, files: [], droppedTurnIds: [], droppedMessageIds: [] };
  return [
    { eventType: "thread.reverted", payload: { ...payload, latestTurnId: state.latestTurnId, error: reason } },
    toldGivenUp({ turnCount, mode, safetyRef: null, files: [], error: reason }, isRevertUndelivered),
  ];
}

/** What the node says of a revert, or the hub of one that its node can no longer answer. */
export function completeRevert(state: ThreadState, command: RevertComplete, context: DecisionContext): NewEvent[] {
  const { turnCount, mode, safetyRef, files, error } = command;
  if (context.revertStands === "over") refuse("turn_settled", "The revert has ended, and the thread says how.");
  if (context.revertStands === "given up") return [toldLate(command)];
  if (state.reverting?.turnCount !== turnCount || state.reverting.mode !== mode)
    refuse("turn_settled", "No such revert is under way.");
  const drops = error === null && mode !== "files";
  const events: NewEvent[] = [];
  if (drops)
    for (const { turnId } of state.queue)
      events.push({ eventType: "thread.turn-dequeued", payload: { turnId, reason: "reverted" } });
  events.push({
    eventType: "thread.reverted",
    payload: {
      turnCount,
      mode,
      safetyRef,
      files,
      droppedTurnIds: drops ? [...context.afterRevert.turnIds] : [],
      droppedMessageIds: drops ? [...context.afterRevert.messageIds] : [],
      latestTurnId: drops ? context.afterRevert.latestTurnId : state.latestTurnId,
      error,
    },
  });
  events.push(
    context.actor.kind === "provider" ? toldDone(command) : toldGivenUp(command, context.isRevertUndelivered),
  );
  return events;
}

/** No agent can be told to forget, so it starts anew. */
function toldDone(told: Told): NewEvent {
  const { turnCount, mode, error } = told;
  const where = placeOf(turnCount);
  if (error !== null) return activity("revert.failed", "error", notDone(told, `to the state ${where}`), told);
  const parts = [
    ...(mode === "conversation" ? [] : changesOf(told)),
    ...(mode === "files" ? [] : ["the agent starts a new conversation and is told what was kept of this one"]),
  ];
  return activity("revert.done", "info", `Went back to the state ${where}: ${parts.join(", ")}`, told);
}

/** A safety checkpoint beside an error: the machine had begun to change files, and could not go on. */
function notDone({ safetyRef, error }: Told, where: string): string {
  return safetyRef === null
    ? `Nothing was taken back ${where}: ${error}`
    : `Stopped in the middle of going back ${where}, some files may be changed; ${safetyRef} holds all as they were before: ${error}`;
}

function toldGivenUp(told: Told, isUndelivered: boolean): NewEvent {
  const { turnCount, mode, error } = told;
  const what = `Going back to the state ${placeOf(turnCount)} was given up (${error})`;
  if (isUndelivered)
    return activity("revert.given-up", "info", `${what}: nothing was changed, its machine was not asked yet`, told);
  const open = mode === "conversation" ? "whether the agent's conversation was ended" : "whether files were changed";
  const rest = `${open} is not known until the machine says so here; one that has begun finishes it`;
  return activity("revert.given-up", "info", `${what}: ${rest}`, told);
}

/** Nothing else of the thread changes. */
function toldLate(told: Told): NewEvent {
  const summary =
    told.error === null
      ? `The revert that was given up went through on the machine after all: ${changesOf(told).join(", ")}`
      : `The revert that was given up did not go through on the machine. ${notDone(told, `to the state ${placeOf(told.turnCount)}`)}`;
  // No event has its files, so the activity names all.
  return activity(LATE_REVERT_KIND, told.error === null ? "info" : "error", summary, told, told.files.length);
}

function changesOf({ files }: Told): string[] {
  const count = (...outcomes: readonly Outcome[]) => files.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const [kept, failed] = [count("kept"), count("failed")];
  return [
    `${count("restored", "deleted")} files changed back`,
    ...(kept === 0 ? [] : [`${kept} kept as they are`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
  ];
}

const placeOf = (turnCount: number): string => (turnCount === 0 ? "before the first turn" : `after turn ${turnCount}`);

function activity(
  kind: string,
  tone: "info" | "error",
  summary: string,
  told: Told,
  filesMax: number = TOLD_FILES_MAX,
): NewEvent {
  const { turnCount, mode, safetyRef, files, error } = told;
  return {
    eventType: "thread.activity-appended",
    payload: {
      turnId: null,
      tone,
      kind,
      summary: summary.slice(0, SUMMARY_MAX_CHARACTERS),
      payload: { turnCount, mode, safetyRef, files: files.slice(0, filesMax), fileCount: files.length, error },
    },
  };
}
