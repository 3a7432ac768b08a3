// Random histories for property tests: what people and nodes might do to a few threads, most of it sensible and some of
// it not, partly at the same moment. What is refused is part of the history too.
import type { ClientCommand, InternalCommand, JournalId } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  entries,
  finishDiff,
  finishRevert,
  internal,
  refOf,
  settle,
  startTurn,
} from "@muster/core/testing";
import fc from "fast-check";
import type { Orchestration } from "../ports.ts";
import { nodeIdentity, OWNER, settled, type World } from "./test-world.ts";

export interface Step {
  readonly action: number;
  readonly thread: number;
  readonly turn: number;
  readonly item: number;
  /** Handed in at the same moment as the next step. */
  readonly isTogether: boolean;
  /** Milliseconds that pass before it. */
  readonly pause: number;
}

export const someHistory = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      action: fc.nat(ACTIONS.length - 1),
      thread: fc.nat(1),
      turn: fc.nat(5),
      item: fc.nat(2),
      isTogether: fc.boolean(),
      pause: fc.constantFrom(0, 0, 1, 1_000),
    }),
    { minLength: 5, maxLength, size: "max" },
  );

/** What a step is about: the turn that runs in its thread when there is one, else the one it names. */
interface Scene {
  readonly threadId: string;
  readonly turnId: string;
  readonly turnCount: number;
  readonly isRunning: boolean;
  readonly item: number;
  readonly textLength: number;
  readonly revert: { readonly turnCount: number; readonly mode: string } | null;
  /** One that was never used. */
  readonly newTurnId: string;
  /** A question that waits, or one that does not. */
  readonly requestId: string;
  /** Of a checkpoint, if there is one. */
  readonly readyTurnCount: number;
}

type Given = ClientCommand | InternalCommand;

const ACTIONS: readonly ((scene: Scene) => Given)[] = [
  ({ threadId }) => createThread({ threadId }),
  ({ threadId, newTurnId }) => startTurn(newTurnId, { threadId, whenBusy: "queue" }),
  ({ threadId, newTurnId }) => startTurn(newTurnId, { threadId, whenBusy: "queue" }),
  ({ threadId, newTurnId }) => startTurn(newTurnId, { threadId, effort: "high" }),
  ({ threadId, turnId }) => startTurn(turnId, { threadId, model: "large" }),
  ({ threadId, turnId, ...at }) => delta(at.textLength, "more", { threadId, turnId, messageId: text(at, turnId) }),
  ({ threadId, turnId, ...at }) => delta(at.textLength, "more", { threadId, turnId, messageId: text(at, turnId) }),
  ({ threadId, turnId, ...at }) => delta(0, "from the start", { threadId, turnId, messageId: text(at, turnId) }),
  ({ threadId, turnId, ...at }) => complete(at.textLength, "!", { threadId, turnId, messageId: text(at, turnId) }),
  ({ threadId, turnId }) => settle(turnId, { threadId }),
  ({ threadId, turnId }) => settle(turnId, { threadId }),
  ({ threadId, turnId }) => settle(turnId, { threadId, status: "error", reason: "agent_died", detail: "it died" }),
  ({ threadId, turnId, item }) => askApproval(`question-${item}-${turnId}`, { threadId, turnId }),
  ({ threadId, turnId, item }) => askApproval(`question-${item}-${turnId}`, { threadId, turnId }),
  ({ threadId, requestId }) => command("thread.approval.respond", { threadId, requestId, decision: "accept" }),
  ({ threadId, requestId }) => command("thread.approval.respond", { threadId, requestId, decision: "accept" }),
  ({ threadId, requestId }) => command("thread.approval.respond", { threadId, requestId, decision: "accept" }),
  ({ threadId, requestId }) => internal("thread.approval.expire", { threadId, requestId, reason: "gone" }),
  ({ threadId, turnId, item }) => activity(`note-${item}`, { threadId, turnId: item === 0 ? null : turnId }),
  ({ threadId, turnId, item }) =>
    activity("tool.completed", { threadId, turnId: item === 0 ? null : turnId, payload: { output: "x".repeat(99) } }),
  ({ threadId, turnId, item }) =>
    activity("plan.updated", {
      threadId,
      turnId,
      payload: { entries: [{ content: `step ${item}`, status: "pending" }] },
    }),
  ({ threadId, turnId, turnCount, item }) => diffOf(threadId, turnId, turnCount, item),
  ({ threadId, turnId, turnCount, item }) => diffOf(threadId, turnId, turnCount, item),
  ({ isRunning, threadId, turnId, ...at }) =>
    isRunning ? settle(turnId, { threadId }) : revertTo(threadId, at.readyTurnCount, at.item),
  ({ isRunning, threadId, turnId, ...at }) =>
    isRunning ? settle(turnId, { threadId }) : revertTo(threadId, at.readyTurnCount, at.item),
  ({ isRunning, threadId, turnId, ...at }) =>
    isRunning ? settle(turnId, { threadId }) : revertTo(threadId, at.readyTurnCount, at.item),
  ({ threadId, revert, item }) =>
    finishRevert(revert?.turnCount ?? 0, {
      threadId,
      mode: revert?.mode ?? "both",
      error: item === 2 ? "failed" : null,
    }),
  ({ threadId, revert }) => finishRevert(revert?.turnCount ?? 0, { threadId, mode: revert?.mode ?? "both" }),
  ({ threadId }) => command("thread.turn.interrupt", { threadId }),
  ({ threadId, turnId }) => command("thread.turn.cancel-queued", { threadId, turnId }),
  ({ threadId, item }) => command("thread.meta.update", { threadId, title: `title ${item}`, model: item ? "m" : null }),
  ({ threadId, item }) =>
    item === 0 ? command("thread.session.stop", { threadId }) : command("thread.unarchive", { threadId }),
  ({ threadId, item }) => command(item === 0 ? "thread.archive" : "thread.unarchive", { threadId }),
  ({ threadId, item, turnCount }) =>
    item === 0 && turnCount > 1
      ? command("thread.delete", { threadId })
      : command("project.meta.update", { projectId: "project", title: `p ${item}`, scripts: [] }),
  ({ item }) =>
    item === 0
      ? createProject({ projectId: "second" })
      : command("project.delete", { projectId: "second", force: true }),
  ({ threadId, turnId, item }) =>
    internal("thread.session.set", {
      threadId,
      status: (["running", "ready", "error"] as const)[item] ?? "idle",
      providerName: "sample",
      providerSessionId: null,
      providerThreadId: "theirs",
      activeTurnId: item === 1 ? null : turnId,
      lastError: null,
    }),
];

const diffOf = (threadId: string, turnId: string, turnCount: number, item: number): Given =>
  finishDiff(turnId, turnCount, {
    threadId,
    checkpointRef: refOf(turnCount, threadId),
    status: item === 1 ? "missing" : "ready",
    files: [{ path: "a.ts", status: "modified", additions: item, deletions: null }],
  });

const revertTo = (threadId: string, turnCount: number, item: number): Given =>
  command("thread.checkpoint.revert", {
    threadId,
    turnCount,
    mode: (["both", "files", "conversation"] as const)[item],
  });

const text = ({ item }: Pick<Scene, "item">, turnId: string): string => `answer-${item}-${turnId}`;

/** Plays the steps and waits for the end of each moment. Every third moment goes through `other`, where there is one. */
export async function play(world: World, steps: readonly Step[], other?: Orchestration): Promise<void> {
  let moment: Given[] = [];
  let moments = 0;
  let journalSequence = await world.orchestration.ingestCursor(nodeIdentity(), world.journalId);
  for (const step of steps) {
    world.time.advance(step.pause);
    const action = ACTIONS[step.action];
    if (action !== undefined) moment.push(action(await sceneOf(world, step)));
    if (step.isTogether) continue;
    moments += 1;
    const orchestration = other !== undefined && moments % 3 === 0 ? other : world.orchestration;
    journalSequence = await playMoment(orchestration, moment, journalSequence);
    moment = [];
  }
  await playMoment(world.orchestration, moment, journalSequence);
  await settled();
}

async function playMoment(
  orchestration: Orchestration,
  moment: readonly Given[],
  journalSequence: number,
): Promise<number> {
  let last = journalSequence;
  const outcomes = moment.map((given) => {
    if ("commandId" in given) return orchestration.dispatch(OWNER, given).catch(() => {});
    last += 1;
    const journalId = "journal" as JournalId;
    const batch = { journalId, firstSequence: last, entries: entries(last, [given]) };
    return orchestration.ingest(nodeIdentity(), batch);
  });
  await Promise.all(outcomes);
  return last;
}

async function sceneOf(world: World, step: Step): Promise<Scene> {
  const threadId = `thread-${step.thread}`;
  const one = async (sql: string, ...parameters: string[]) => (await world.rows(sql, ...parameters))[0];
  // Mostly the turn that runs, so that histories get somewhere; else an older or queued one, for late reports.
  const turns = await world.rows(
    `SELECT turn_id, turn_count, status FROM projection_thread_turns WHERE thread_id = ? ORDER BY status <> 'running', requested_at`,
    threadId,
  );
  const turn = turns[step.turn > 3 ? Math.floor(turns.length / 2) : 0];
  const turnId = String(turn?.["turn_id"] ?? `${threadId}-nothing`);
  const messageId = text(step, turnId);
  const message = await one("SELECT length(text) AS n FROM projection_thread_messages WHERE message_id = ?", messageId);
  const asked = await one(
    `SELECT payload_json FROM orchestration_events WHERE stream_id = ? AND event_type = 'thread.checkpoint-revert-requested'
     ORDER BY sequence DESC LIMIT 1`,
    threadId,
  );
  const used = await one("SELECT count(*) AS n FROM orchestration_events WHERE stream_id = ?", threadId);
  const waiting = await one(
    "SELECT request_id FROM projection_pending_approvals WHERE thread_id = ? AND status = 'pending'",
    threadId,
  );
  const ready = await one(
    "SELECT min(checkpoint_turn_count) AS n FROM projection_checkpoints WHERE thread_id = ? AND status = 'ready'",
    threadId,
  );
  return {
    threadId,
    turnId,
    turnCount: Number(turn?.["turn_count"] ?? 1),
    isRunning: turn?.["status"] === "running",
    item: step.item,
    textLength: Number(message?.["n"] ?? 0),
    revert: asked === undefined ? null : JSON.parse(String(asked["payload_json"])),
    newTurnId: `${threadId}-turn-${String(used?.["n"])}-${step.turn}`,
    requestId: String(waiting?.["request_id"] ?? `question-${step.item}-${turnId}`),
    readyTurnCount: Number(ready?.["n"] ?? step.item),
  };
}
