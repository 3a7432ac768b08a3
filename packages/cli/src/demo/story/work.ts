// The work: two agents side by side, a question allowed, a question refused, and what changed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ApprovalRow, MusterError, type ThreadId } from "@muster/contracts";
import { counted } from "../../output/text.ts";
import { step } from "../step.ts";
import { verify } from "../wait.ts";
import { answerOf, inGit, lookAround, readThread, readTurn, startTurn, type World } from "../world.ts";

const CHUNKS = 90;

export const together = step(
  "together",
  "Let both agents work at the same time, and watch their text arrive",
  async (world) => {
    const { client, watch, first, second } = world;
    // Longer than a piece of text is kept back, so that some of it is stored before the message ends.
    const text = "abcdefghij".repeat(2).repeat(CHUNKS);
    const [one, two] = await Promise.all([
      startTurn(world, first, `plan\nstream ${CHUNKS} chunks of 20 characters`),
      startTurn(world, second, `stream ${CHUNKS} chunks of 20 characters`),
    ]);
    await Promise.all([watch.delta(one, "live text of the first"), watch.delta(two, "live text of the second")]);
    const { threads } = await client.api.orchestration.getSnapshot({ projectId: world.projectId });
    await lookAround(world);
    const ends = await Promise.all([watch.settled(one), watch.settled(two)]);
    verify(
      ends.every(({ payload }) => payload.status === "completed"),
      "both turns complete",
      ends.map(({ payload }) => payload),
    );
    const working = threads.filter(({ latestTurn }) => latestTurn?.status === "running").length;
    const starts = watch.events.filter(({ eventType }) => eventType === "thread.turn-start-requested");
    const overlap = starts.filter(({ sequence }) => ends.every((end) => sequence < end.sequence)).length;
    verify(overlap === 2, "both turns began before either ended", { working, overlap });
    for (const [thread, turnId] of [
      [first, one],
      [second, two],
    ] as const) {
      const { turn, window } = await readTurn(world, thread, turnId);
      verify(turn.status === "completed", "the API agrees with the feed", turn);
      verify(
        answerOf(window, turnId) === text,
        "the stored text is what the agent said, once",
        answerOf(window, turnId),
      );
    }
    const { plan } = await readThread(world, first);
    verify(plan.length > 0 && plan.every(({ status }) => status === "completed"), "the plan is done", plan);
    const live = watch.deltas.filter(({ turnId }) => turnId === one || turnId === two).length;
    return `${counted(live, "piece")} of live text, 2 × ${text.length} characters stored exactly`;
  },
);

/** Answers the turn's question when it comes. */
async function answerQuestion(world: World, turnId: string, decision: "accept" | "decline"): Promise<ApprovalRow> {
  const { client, watch } = world;
  const asked = await watch.event(
    "thread.activity-appended",
    "the agent to ask",
    ({ payload }) => payload.turnId === turnId && payload.kind === "approval.requested",
  );
  const threadId = asked.streamId as ThreadId;
  const readApproval = async (): Promise<ApprovalRow | undefined> => {
    const { approvals } = await client.api.orchestration.getThread({ threadId, turnLimit: 1 });
    return approvals.find((approval) => approval.turnId === turnId);
  };
  const pending = await readApproval();
  verify(pending?.status === "pending", "the question waits for an answer", pending);
  const { requestId } = pending;
  await client.dispatch({ type: "thread.approval.respond", threadId, requestId, decision });
  const again = client.dispatch({ type: "thread.approval.respond", threadId, requestId, decision });
  const refusal = await again.then(
    () => null,
    (error: unknown) => error,
  );
  verify(
    refusal instanceof MusterError && refusal.code === "approval_not_pending",
    "a second answer is refused",
    refusal,
  );
  const resolved = await readApproval();
  verify(resolved?.status === "resolved" && resolved.decision === decision, "the answer is kept", resolved);
  return resolved;
}

export const allow = step("allow", "An agent asks before it writes a file: allow it", async (world) => {
  const content = "export const price = 4;\n";
  const file = join(world.first.folder, "src/price.js");
  const turnId = await startTurn(world, world.first, `edit src/price.js: ${content.trimEnd()}\\n`);
  const before = readFileSync(file, "utf8");
  const { payload } = await answerQuestion(world, turnId, "accept");
  const end = await world.watch.settled(turnId);
  verify(end.payload.status === "completed", "the turn completes", end.payload);
  verify(before === "export const price = 3;\n", "nothing was written before the answer", before);
  const after = readFileSync(file, "utf8");
  verify(after === content, "the work tree has what the agent wrote", after);
  return `"${payload.title}" was allowed, and the file changed only then`;
});

export const refuse = step("refuse", "The other agent asks too: refuse it", async (world) => {
  const file = join(world.second.folder, "SECRET.md");
  const turnId = await startTurn(world, world.second, "edit SECRET.md: never");
  await answerQuestion(world, turnId, "decline");
  const end = await world.watch.settled(turnId);
  verify(end.payload.status === "completed", "the turn goes on and completes", end.payload);
  verify(!existsSync(file), "nothing was written");
  const { window } = await readTurn(world, world.second, turnId);
  verify(
    answerOf(window, turnId) === "Did not write SECRET.md.",
    "the agent knows that it may not",
    answerOf(window, turnId),
  );
  return "the work tree has no such file";
});

export const diff = step("diff", "Read what the turn changed", async (world) => {
  const { client, first } = world;
  const { checkpoints } = await readThread(world, first);
  const latest = checkpoints.at(-1);
  verify(
    latest?.status === "ready" && latest.checkpointTurnCount === 2,
    "the second turn has a checkpoint",
    checkpoints,
  );
  const answer = await client.api.orchestration.getTurnDiff({
    threadId: first.threadId,
    fromTurnCount: 1,
    toTurnCount: 2,
  });
  const lines = answer.diff.split("\n").filter((line) => /^[+-][^+-]/.test(line));
  const expected = ["-export const price = 3;", "+export const price = 4;"];
  verify(lines.join("\n") === expected.join("\n"), "the diff has the changed line and nothing else", lines);
  const files = answer.files.map(({ path, status }) => `${status} ${path}`).join();
  verify(files === "modified src/price.js", "the diff names the changed file", files);
  // The checkpoints lie in the repository, and yet the person's index, branch and stash are as they were.
  const state = await Promise.all([
    inGit(world, ["status", "--porcelain"]),
    inGit(world, ["stash", "list"]),
    inGit(world, ["rev-list", "--count", "--branches"]),
  ]);
  verify(state.join("|") === " M src/price.js\n||1\n", "index, stash and branches are untouched", state);
  return "src/price.js: 3 became 4 and nothing else; index, stash and branches are untouched";
});
