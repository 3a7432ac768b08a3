// What the tests of the runner share: effects handed to a real daemon by a scripted hub, and what came back.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type {
  ApprovalDecision,
  ApprovalRequestId,
  CheckpointRef,
  EffectBody,
  InternalCommand,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { until } from "@muster/core/testing";
import { expect } from "vitest";
import type { Timers } from "../../processes/index.ts";
import { openDaemon, openWorld, sampleOf, startOf, type World } from "../../uplink/testing/opened.ts";

export const THREAD = "thread" as ThreadId;
export const REF = (turnCount: number) => `refs/muster/checkpoints/${THREAD}/turn/${turnCount}` as CheckpointRef;

export const open = async (args: readonly string[] = [], agentTimers?: Timers): Promise<World> => {
  const world = await openWorld();
  await openDaemon(world, { providers: [sampleOf(world.folder, args)] }, agentTimers);
  return world;
};
let effects = 0;
export const run = (world: World, effect: EffectBody, fence = 1): string => {
  effects += 1;
  const effectId = `effect-${effects}`;
  world.hub.run(effectId, effect, fence);
  return effectId;
};
export const settled = async (world: World, turnId: TurnId) => {
  await until("the turn's end", () =>
    world.hub.commands("thread.turn.settle").some((command) => command.turnId === turnId),
  );
  const endings = world.hub.commands("thread.turn.settle").filter((command) => command.turnId === turnId);
  expect(endings).toHaveLength(1);
  return endings[0];
};
/** Runs a turn to its end. */
export const turn = async (world: World, text: string, more: Parameters<typeof startOf>[2] = {}) => {
  const effect = startOf(world, text, more);
  run(world, effect);
  return { effect, ending: await settled(world, effect.turnId) };
};
export const interrupt = (turnId: TurnId): EffectBody => ({
  kind: "node.turn.interrupt",
  threadId: THREAD,
  turnId,
  correlationId: null,
});
export const respond = (turnId: TurnId, requestId: ApprovalRequestId, decision: ApprovalDecision): EffectBody => ({
  kind: "node.approval.respond",
  threadId: THREAD,
  turnId,
  requestId,
  decision,
  correlationId: null,
});
export const answered = async (world: World, effectId: string) => {
  await until(`the answer to ${effectId}`, () => world.hub.result(effectId) !== undefined);
  return world.hub.result(effectId);
};
export const asked = async (world: World, nth = 1) => {
  await until(`question ${nth}`, () => world.hub.activities("approval.requested").length >= nth);
  return world.hub.activities("approval.requested")[nth - 1]?.payload["requestId"] as ApprovalRequestId;
};
export const typesOf = (world: World, turnId: TurnId): string[] =>
  world.hub.entries
    .map(({ command }) => command)
    .filter((command: InternalCommand) => ("turnId" in command ? command.turnId === turnId : "activeTurnId" in command))
    .map((command) =>
      command.type === "thread.session.set"
        ? `session:${command.status}`
        : command.type === "thread.activity.append"
          ? command.kind
          : command.type,
    );

/** Process groups of the agents that run, as the daemon wrote them down. */
export const agentGroups = async (world: World): Promise<number[]> => {
  const database = new DatabaseSync(join(world.home, "outbox.db"), { readOnly: true });
  try {
    const rows = database.prepare("SELECT runtime_payload_json AS payload FROM provider_session_runtime").all();
    const payloads = rows.map(
      (row) => JSON.parse(String(row["payload"])) as { processGroups: { processGroupId: number }[] },
    );
    return payloads.flatMap(({ processGroups }) => processGroups.map(({ processGroupId }) => processGroupId));
  } finally {
    database.close();
  }
};
