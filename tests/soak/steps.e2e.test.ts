// A turn's effect killed at every step between commit and completion: hub, daemon or both end with SIGKILL at the very
// moment at which one of them passes the step. Each victim has one world, and at its end the checker reads all of it.
import type { ThreadId, ThreadWindow, TurnId, TurnRow } from "@muster/contracts";
import { expect, it } from "vitest";
import { readThread, until } from "../cli/muster.ts";
import { check } from "./checker.ts";
import { Parts } from "./parts.ts";
import { requestOf } from "./record.ts";
import { Sender } from "./sender.ts";
import { gather, makeProjects, quiet } from "./soak.ts";
import { armTrap, hasSprung, type Role, type Trap } from "./trap.ts";

/** What becomes of the turn when its daemon is killed: `completed` before it was taken over and after it was told. */
type Ending = "completed" | "interrupted";
type Step = readonly [role: Role, step: Trap["step"], endings: readonly Ending[], ...about: string[]];

const START = "node.turn.start";
const SETTLE = "thread.turn.settle";
const STEPS: readonly Step[] = [
  ["hub", "effect.committed", ["completed"]],
  ["hub", "effect.claimed", ["completed"], START],
  // On its way while the daemon is killed: it may have been taken over just before.
  ["hub", "effect.sent", ["completed", "interrupted"], START],
  ["daemon", "effect.received", ["completed"], START],
  ["daemon", "effect.recorded", ["interrupted"], START],
  ["daemon", "effect.taken", ["interrupted"], START],
  ["hub", "effect.answer-received", ["interrupted"], START],
  // The turn goes on meanwhile, and may have come to its end.
  ["hub", "effect.finished", ["interrupted", "completed"], START],
  ["daemon", "turn.checkpointed", ["interrupted"]],
  ["daemon", "turn.prompted", ["interrupted"]],
  ["daemon", "turn.speaking", ["interrupted"]],
  ["daemon", "ingest.acknowledged", ["interrupted", "completed"]],
  ["daemon", "turn.answered", ["interrupted"]],
  ["daemon", "turn.told", ["completed"]],
  ["daemon", "ingest.sent", ["completed"], SETTLE],
  ["hub", "ingest.received", ["completed"], SETTLE],
  ["hub", "ingest.committed", ["completed"], SETTLE],
];

class World {
  readonly parts = new Parts({ isTrapped: true });
  readonly sender = new Sender(() => this.parts.client);
  threadId = "" as ThreadId;

  async open(): Promise<this> {
    await this.parts.start();
    const [projectId] = await makeProjects(this.parts, this.sender);
    this.threadId = this.sender.client.ids.next() as ThreadId;
    await this.accepted({
      type: "thread.create",
      threadId: this.threadId,
      projectId: projectId as string,
      title: "Steps",
      provider: "sample",
      branch: null,
      worktreePath: null,
      runtimeMode: "approval-required",
    });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sender.giveUp();
    await this.parts.clear();
  }

  async accepted(command: Parameters<Sender["send"]>[0]): Promise<void> {
    expect(await this.sender.send(command)).toMatchObject({ status: "accepted" });
  }

  async startTurn(turnId: TurnId, ...lines: string[]): Promise<void> {
    const text = [requestOf(turnId), ...lines].join("\n");
    const message = { messageId: this.sender.client.ids.next(), role: "user", text } as const;
    await this.accepted({ type: "thread.turn.start", threadId: this.threadId, turnId, message, whenBusy: "reject" });
  }

  /** Does the work with the trap armed, and starts again what it has ended. */
  async inTrap<Done>(trap: Trap, work: () => Promise<Done>): Promise<Done> {
    const { trapFolder = "" } = this.parts;
    armTrap(trapFolder, trap);
    const working = work();
    await until(`the trap at ${trap.step} to spring`, () => hasSprung(trapFolder), 30_000);
    const { hub, daemon } = this.parts;
    if (trap.victims.includes("daemon")) {
      await daemon.ended();
      await this.parts.startDaemon();
    }
    if (trap.victims.includes("hub")) {
      await hub.ended();
      await this.parts.startHub();
    }
    return working;
  }

  /** The thread as soon as it fits; a hub that is just coming back is asked again. */
  thread(what: string, fits: (thread: ThreadWindow) => boolean): Promise<ThreadWindow> {
    return until(
      what,
      async () => {
        const thread = await readThread(this.sender.client, this.threadId).catch(() => undefined);
        return thread !== undefined && fits(thread) && thread;
      },
      60_000,
    );
  }

  async ended(turnId: TurnId): Promise<TurnRow> {
    const isOver = (turn: TurnRow) => turn.turnId === turnId && turn.status !== "running" && turn.status !== "queued";
    const { turns } = await this.thread(`turn ${turnId} to end`, (thread) => thread.turns.some(isOver));
    return turns.find(isOver) as TurnRow;
  }

  /** The turn's last words have arrived, so that the next trap springs for the next turn. */
  async rest(): Promise<void> {
    await this.thread("the thread to be idle", ({ session }) => session.activeTurnId === null);
  }

  /** Everything has come to rest, and the checker finds nothing. */
  async expectWhole(): Promise<void> {
    await quiet(this.parts, [], new AbortController().signal);
    expect(check(await gather(this.parts, this.sender, []))).toEqual([]);
  }
}

it.concurrent.each([[["hub"]], [["daemon"]], [["hub", "daemon"]]] as const)(
  "ORC-24 DMN-27 %s killed at every step of a turn's effect: the turn runs at most once to its end, none is lost, nothing is stuck",
  async (victims) => {
    await using world = await new World().open();
    const wrong: string[] = [];
    for (const [role, step, endings, ...about] of STEPS) {
      const turnId = world.sender.client.ids.next() as TurnId;
      // Of this very turn: what the one before left unanswered is offered again.
      const named = step === "effect.committed" || step === "ingest.acknowledged" ? [] : [turnId];
      await world.inTrap({ role, step, about: [...about, ...named], victims }, () =>
        world.startTurn(turnId, "say one", "wait 300 ms", "say two"),
      );
      const { status, reason } = await world.ended(turnId);
      // Without its daemon's death no turn may notice anything.
      const expected: readonly string[] = victims.some((victim) => victim === "daemon") ? endings : ["completed"];
      if (!expected.includes(status) || (status === "interrupted" && reason !== "node_restarted"))
        wrong.push(`${role} ${step}: ${status} (${reason})`);
      await world.rest();
    }
    expect(wrong).toEqual([]);
    await world.expectWhole();
  },
  600_000,
);
