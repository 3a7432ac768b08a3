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
      thread: fc.nat(2),
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
  readonly item: number;
  readonly textLength: number;
  readonly revert: { readonly turnCount: number; readonly mode: string } | null;
}

type Given = ClientCommand | InternalCommand;

const ACTIONS: readonly ((scene: Scene) => Given)[] = [
  ({ threadId }) => createThread({ threadId }),
  ({ threadId, turnId }) => startTurn(turnId, { threadId, whenBusy: "queue" }),
  ({ threadId, turnId }) => startTurn(turnId, { threadId, whenBusy: "queue" }),
  ({ threadId, turnId }) => startTurn(turnId, { threadId, model: "large" }),
  ({ threadId, turnId, ...scene }) =>
    delta(scene.textLength, "more", { threadId, turnId, messageId: text(scene, turnId) }),
  ({ threadId, turnId, ...scene }) => delta(0, "from the start", { threadId, turnId, messageId: text(scene, turnId) }),
  ({ threadId, turnId, ...scene }) =>
    complete(scene.textLength, "!", { threadId, turnId, messageId: text(scene, turnId) }),
  ({ threadId, turnId }) => settle(turnId, { threadId }),
  ({ threadId, turnId }) => settle(turnId, { threadId, status: "error", reason: "agent_died", detail: "it died" }),
  ({ threadId, turnId, item }) => askApproval(`question-${item}`, { threadId, turnId }),
  ({ threadId, item }) =>
    command("thread.approval.respond", { threadId, requestId: `question-${item}`, decision: "accept" }),
  ({ threadId, item }) =>
    internal("thread.approval.expire", { threadId, requestId: `question-${item}`, reason: "gone" }),
  ({ threadId, turnId, item }) => activity(`note-${item}`, { threadId, turnId: item === 0 ? null : turnId }),
  ({ threadId, turnId, turnCount, item }) =>
    finishDiff(turnId, Math.max(0, turnCount - (item === 2 ? 1 : 0)), {
      threadId,
      checkpointRef: refOf(turnCount, threadId),
      status: item === 1 ? "missing" : "ready",
      files: [{ path: "a.ts", status: "modified", additions: item, deletions: null }],
    }),
  ({ threadId, item }) =>
    command("thread.checkpoint.revert", {
      threadId,
      turnCount: item,
      mode: (["both", "files", "conversation"] as const)[item],
    }),
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
  ({ threadId }) => command("thread.session.stop", { threadId }),
  ({ threadId }) => command("thread.archive", { threadId }),
  ({ threadId }) => command("thread.unarchive", { threadId }),
  ({ threadId, item }) => (item === 0 ? command("thread.delete", { threadId }) : createThread({ threadId })),
  ({ item }) => command("project.meta.update", { projectId: "project", title: `p ${item}`, scripts: [] }),
  ({ item }) => createProject({ projectId: `project-${item}` }),
  ({ item }) => command("project.delete", { projectId: `project-${item}`, force: true }),
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

const text = ({ item }: Pick<Scene, "item">, turnId: string): string => `answer-${item}-${turnId}`;

/** Plays the steps and waits for the end of each moment. Every third moment goes through `other`, where there is one. */
export async function play(world: World, steps: readonly Step[], other?: Orchestration): Promise<void> {
  let moment: Given[] = [];
  let moments = 0;
  let journalSequence = 0;
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
    const batch = { journalId: "journal" as JournalId, firstSequence: last, entries: entries(last, [given]) };
    return orchestration.ingest(nodeIdentity(), batch);
  });
  await Promise.all(outcomes);
  return last;
}

async function sceneOf(world: World, step: Step): Promise<Scene> {
  const threadId = `thread-${step.thread}`;
  const [running] = await world.rows(
    "SELECT turn_id, turn_count FROM projection_thread_turns WHERE thread_id = ? AND status = 'running'",
    threadId,
  );
  // Every other turn is the one that runs, so that histories get somewhere and late reports come up as well.
  const isRunning = running !== undefined && step.turn % 2 === 0;
  const turnId = isRunning ? String(running["turn_id"]) : `${threadId}-turn-${step.turn}`;
  const [counted] = await world.rows("SELECT turn_count FROM projection_thread_turns WHERE turn_id = ?", turnId);
  const [message] = await world.rows(
    "SELECT length(text) AS length FROM projection_thread_messages WHERE message_id = ?",
    text(step, turnId),
  );
  const [asked] = await world.rows(
    `SELECT payload_json FROM orchestration_events WHERE stream_id = ? AND event_type = 'thread.checkpoint-revert-requested'
     ORDER BY sequence DESC LIMIT 1`,
    threadId,
  );
  return {
    threadId,
    turnId,
    turnCount: Number(counted?.["turn_count"] ?? 1),
    item: step.item,
    textLength: Number(message?.["length"] ?? 0),
    revert: asked === undefined ? null : JSON.parse(String(asked["payload_json"])),
  };
}
