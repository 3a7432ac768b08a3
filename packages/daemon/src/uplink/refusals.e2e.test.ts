// What a daemon does when its hub tells it, in the middle of a connection, that it is out of date or shut out.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CLOSE_CODES, MusterError } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, expect, it } from "vitest";
import { endAll, openDaemon, openWorld, startOf, type World } from "./testing/opened.ts";

afterEach(endAll);

const tell = (world: World, code: ConstructorParameters<typeof MusterError>[0]): void =>
  world.hub.current.send({ type: "error", error: new MusterError(code).toBody() });

it("NOD-15 NOD-18 says hello anew, as the same process, when it is told that its epoch is out of date", async () => {
  const world = await openWorld();
  await openDaemon(world);
  tell(world, "runtimenode.stale_epoch");
  await world.hub.next("hello", 2);
  const [first, second] = world.hub.all("hello");
  expect(second?.incarnation).toBe(first?.incarnation);
  await until("the older socket's end", () => world.hub.sockets[0]?.closeCode !== undefined);
});

it("NOD-11 stays connected when a write of it is refused", async () => {
  const world = await openWorld();
  await openDaemon(world);
  tell(world, "version.floor_exceeded");
  world.hub.current.send({ type: "ping", nonce: "still there" });
  await world.hub.next("pong");
  expect(world.hub.sockets).toHaveLength(1);
});

it("NOD-16 stops for good when it is revoked: it says why, ends what runs, and tries no more", async () => {
  const world = await openWorld();
  const { running } = await openDaemon(world);
  const effect = startOf(world, "edit NOTES.md: noted", { runtimeMode: "approval-required" });
  world.hub.run("effect", effect, 1);
  await until("the question", () => world.hub.activities("approval.requested").length === 1);
  world.hub.current.refuse(CLOSE_CODES.unauthorized, new MusterError("runtimenode.attach_revoked"));
  expect(await running.refused).toMatchObject({ code: "runtimenode.attach_revoked", message: "The node was revoked." });
  const journal = new DatabaseSync(join(world.home, "outbox.db"), { readOnly: true });
  const ending = journal.prepare("SELECT 1 FROM ingest_journal WHERE turn_id = ? AND payload LIKE '%turn.settle%'");
  await until("the turn's end", () => ending.get(effect.turnId) !== undefined);
  journal.close();
  expect(world.hub.sockets).toHaveLength(1);
});
