// People at work: each has a thread and does one thing after the other with it, whatever the hub answers. One more looks
// after all threads: answers questions, sometimes twice, and interrupts what would never end by itself.
import { setTimeout as pause } from "node:timers/promises";
import type { ProjectId, ThreadId, ThreadWindow, TurnId } from "@muster/contracts";
import { promptOf } from "./prompts.ts";
import type { Dice } from "./random.ts";
import type { Sender } from "./sender.ts";

export interface Surroundings {
  readonly sender: Sender;
  readonly signal: AbortSignal;
  /** Turns that end only when they are interrupted. */
  readonly hanging: Set<string>;
}

const MODES = ["approval-required", "auto-accept-edits", "full-access"] as const;
const DECISIONS = ["accept", "accept", "acceptForSession", "decline", "cancel"] as const;
const REVERT_MODES = ["both", "files", "conversation"] as const;
const IDLE_MAX_MS = 8_000;

/** Undefined where the hub is away just now. */
async function readThread({ sender }: Surroundings, threadId: ThreadId): Promise<ThreadWindow | undefined> {
  try {
    return await sender.client.api.orchestration.getThread(
      // More than can wait in a queue: a question of the turn before them must be seen.
      { threadId, turnLimit: 50 },
      { signal: AbortSignal.timeout(5_000) },
    );
  } catch {
    return undefined;
  }
}

export class Actor {
  readonly #around: Surroundings;
  readonly #projectId: ProjectId;
  readonly #dice: Dice;
  #threadId: ThreadId | undefined;
  #turnIds: TurnId[] = [];

  constructor(around: Surroundings, projectId: ProjectId, dice: Dice) {
    this.#around = around;
    this.#projectId = projectId;
    this.#dice = dice;
  }

  async run(): Promise<void> {
    const { signal } = this.#around;
    while (!signal.aborted) {
      const threadId = this.#threadId ?? (await this.#createThread());
      await this.#act(threadId);
      await pause(this.#dice.between(50, 900), undefined, { signal }).catch(() => {});
    }
  }

  async #act(threadId: ThreadId): Promise<void> {
    const { sender } = this.#around;
    const turnId = this.#turnIds.length > 0 ? this.#dice.pick(this.#turnIds) : undefined;
    const throwOf = this.#dice.next();
    if (throwOf < 0.5) await this.#startTurn(threadId, this.#dice.chance(0.7) ? "queue" : "reject");
    else if (throwOf < 0.58) for (let left = 4; left > 0; left -= 1) await this.#startTurn(threadId, "queue");
    else if (throwOf < 0.68)
      await sender.send({
        type: "thread.turn.interrupt",
        threadId,
        ...(this.#dice.chance(0.5) && turnId !== undefined ? { turnId } : {}),
      });
    else if (throwOf < 0.74 && turnId !== undefined)
      await sender.send({ type: "thread.turn.cancel-queued", threadId, turnId });
    else if (throwOf < 0.86) await this.#revert(threadId);
    else if (throwOf < 0.89) await sender.send({ type: "thread.session.stop", threadId });
    else if (throwOf < 0.92) {
      await sender.send({ type: "thread.archive", threadId });
      await sender.send({ type: "thread.unarchive", threadId });
    } else if (throwOf < 0.95)
      await sender.send({
        type: "thread.meta.update",
        threadId,
        runtimeMode: this.#dice.pick(MODES),
        title: `Thread ${throwOf}`,
      });
    else if (throwOf < 0.97) {
      await sender.send({ type: "thread.delete", threadId });
      this.#threadId = undefined;
    } else await this.#sendTwice(threadId);
  }

  async #createThread(): Promise<ThreadId> {
    const { sender } = this.#around;
    const threadId = sender.client.ids.next() as ThreadId;
    await sender.send({
      type: "thread.create",
      threadId,
      projectId: this.#projectId,
      title: "Soak",
      provider: "sample",
      branch: null,
      worktreePath: null,
      runtimeMode: this.#dice.pick(MODES),
    });
    this.#threadId = threadId;
    this.#turnIds = [];
    return threadId;
  }

  async #startTurn(threadId: ThreadId, whenBusy: "queue" | "reject"): Promise<void> {
    const { sender, hanging } = this.#around;
    const turnId = sender.client.ids.next() as TurnId;
    const { text, hangs } = promptOf(this.#dice, turnId);
    if (hangs) hanging.add(turnId);
    this.#turnIds = [...this.#turnIds, turnId].slice(-8);
    const message = { messageId: sender.client.ids.next(), role: "user", text } as const;
    await sender.send({ type: "thread.turn.start", threadId, turnId, message, whenBusy });
  }

  /** Waits a while for the thread to be idle, so that most reverts are taken. */
  async #revert(threadId: ThreadId): Promise<void> {
    const { sender, signal } = this.#around;
    let turnCount = 0;
    for (const end = performance.now() + IDLE_MAX_MS; performance.now() < end && !signal.aborted; await pause(100)) {
      const thread = await readThread(this.#around, threadId);
      if (thread === undefined || thread.turns.some(({ status }) => status === "running" || status === "queued"))
        continue;
      turnCount =
        thread.turns.length === 0
          ? 0
          : this.#dice.between(0, Math.max(...thread.turns.map((turn) => turn.turnCount ?? 0)));
      break;
    }
    await sender.send({ type: "thread.checkpoint.revert", threadId, turnCount, mode: this.#dice.pick(REVERT_MODES) });
  }

  /** One command from two clients with one id, and another command under the same id. */
  async #sendTwice(threadId: ThreadId): Promise<void> {
    const { sender } = this.#around;
    const command = {
      type: "thread.meta.update",
      commandId: sender.client.ids.next(),
      threadId,
      title: `Twice ${this.#dice.next()}`,
    } as const;
    await Promise.all([sender.sendAgain(command), sender.sendAgain(command)]);
    await sender.sendAgain({ ...command, title: "Something else" });
  }
}

/** Answers and interrupts until the signal. */
export async function attend(around: Surroundings, dice: Dice): Promise<void> {
  const { sender, signal, hanging } = around;
  const answered = new Set<string>();
  const interrupted = new Map<string, number>();
  while (!signal.aborted) {
    await pause(250, undefined, { signal }).catch(() => {});
    const threads = await threadsOf(around);
    for (const { threadId, latestTurn, pendingApprovalCount } of threads) {
      if (pendingApprovalCount > 0) await answer(threadId);
      const turnId = latestTurn?.status === "running" ? latestTurn.turnId : undefined;
      if (turnId === undefined || !hanging.has(turnId)) continue;
      // A turn may still do other things before it hangs; an interrupt that was lost on the way is repeated.
      const waited = interrupted.get(turnId) ?? 0;
      interrupted.set(turnId, waited + 1);
      if (waited % 8 === 4) void sender.send({ type: "thread.turn.interrupt", threadId, turnId });
    }
  }

  async function answer(threadId: ThreadId): Promise<void> {
    const approvals = (await readThread(around, threadId))?.approvals ?? [];
    for (const { requestId, status } of approvals) {
      if (status !== "pending" || answered.has(requestId) || dice.chance(0.2)) continue;
      answered.add(requestId);
      const respond = () =>
        void sender.send({ type: "thread.approval.respond", threadId, requestId, decision: dice.pick(DECISIONS) });
      respond();
      if (dice.chance(0.1)) respond();
    }
  }
}

type Summary = Awaited<ReturnType<Sender["client"]["api"]["orchestration"]["getSnapshot"]>>["threads"][number];

/** All threads; none where the hub is away just now. */
async function threadsOf({ sender }: Surroundings): Promise<readonly Summary[]> {
  try {
    const snapshot = await sender.client.api.orchestration.getSnapshot(
      { limit: 200 },
      { signal: AbortSignal.timeout(5_000) },
    );
    return snapshot.threads;
  } catch {
    return [];
  }
}
