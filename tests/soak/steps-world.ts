// A hub, a daemon and a thread, in which either process ends with SIGKILL at the very step at which a trap is armed.
import { setTimeout as pause } from "node:timers/promises";
import type { NewCommand } from "@muster/client";
import type { ProjectId, ThreadId, ThreadWindow, TurnId, TurnRow } from "@muster/contracts";
import { expect } from "vitest";
import { readThread, until } from "../cli/muster.ts";
import { check } from "./checker.ts";
import { fromDatabase } from "./evidence.ts";
import { Parts } from "./parts.ts";
import { requestOf } from "./record.ts";
import { Sender } from "./sender.ts";
import { gather, makeProjects, quiet } from "./soak.ts";
import { armTrap, hasSprung, type Trap } from "./trap.ts";

/** Between two looks at a thread: worlds side by side must leave the machine to what they wait for. */
const LOOK_MS = 100;

export class World {
  readonly parts = new Parts({ isTrapped: true });
  readonly sender = new Sender(() => this.parts.client);
  threadId = "" as ThreadId;
  #projectId = "" as ProjectId;

  async open(): Promise<this> {
    await this.parts.start();
    const [projectId] = await makeProjects(this.parts, this.sender);
    this.#projectId = projectId as ProjectId;
    await this.newThread();
    return this;
  }

  /** From here on everything is about a new thread. */
  async newThread(): Promise<void> {
    this.threadId = this.sender.client.ids.next() as ThreadId;
    await this.accepted({
      type: "thread.create",
      threadId: this.threadId,
      projectId: this.#projectId,
      title: "Steps",
      provider: "sample",
      branch: null,
      worktreePath: null,
      runtimeMode: "approval-required",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sender.giveUp();
    await this.parts.clear();
  }

  async accepted(command: NewCommand): Promise<void> {
    expect(await this.sender.send(command)).toMatchObject({ status: "accepted" });
  }

  newTurnId(): TurnId {
    return this.sender.client.ids.next() as TurnId;
  }

  async startTurn(turnId: TurnId, ...lines: string[]): Promise<void> {
    const text = [requestOf(turnId), ...lines].join("\n");
    const message = { messageId: this.sender.client.ids.next(), role: "user", text } as const;
    await this.accepted({ type: "thread.turn.start", threadId: this.threadId, turnId, message, whenBusy: "reject" });
  }

  /** Starts a turn that ends only when something ends it; resolves when the agent has it. */
  async startHanging(): Promise<TurnId> {
    const turnId = this.newTurnId();
    await this.startTurn(turnId, "hang");
    await this.thread(
      "the turn at work",
      ({ session }) => session.activeTurnId === turnId && session.status === "running",
    );
    return turnId;
  }

  /** Does the work with the trap armed, and starts again what it has ended. */
  async inTrap<Done>(trap: Trap, work: () => Promise<Done>): Promise<Done> {
    const { trapFolder = "" } = this.parts;
    armTrap(trapFolder, trap);
    const working = work();
    await until(`the trap at ${trap.step} to spring`, () => hasSprung(trapFolder));
    const { hub, daemon } = this.parts;
    await Promise.all([trap.victims.includes("hub") && hub.ended(), trap.victims.includes("daemon") && daemon.ended()]);
    if (trap.victims.includes("hub")) await this.parts.startHub();
    if (trap.victims.includes("daemon")) await this.parts.startDaemon();
    return working;
  }

  /** The thread as soon as it fits; a hub that is just coming back is asked again. */
  thread(what: string, fits: (thread: ThreadWindow) => boolean): Promise<ThreadWindow> {
    return until(what, async () => {
      const thread = await readThread(this.sender.client, this.threadId).catch(() => undefined);
      if (thread !== undefined && fits(thread)) return thread;
      await pause(LOOK_MS);
      return undefined;
    });
  }

  async ended(turnId: TurnId): Promise<TurnRow> {
    const isOver = (turn: TurnRow) => turn.turnId === turnId && turn.status !== "running" && turn.status !== "queued";
    const { turns } = await this.thread(`turn ${turnId} to end`, (thread) => thread.turns.some(isOver));
    return turns.find(isOver) as TurnRow;
  }

  /** Nothing is under way any more, so that the next trap springs for what comes next. */
  async rest(): Promise<void> {
    await this.thread("the thread to be idle", ({ session }) => session.activeTurnId === null);
    const sql = "SELECT 1 AS one FROM orchestration_effects WHERE status IN ('pending', 'running')";
    await until("every effect to be done", async () => {
      const waiting = await fromDatabase(this.parts.hubDatabase, (store) => store.read({ sql, parameters: [] }));
      if (waiting.length > 0) await pause(LOOK_MS);
      return waiting.length === 0;
    });
  }

  /** Everything has come to rest, and the checker finds nothing. */
  async expectWhole(): Promise<void> {
    await quiet(this.parts, [], new AbortController().signal);
    expect(check(await gather(this.parts, this.sender, []))).toEqual([]);
  }
}
