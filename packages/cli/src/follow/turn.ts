// Follows one turn to its end: a snapshot first, then the feed from exactly there, and a new snapshot when the feed
// cannot go on.
import type { FeedState } from "@muster/client";
import {
  ERRORS,
  isErrorCode,
  MusterError,
  type ThreadId,
  type ThreadWindow,
  type TurnId,
  type TurnRow,
} from "@muster/contracts";
import type { Context } from "../context.ts";
import type { Hub } from "../hub.ts";
import { oneLine } from "../output/text.ts";
import { between } from "../output/time.ts";
import { turnReason, turnStatus } from "../output/words.ts";
import { createTurnView, type TurnEnd } from "./turn-view.ts";

/** Exit code of a person's own SIGINT, as shells have it. */
export const INTERRUPTED_EXIT_CODE = 130;

/** Tries to reach a hub that went away before the person is told. */
const TRIES_UNTOLD = 2;

export interface FollowedTurn {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
  /** Asks for the turn, where that is not done yet; called once, when the thread is watched, so that nothing of the turn is missed. */
  readonly start?: () => Promise<void>;
}

/** Exit code for how a turn ended: 0 completed, 6 interrupted (start it again), else what the table says of the reason. */
export function turnExitCode({ status, reason }: Pick<TurnEnd, "status" | "reason">): number {
  if (status === "completed") return 0;
  if (status === "interrupted") return 6;
  return isErrorCode(reason) ? ERRORS[reason].exitCode : 1;
}

/** Streams the turn and sets the exit code by its end. The person's SIGINT ends the watching, not the turn. */
export async function followTurn(context: Context, hub: Hub, { threadId, turnId, start }: FollowedTurn): Promise<void> {
  const { voice, shell, paint } = context;
  const signal = shell.interrupted();
  const view = createTurnView({
    turnId,
    paint,
    muster: context.muster,
    write: (text) => {
      if (!voice.isJson && !voice.isQuiet) shell.out.write(text);
    },
  });
  let waiting = start;
  let isAway = false;
  const onState = ({ status, attempt }: FeedState): void => {
    if (status === "live") isAway = false;
    // The first try comes after a moment: whatever that mends is no news.
    if (isAway || attempt <= TRIES_UNTOLD) return;
    isAway = true;
    voice.note("The hub does not answer; trying again until it does. Ctrl-C ends the watching, not the turn.");
  };
  while (!signal.aborted && view.end === null) {
    const window = await readWindow(hub, threadId, waiting === undefined ? turnId : null);
    if (waiting === undefined) {
      const turn = turnOf(window, turnId);
      // Again after a reset: what came between is in the window alone.
      view.begin(window);
      if (isSettled(turn)) break;
    }
    const after = `${window.generation}:${window.snapshotSequence}`;
    for await (const message of hub.followFeed({ after, threadId, signal, onState })) {
      if (message.type === "synchronized" && waiting !== undefined) {
        const ask = waiting;
        waiting = undefined;
        await ask();
      }
      if (view.take(message) && voice.isJson) voice.row(message, "");
      if (view.end !== null) break;
    }
  }
  if (waiting !== undefined) return context.exitWith(INTERRUPTED_EXIT_CODE);
  if (view.end === null && signal.aborted) {
    voice.note("\nThe turn goes on; watch it again with `muster turn tail`, stop it with `muster turn interrupt`.");
    return context.exitWith(INTERRUPTED_EXIT_CODE);
  }
  const turn = turnOf(await readWindow(hub, threadId, turnId), turnId);
  view.endLine();
  finish(context, turn, view.end);
}

/** The latest window that holds the turn, even when others wait behind it; the latest at all where none is named. */
async function readWindow(hub: Hub, threadId: ThreadId, turnId: TurnId | null): Promise<ThreadWindow> {
  const window = await hub.api.orchestration.getThread({ threadId, turnLimit: 2 });
  if (turnId === null || window.turns.some((turn) => turn.turnId === turnId)) return window;
  return hub.api.orchestration.getThread({ threadId, turnLimit: 50 });
}

function turnOf(window: ThreadWindow, turnId: TurnId): TurnRow {
  const turn = window.turns.find((candidate) => candidate.turnId === turnId);
  if (turn === undefined) {
    throw new MusterError("turn_not_found", "The turn is no longer there: it was cancelled or reverted.", { turnId });
  }
  return turn;
}

const isSettled = ({ status }: TurnRow): boolean => status !== "queued" && status !== "running";

function finish(context: Context, turn: TurnRow, end: TurnEnd | null): void {
  const { voice, paint, shell } = context;
  const status = end?.status ?? (turn.status as TurnEnd["status"]);
  const reason = end?.reason ?? turn.reason;
  const lasted = between(turn.startedAt, turn.completedAt, shell.now());
  const why = reason === null || status === "completed" ? "" : `: ${turnReason(reason)}`;
  const detail = end?.detail && status === "error" ? `${paint("dim", oneLine(end.detail))}\n` : "";
  const number = turn.turnCount === null ? "The turn" : `Turn ${turn.turnCount}`;
  const text = `${number} ${turnStatus(status, paint)}${lasted === "" ? "" : ` after ${lasted}`}${why}\n${detail}`;
  voice.row({ type: "turn", turn }, voice.isQuiet ? "" : text);
  context.exitWith(turnExitCode({ status, reason }));
}
