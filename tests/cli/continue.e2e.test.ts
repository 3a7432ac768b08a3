// A turn that was cut off by a restart, gone on with by one command.
import { afterEach, beforeEach, expect, test } from "vitest";
import { listen, makeThread, Place, readThread, settledTurn, startTurn } from "./muster.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.clear());

test("ORC-33 a turn interrupted by a restart is continued by one command, with its own request", async () => {
  const first = await place.up();
  const threadId = await makeThread(first.client, place.repository("shop"));
  const agent = await listen(first.client, threadId);
  const cut = await startTurn(first.client, threadId, "say Working.\nhang");
  await agent.until("Working.");
  agent.stop();
  first.child.kill("SIGKILL");
  await first.finished;

  const { client } = await place.up();
  expect(await settledTurn(client, threadId, cut)).toMatchObject({ status: "interrupted", reason: "node_restarted" });
  const { turnId } = await place.json<{ turnId: typeof cut }>("turn", "continue");
  const { messages, turns } = await readThread(client, threadId);
  const asked = messages.find(
    ({ messageId }) => messageId === turns.find((row) => row.turnId === turnId)?.userMessageId,
  );
  expect(asked?.text).toMatch(/^You were interrupted.*\n\nsay Working\.\nhang$/);
  const busy = await place.muster(["turn", "continue"]);
  expect([busy.exitCode === 0, busy.stderr]).toEqual([false, expect.stringContaining("running")]);
  await place.json("turn", "interrupt");
  await settledTurn(client, threadId, turnId);

  const whole = await startTurn(client, threadId, "say Done.");
  await settledTurn(client, threadId, whole);
  const refused = await place.muster(["turn", "continue"]);
  expect([refused.exitCode === 0, refused.stderr]).toEqual([false, expect.stringContaining("completed")]);
});
