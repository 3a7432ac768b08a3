// The whole program killed in the middle of a turn: nothing is lost, nothing is doubled, nothing of it lives on.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { MusterClient } from "@muster/client";
import type { WireEvent } from "@muster/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerOf, listen, makeThread, Place, readThread, settledTurn, startTurn, until } from "./muster.ts";
import { isAlive, processesOf } from "./processes.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.clear());

async function allEvents(client: MusterClient): Promise<WireEvent[]> {
  const events: WireEvent[] = [];
  for (let after = 0, hasMore = true; hasMore; ) {
    const page = await client.api.orchestration.eventsPage({ after, limit: 500 });
    events.push(...page.events);
    ({ nextAfter: after, hasMore } = page);
  }
  return events;
}

test("ORC-33 after kill -9 of everything in the middle of a turn, the thread is whole, the turn is interrupted once, no old agent lives, and work goes on", async () => {
  const first = await place.up();
  const threadId = await makeThread(first.client, place.repository("shop"));
  const agent = await listen(first.client, threadId);
  const whole = await startTurn(first.client, threadId, "say First.");
  await settledTurn(first.client, threadId, whole);
  // The agent's child ignores SIGTERM and would outlive everyone who does not look for it.
  const killed = await startTurn(
    first.client,
    threadId,
    "say Second.\nedit half.txt without asking: done\nfork\nsay Still here.\nhang",
  );
  await agent.until("Still here.");
  agent.stop();
  const old = processesOf(place.root).filter(({ pid }) => pid !== first.ready.pid);
  expect(old.length).toBeGreaterThanOrEqual(2);
  const before = await readThread(first.client, threadId);
  first.child.kill("SIGKILL");
  await first.finished;
  expect(old.some(({ pid }) => isAlive(pid))).toBe(true);
  expect(existsSync(join(place.home, "hub/endpoint.json"))).toBe(true);
  const orphaned = await place.spawn(["status"]).finished;
  expect(orphaned.exitCode).toBe(6);
  expect(orphaned.stderr).toContain("is gone");

  const second = await place.up();
  const turn = await settledTurn(second.client, threadId, killed);
  expect(turn).toMatchObject({ status: "interrupted", reason: "node_restarted" });
  await until("every old process to be gone", () => old.every(({ pid }) => !isAlive(pid)));

  const next = await startTurn(second.client, threadId, "recall");
  expect(await settledTurn(second.client, threadId, next)).toMatchObject({ status: "completed" });
  const after = await readThread(second.client, threadId);
  expect(after.turns.map(({ turnId, turnCount }) => [turnId, turnCount])).toEqual([
    [whole, 1],
    [killed, 2],
    [next, 3],
  ]);
  expect(after.messages.slice(0, before.messages.length).map(({ messageId }) => messageId)).toEqual(
    before.messages.map(({ messageId }) => messageId),
  );
  expect(answerOf(after, whole)).toBe("First.");
  // What was told of before the kill is there, once; what was still streaming may be lost.
  expect(answerOf(after, killed).startsWith("Second.")).toBe(true);
  expect(answerOf(after, killed).split("Second.")).toHaveLength(2);
  expect(readFileSync(join(place.work, "shop/half.txt"), "utf8")).toBe("done");
  expect(answerOf(after, next)).toMatch(/^I remember \d+ earlier turns?\.$/);
  expect(after.messages.every(({ isStreaming }) => !isStreaming)).toBe(true);

  const events = await allEvents(second.client);
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(events.length);
  const settled = events
    .filter(({ eventType }) => eventType === "thread.turn-settled")
    .map(({ payload }) => payload["turnId"]);
  expect(settled).toEqual([whole, killed, next]);
  const versions = events.filter(({ streamId }) => streamId === threadId).map(({ streamVersion }) => streamVersion);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
});
