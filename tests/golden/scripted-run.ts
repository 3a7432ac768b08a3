// A run through everything that can happen to projects and threads, by the event core itself: the log it leaves is the
// golden log of the version it is made with. Words are foreign, quoted and long here and there, as they are in life.
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  finishDiff,
  finishRevert,
  internal,
  refOf,
  settle,
  startTurn,
} from "@muster/core/testing";
import type { InternalCommand } from "../../packages/contracts/src/index.ts";
import { nodeIdentity, OWNER, type World } from "../../packages/hub/src/orchestration/test-world.ts";

const DAY_MS = 86_400_000;
const WORDS = 'Grüße, "quoted" \\ text 🚀 with a\nbreak and a tab\t; ';

class Run {
  readonly #world: World;
  #journalSequence = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Each a second after the one before. */
  async ask(...commands: readonly Parameters<World["dispatch"]>[0][]): Promise<void> {
    for (const one of commands) {
      this.#world.time.advance(1_000);
      await this.#world.dispatch(one);
    }
  }

  async report(...commands: readonly InternalCommand[]): Promise<void> {
    for (const one of commands) {
      this.#world.time.advance(250);
      const { lastSequence, error } = await this.#world.ingest(this.#journalSequence + 1, [one], nodeIdentity());
      if (error !== undefined) throw new Error(`${one.type} was refused: ${error.message}`);
      this.#journalSequence = lastSequence;
    }
  }

  passDays(days: number): void {
    this.#world.time.advance(days * DAY_MS);
  }
}

const session = (threadId: string, status: string, activeTurnId: string | null, lastError: string | null = null) =>
  internal("thread.session.set", {
    threadId,
    status,
    providerName: "sample",
    providerSessionId: `${threadId}-session`,
    providerThreadId: `${threadId}-theirs`,
    activeTurnId,
    lastError,
  });

const diff = (threadId: string, turnId: string, turnCount: number, status: "ready" | "missing" | "error" = "ready") =>
  finishDiff(turnId, turnCount, {
    threadId,
    status,
    checkpointRef: refOf(turnCount, threadId),
    files: [
      { path: "src/größe.ts", status: "modified", additions: 12, deletions: 3 },
      { path: "a name with spaces.bin", status: "added", additions: null, deletions: null },
    ],
    diff: `+ ${WORDS}`,
  });

/** What an agent does in a turn, from its start to its end. */
async function work(run: Run, threadId: string, turnId: string, turnCount: number): Promise<void> {
  const of = { threadId, turnId };
  const messageId = `${turnId}-answer`;
  await run.report(
    session(threadId, "running", turnId),
    activity("plan.updated", { ...of, payload: { entries: [{ content: WORDS, status: "in_progress" }] } }),
    activity("tool.started", { ...of, tone: "tool", payload: { itemId: "item", title: "Run tests", kind: "execute" } }),
    delta(0, "First ", { ...of, messageId }),
    delta(6, WORDS, { ...of, messageId }),
    activity("tool.completed", { ...of, tone: "tool", payload: { itemId: "item", output: WORDS.repeat(20) } }),
    complete(6 + WORDS.length, "the end.", { ...of, messageId }),
    diff(threadId, turnId, turnCount),
    settle(turnId, { threadId }),
    session(threadId, "ready", null),
  );
}

async function everydayThread(run: Run): Promise<void> {
  const threadId = "everyday";
  await run.ask(
    createThread({ threadId, title: WORDS.trim(), model: "large", branch: "main", runtimeMode: "auto-accept-edits" }),
    startTurn("e1", { threadId, text: WORDS.repeat(4), effort: "high" }),
  );
  await run.report(finishDiff("e1", 0, { threadId, checkpointRef: refOf(0, threadId) }));
  await work(run, threadId, "e1", 1);
  await run.ask(command("thread.meta.update", { threadId, title: "Renamed", model: null, runtimeMode: "full-access" }));
  await run.ask(
    startTurn("e2", { threadId }),
    startTurn("e3", { threadId, whenBusy: "queue", model: "small" }),
    startTurn("e4", { threadId, whenBusy: "queue" }),
    command("thread.turn.cancel-queued", { threadId, turnId: "e4" }),
  );
  // Settling starts the queued one.
  await work(run, threadId, "e2", 2);
  await run.report(delta(0, "Half of an ans", { threadId, turnId: "e3", messageId: "e3-answer" }));
  await run.ask(command("thread.turn.interrupt", { threadId }));
  await run.report(
    settle("e3", { threadId, status: "interrupted", reason: "cancelled_by_user" }),
    diff(threadId, "e3", 3, "missing"),
  );
}

async function questions(run: Run): Promise<void> {
  const threadId = "questions";
  await run.ask(createThread({ threadId, worktreePath: "/work/tree" }), startTurn("q1", { threadId }));
  const of = { threadId, turnId: "q1" };
  for (const requestId of ["accepted", "declined", "expired", "left-open"])
    await run.report(askApproval(requestId, of));
  await run.ask(
    command("thread.approval.respond", { threadId, requestId: "accepted", decision: "acceptForSession" }),
    command("thread.approval.respond", { threadId, requestId: "declined", decision: "decline" }),
  );
  await run.report(
    internal("thread.approval.expire", { threadId, requestId: "expired", reason: "agent_gone" }),
    activity("turn.stalled", of),
    settle("q1", { threadId, status: "error", reason: "agent_died", detail: WORDS }),
    session(threadId, "error", null, "it died"),
  );
  await run.ask(
    startTurn("q2", { threadId }),
    startTurn("q3", { threadId, whenBusy: "queue" }),
    command("thread.session.stop", { threadId }),
  );
}

async function reverts(run: Run): Promise<void> {
  const threadId = "reverts";
  const files = [{ path: "src/größe.ts", outcome: "restored" }];
  const revert = (turnCount: number, mode: string) =>
    command("thread.checkpoint.revert", { threadId, turnCount, mode });
  await run.ask(createThread({ threadId }));
  for (const turn of [1, 2, 3]) {
    await run.ask(startTurn(`r${turn}`, { threadId }));
    await work(run, threadId, `r${turn}`, turn);
  }
  await run.ask(revert(2, "files"));
  await run.report(
    finishRevert(2, { threadId, mode: "files", safetyRef: "refs/muster/checkpoints/reverts/safety/1", files }),
  );
  await run.ask(revert(1, "both"));
  await run.report(finishRevert(1, { threadId, mode: "both", error: "the folder is gone" }));
  await run.ask(revert(1, "both"));
  await run.report(finishRevert(1, { threadId, mode: "both", files }));
  // Turn counts are used again.
  await run.ask(startTurn("r4", { threadId }));
  await work(run, threadId, "r4", 2);
  await run.ask(revert(1, "conversation"));
  await run.report(finishRevert(1, { threadId, mode: "conversation" }));
}

/** Threads that are over: one that is taken out again, one whose details go, one of which stubs remain. */
async function endings(run: Run, world: World): Promise<void> {
  for (const threadId of ["back-again", "archived", "deleted"]) {
    await run.ask(createThread({ threadId }), startTurn(`${threadId}-turn`, { threadId }));
    await work(run, threadId, `${threadId}-turn`, 1);
  }
  await run.ask(
    command("thread.archive", { threadId: "back-again" }),
    command("thread.unarchive", { threadId: "back-again" }),
    command("thread.archive", { threadId: "archived" }),
    command("thread.delete", { threadId: "deleted" }),
  );
  run.passDays(40);
  const { events } = await world.orchestration.prune(OWNER, { olderThanDays: 30, dryRun: false });
  if (events === 0) throw new Error("nothing was pruned");
}

/** Plays it in a world that has nothing yet but its people and its node. */
export async function scriptedRun(world: World): Promise<void> {
  const run = new Run(world);
  await run.ask(
    createProject({ title: WORDS.trim(), defaultModel: "large" }),
    command("project.meta.update", {
      projectId: "project",
      title: "A project",
      scripts: [{ name: "test", command: "npm test" }],
    }),
  );
  await everydayThread(run);
  await questions(run);
  await reverts(run);
  await endings(run, world);
  await run.ask(
    createProject({ projectId: "passing", workspaceRoot: "/work/passing" }),
    createThread({ threadId: "of-passing", projectId: "passing" }),
    command("project.delete", { projectId: "passing", force: true }),
  );
}
