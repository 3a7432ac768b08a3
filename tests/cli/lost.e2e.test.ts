// A machine that loses its slot in the middle of a turn: the hub ends the turn by itself, within one sweep.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listen, makeThread, Place, settledTurn, startTurn } from "./muster.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.clear());

test("ORC-33 a running turn ends as node_lost when its machine is revoked, and silence alone never ended it", async () => {
  const { client } = await place.up();
  const threadId = await makeThread(client, place.repository("shop"));
  const agent = await listen(client, threadId);
  const turnId = await startTurn(client, threadId, "say Working.\nhang");
  await agent.until("Working.");
  agent.stop();
  const database = new DatabaseSync(join(place.home, "hub/hub.db"));
  database.exec("UPDATE runtime_node_attachments SET state = 'revoked'");
  database.close();
  expect(await settledTurn(client, threadId, turnId)).toMatchObject({ status: "interrupted", reason: "node_lost" });
});
