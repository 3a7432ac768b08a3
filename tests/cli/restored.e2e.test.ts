// The hub's database put back from a backup that was taken in the middle of a turn: the one step that says so, what the
// machine then offers again, and what readers are told.
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { MusterClient } from "@muster/client";
import type { FeedMessage, ThreadId, ThreadWindow, TurnId } from "@muster/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerOf, makeThread, Place, readThread, settledTurn, startTurn, until } from "./muster.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.clear());

const question = (client: MusterClient, threadId: ThreadId) =>
  until("the question", async () =>
    (await readThread(client, threadId)).approvals.find(({ status }) => status === "pending"),
  );
/** What the machine told of a turn, without what only the hub's clock and counting make different. */
const told = (window: ThreadWindow, turnId: TurnId) => ({
  answer: answerOf(window, turnId),
  steps: window.activities.filter((row) => row.turnId === turnId).map(({ kind, summary }) => `${kind}: ${summary}`),
  files: window.checkpoints.filter((row) => row.turnId === turnId).map(({ files }) => files.map(({ path }) => path)),
});

test("ORC-37 after a restore from an older backup the machine offers again what the hub lacks, once, and readers start anew", async () => {
  const first = await place.up();
  const { client } = first;
  const threadId = await makeThread(client, place.repository("shop"));
  await client.dispatch({ type: "thread.meta.update", threadId, runtimeMode: "approval-required" });
  const turnId = await startTurn(client, threadId, "say First.\nedit a.md: asked\nsay Second.");
  const { requestId } = await question(client, threadId);

  const database = join(place.home, "hub/hub.db");
  const backup = join(place.root, "backup.db");
  const source = new DatabaseSync(database, { readOnly: true });
  source.exec(`VACUUM INTO '${backup}'`);
  source.close();

  await client.dispatch({ type: "thread.approval.respond", threadId, requestId, decision: "accept" });
  expect(await settledTurn(client, threadId, turnId)).toMatchObject({ status: "completed" });
  const later = await startTurn(client, threadId, "say Third.");
  await settledTurn(client, threadId, later);
  const before = await readThread(client, threadId);
  const refused = await place.muster(["restored"]);
  expect([refused.exitCode, refused.stderr]).toEqual([expect.any(Number), expect.stringContaining("End it")]);
  first.child.kill("SIGTERM");
  await first.finished;

  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
  copyFileSync(backup, database);
  const { generation } = await place.json<{ generation: string }>("restored");
  expect(generation).not.toBe(before.generation);

  const second = await place.up();
  expect(await settledTurn(second.client, threadId, turnId)).toMatchObject({ status: "completed" });
  const next = await startTurn(second.client, threadId, "recall");
  expect(await settledTurn(second.client, threadId, next)).toMatchObject({ status: "completed" });
  const after = await readThread(second.client, threadId);
  expect(after.generation).toBe(generation);
  // Once each: not what came before the backup again, and all of what came after it.
  expect(told(after, turnId)).toEqual(told(before, turnId));
  expect(told(after, turnId)).toMatchObject({ answer: "First.Wrote a.md.Second.", files: [[], ["a.md"]] });
  // What a person asked after the backup was the hub's alone.
  expect(after.turns.map((turn) => turn.turnId)).toEqual([turnId, next]);
  expect(after.approvals).toMatchObject([{ requestId, status: "expired" }]);

  const stopping = new AbortController();
  const messages: FeedMessage[] = [];
  const position = `${before.generation}:${before.snapshotSequence}`;
  for await (const message of second.client.followFeed({ after: position, signal: stopping.signal })) {
    messages.push(message);
    break;
  }
  stopping.abort();
  expect(messages).toMatchObject([{ type: "reset", reason: "generation", generation }]);
});
