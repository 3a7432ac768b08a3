// The trouble: a turn that hangs, an agent that dies, an agent that is killed, and that work goes on after it.
import { lasting } from "../../output/time.ts";
import { descendants, listProcesses } from "../processes.ts";
import { step } from "../step.ts";
import { until, verify } from "../wait.ts";
import { answerOf, lookAround, readTurn, startTurn } from "../world.ts";

const AGENT_LIMIT_MS = 8_000;
const LAST_WORDS = "out of memory, or so it says";

export const interrupt = step("interrupt", "Interrupt a turn that hangs", async (world) => {
  const { client, watch, second } = world;
  const turnId = await startTurn(world, second, "say Let me think about it.\nhang");
  await watch.delta(turnId, "the turn to hang");
  const began = performance.now();
  await client.dispatch({ type: "thread.turn.interrupt", threadId: second.threadId, turnId });
  const { payload } = await watch.settled(turnId);
  verify(payload.status === "interrupted", "the turn ends interrupted", payload);
  const took = performance.now() - began;
  const { turn, window } = await readTurn(world, second, turnId);
  verify(turn.status === "interrupted", "the API agrees with the feed", turn);
  verify(answerOf(window, turnId) === "Let me think about it.", "what it said is kept", answerOf(window, turnId));
  return `it ended interrupted after ${lasting(took)}, and what it had said is kept`;
});

export const die = step("die", "An agent's process ends in the middle of a turn", async (world) => {
  const turnId = await startTurn(world, world.second, `die with ${LAST_WORDS}`);
  const { payload } = await world.watch.settled(turnId);
  verify(payload.status === "error", "the turn ends with an error", payload);
  verify(payload.detail?.includes(LAST_WORDS) === true, "the error has the agent's last words", payload.detail);
  return `the turn says so, with its last words: "${LAST_WORDS}"`;
});

export const kill = step("kill", "Kill an agent's process with SIGKILL", async (world) => {
  const { second, watch } = world;
  const before = new Set((await lookAround(world)).map(({ pid }) => pid));
  // Its agent died in the step before, so the process that is new below the daemon is this thread's agent.
  const turnId = await startTurn(world, second, "say Working.\nhang");
  await watch.delta(turnId, "the turn to run");
  const agents = (await lookAround(world)).filter(
    ({ pid, command }) => !before.has(pid) && command.includes("sample-agent"),
  );
  const [agent] = agents;
  verify(agent !== undefined && agents.length === 1, "one new agent process is there", agents);
  process.kill(agent.pid, "SIGKILL");
  const { payload } = await watch.settled(turnId);
  verify(payload.status === "error", "the turn ends with an error", payload);
  await until(async () => descendants(await listProcesses(), world.up.pid).every(({ pid }) => pid !== agent.pid), {
    what: "the process to be gone",
    timeoutMs: AGENT_LIMIT_MS,
    signal: world.signal,
  });
  const { turn } = await readTurn(world, second, turnId);
  verify(turn.status === "error", "the API agrees with the feed", turn);
  return `process ${agent.pid} is gone, its turn ended with ${payload.reason ?? "an error"}`;
});

export const goOn = step("go-on", "Ask the same thread again", async (world) => {
  const { second, watch } = world;
  const turnId = await startTurn(world, second, "recall");
  const { payload } = await watch.settled(turnId);
  verify(payload.status === "completed", "the turn completes", payload);
  const { turn, window } = await readTurn(world, second, turnId);
  verify(turn.status === "completed", "the API agrees with the feed", turn);
  const answer = answerOf(window, turnId);
  verify(/^I remember \d+ earlier turns\.$/.test(answer), "a new agent took up the conversation", answer);
  await lookAround(world);
  return `a new agent took up the conversation: "${answer}"`;
});
