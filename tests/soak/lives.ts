// What an answer, an interrupt, a stop and a revert must come to, at whatever step of their effect hub or daemon is killed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnRow } from "@muster/contracts";
import { until } from "../cli/muster.ts";
import type { World } from "./steps-world.ts";
import type { Role, Trap } from "./trap.ts";

type KillAt = readonly [victim: Role, role: Role, step: Trap["step"], ...about: string[]];

export interface Life {
  readonly name: string;
  readonly kills: readonly KillAt[];
  /** Before the first kill, for instance a thread of its own. */
  readonly prepare?: (world: World) => Promise<void>;
  /** Does it once, killed at that step. Returns what is wrong, in words; empty where nothing is. */
  readonly live: (world: World, trap: Trap) => Promise<string>;
}

/**
 * An effect's way, each process killed where it passes a step, and where the other one has just passed one. What comes
 * after its answer, and how a turn's end is told, is the same for all and killed with the turn's own effect.
 */
const effectSteps = (kind: string): KillAt[] => [
  ["hub", "hub", "effect.claimed", kind],
  ["hub", "hub", "effect.sent", kind],
  ["daemon", "hub", "effect.sent", kind],
  ["daemon", "daemon", "effect.received", kind],
  ["daemon", "daemon", "effect.recorded", kind],
  ["daemon", "daemon", "effect.taken", kind],
  ["hub", "daemon", "effect.taken", kind],
  ["hub", "hub", "effect.answer-received", kind],
];
const COMMITTED: KillAt = ["hub", "hub", "effect.committed"];
/** The way of what the daemon tells. */
const reportSteps = (type: string): KillAt[] => [
  ["daemon", "daemon", "ingest.sent", type],
  ["hub", "hub", "ingest.received", type],
  ["daemon", "hub", "ingest.received", type],
  ["hub", "hub", "ingest.committed", type],
  ["daemon", "hub", "ingest.committed", type],
];

const said = ({ status, reason }: TurnRow): string => (reason === null ? status : `${status} (${reason})`);
/** Nothing, or the ending that was not one of these. */
const wrongEnding = (turn: TurnRow, ...endings: string[]): string => (endings.includes(said(turn)) ? "" : said(turn));
const isKilled = (role: Role, trap: Trap): boolean => trap.victims.includes(role);

const answer: Life = {
  name: "an answer",
  kills: [COMMITTED, ...effectSteps("node.approval.respond")],
  async live(world, trap) {
    const turnId = world.newTurnId();
    await world.startTurn(turnId, `edit NOTES.md: ${turnId}`);
    const isAsked = (one: { turnId: string; status: string }) => one.turnId === turnId && one.status === "pending";
    const asked = await world.thread("the question", ({ approvals }) => approvals.some(isAsked));
    const requestId = asked.approvals.find(isAsked)?.requestId as string;
    const { threadId } = world;
    await world.inTrap(trap, () =>
      world.accepted({ type: "thread.approval.respond", threadId, requestId, decision: "accept" }),
    );
    const turn = await world.ended(turnId);
    const { approvals } = await world.thread("the answer", () => true);
    const approval = approvals.find((one) => one.requestId === requestId);
    if (approval?.status !== "resolved" || approval.decision !== "accept") return `the question is ${approval?.status}`;
    const isEdited = readFile(world, "NOTES.md") === turnId;
    if (turn.status === "completed" && !isEdited) return "the agent was not told";
    return isKilled("daemon", trap)
      ? wrongEnding(turn, "completed", "interrupted (node_restarted)")
      : wrongEnding(turn, "completed");
  },
};

const interrupt: Life = {
  name: "an interrupt",
  kills: [COMMITTED, ...effectSteps("node.turn.interrupt")],
  async live(world, trap) {
    const turnId = await world.startHanging();
    const { threadId } = world;
    await world.inTrap(trap, () => world.accepted({ type: "thread.turn.interrupt", threadId, turnId }));
    const turn = await world.ended(turnId);
    return isKilled("daemon", trap)
      ? wrongEnding(turn, "interrupted (interrupted)", "interrupted (node_restarted)")
      : wrongEnding(turn, "interrupted (interrupted)");
  },
};

const stop: Life = {
  name: "a stop",
  kills: [COMMITTED, ...effectSteps("node.session.stop")],
  async live(world, trap) {
    const turnId = await world.startHanging();
    const { threadId } = world;
    await world.inTrap(trap, () => world.accepted({ type: "thread.session.stop", threadId }));
    const turn = await world.ended(turnId);
    await until("the agent to be gone", () => world.parts.agents().length === 0);
    await world.thread("the session to be stopped", ({ session }) => session.status === "stopped");
    return wrongEnding(turn, "interrupted (session_stopped)");
  },
};

const DROP = "node.checkpoint.drop";
const revert: Life = {
  name: "a revert",
  kills: [
    COMMITTED,
    ...effectSteps("node.checkpoint.revert"),
    ["daemon", "daemon", "revert.begun"],
    ["hub", "daemon", "revert.begun"],
    ["daemon", "daemon", "revert.changed"],
    ["daemon", "daemon", "revert.restored"],
    ["hub", "daemon", "revert.restored"],
    ["daemon", "daemon", "revert.told"],
    ...reportSteps("thread.revert.complete"),
    ["hub", "hub", "effect.claimed", DROP],
    ["daemon", "daemon", "effect.received", DROP],
    ["daemon", "daemon", "effect.recorded", DROP],
    ["hub", "daemon", "effect.taken", DROP],
    ["daemon", "daemon", "effect.taken", DROP],
  ],
  async prepare(world) {
    await world.newThread();
    await edit(world, "kept.txt");
  },
  async live(world, trap) {
    await edit(world, "dropped.txt");
    if (readFile(world, "dropped.txt") === null) return "the agent wrote nothing";
    const { threadId } = world;
    const before = await world.thread("the turns", ({ turns }) => turns.length === 2);
    await world.inTrap(trap, () =>
      world.accepted({ type: "thread.checkpoint.revert", threadId, turnCount: 1, mode: "both" }),
    );
    const after = await world.thread("the revert", ({ turns }) => turns.length === 1);
    const told = ({ activities }: typeof after) =>
      activities.filter(({ kind }) => kind.startsWith("revert.")).map(({ kind }) => kind);
    const news = told(after).slice(told(before).length);
    if (news.join() !== "revert.done") return `the thread says ${news.join()}`;
    if (readFile(world, "kept.txt") === null) return "it took a kept turn's file";
    return readFile(world, "dropped.txt") === null ? "" : "the dropped turn's file is there";
  },
};

async function edit(world: World, name: string): Promise<void> {
  const turnId = world.newTurnId();
  await world.startTurn(turnId, `edit ${name} without asking: ${turnId}`);
  await world.ended(turnId);
  await world.rest();
}

function readFile({ parts }: World, name: string): string | null {
  const path = join(parts.place.work, "shop", name);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}

export const LIVES: readonly Life[] = [answer, interrupt, stop, revert];
