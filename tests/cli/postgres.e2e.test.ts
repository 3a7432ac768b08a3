// Hubs on one PostgreSQL, as real processes: what one accepts the other shows and its machines do, and a server that goes
// away for a while costs time and nothing else.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MusterClient } from "@muster/client";
import type { ThreadId, WireEvent } from "@muster/contracts";
import { best } from "@muster/core/testing";
import { type Gate, openGate, type PostgresAddress, runOn, startPostgres, urlOf } from "@muster/store/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  answerOf,
  listen,
  makeThread,
  Place,
  readThread,
  ready,
  settledTurn,
  startTurn,
  type Up,
  until,
} from "./muster.ts";

const SECRET = "hunter2";
/** Sooner than anything that looks now and then. */
const AT_ONCE_MS = 2_000;

let server: Awaited<ReturnType<typeof startPostgres>>;
let address: PostgresAddress;
let gate: Gate;
let place: Place;
let databases = 0;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  databases += 1;
  address = { ...server.address, database: `hub_${databases}` };
  await runOn(server.address, `CREATE DATABASE ${address.database}`);
  gate = await openGate(address);
  place = new Place();
});
afterEach(async () => {
  await place.clear();
  await gate.close();
});

/** A hub with a home, a daemon and a port of its own, on the one database. */
const up = (name: string, url = urlOf(gate.address).replace("@", `:${SECRET}@`)): Promise<Up> =>
  ready(
    place.spawn(["up", "--json", "--port", "0", "--home", join(place.root, name), "--workspace-root", place.work], {
      env: { MUSTER_DATABASE_URL: url },
    }),
  );

async function allEvents(client: MusterClient): Promise<WireEvent[]> {
  const events: WireEvent[] = [];
  for (let after = 0, hasMore = true; hasMore; ) {
    const page = await client.api.orchestration.eventsPage({ after, limit: 500 });
    events.push(...page.events);
    ({ nextAfter: after, hasMore } = page);
  }
  return events;
}

const ofThread = (events: readonly WireEvent[], threadId: ThreadId) =>
  events.filter(({ streamId }) => streamId === threadId);

describe("two hubs on one PostgreSQL", () => {
  test("ORC-24 ORC-27 a turn given to one is run by the machine of the other, once, and shown by both", async () => {
    const near = await up("near");
    const threadId = await makeThread(near.client, place.repository("shop"));
    const far = await up("far");
    const heard = await listen(near.client, threadId);
    const turnId = await startTurn(far.client, threadId, "say Hello from the other side.");
    await heard.until("Hello from the other side.");
    expect(await settledTurn(far.client, threadId, turnId)).toMatchObject({ status: "completed" });
    heard.stop();
    const windows = await Promise.all([near, far].map(({ client }) => readThread(client, threadId)));
    expect(windows.map((window) => answerOf(window, turnId))).toEqual(Array(2).fill("Hello from the other side."));
    expect(windows[0]?.generation).toBe(windows[1]?.generation);
    const events = await allEvents(near.client);
    expect(await allEvents(far.client)).toEqual(events);
    const versions = ofThread(events, threadId).map(({ streamVersion }) => streamVersion);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
    const effects = await runOn(address, "SELECT kind, status, attempt_count FROM orchestration_effects");
    expect(effects).toEqual([{ kind: "node.turn.start", status: "succeeded", attempt_count: "1" }]);
  });

  test("ORC-27 a command given to one reaches an open feed of the other at once", async () => {
    const [near, far] = [await up("near"), await up("far")];
    const threadId = await makeThread(near.client, place.repository("shop"));
    const events: WireEvent[] = [];
    let isLive = false;
    const stopping = new AbortController();
    const { generation, snapshotSequence } = await readThread(far.client, threadId);
    const follow = async (): Promise<void> => {
      const after = `${generation}:${snapshotSequence}`;
      for await (const message of far.client.followFeed({ after, signal: stopping.signal })) {
        if (message.type === "synchronized") isLive = true;
        if (message.type === "event") events.push(message.event);
      }
    };
    void follow();
    await until("the feed to be live", () => isLive);
    let renamed = 0;
    const arrivedAfterMs = async (): Promise<number> => {
      renamed += 1;
      await near.client.dispatch({ type: "thread.meta.update", threadId, title: `Renamed by the other ${renamed}` });
      const acceptedMs = performance.now();
      const isRenaming = ({ eventType }: WireEvent) => eventType === "thread.meta-updated";
      await until("the event", () => events.filter(isRenaming).length === renamed);
      return performance.now() - acceptedMs;
    };
    expect(await best(AT_ONCE_MS, arrivedAfterMs)).toBeLessThan(AT_ONCE_MS);
    stopping.abort();
  });

  test("ORC-24 when the one with the machine is killed, its turn goes on where the machine comes back", async () => {
    const near = await up("near");
    const far = await up("far");
    const threadId = await makeThread(near.client, place.repository("shop"));
    const { nodes } = await near.client.api.nodes.list();
    expect(nodes).toHaveLength(2);
    near.child.kill("SIGKILL");
    await near.finished;
    // The machine may be either one's: the turn waits for it if it is the killed one's.
    const turnId = await startTurn(far.client, threadId, "say Later.");
    const again = await up("near");
    expect(await settledTurn(again.client, threadId, turnId)).toMatchObject({ status: "completed" });
    expect(answerOf(await readThread(far.client, threadId), turnId)).toBe("Later.");
  });
});

describe("a server that goes away while a hub serves", () => {
  test("ORC-21 costs typed, retryable refusals, shows in the probe, and all goes on by itself when it is back", async () => {
    const hub = await up("only");
    const threadId = await makeThread(hub.client, place.repository("shop"));
    const probe = async () => (await fetch(`${hub.ready.url}/readyz`)).status;
    expect(await probe()).toBe(200);
    const heard = await listen(hub.client, threadId);
    gate.shut();
    await until("the probe to fail", async () => (await probe()) === 503);
    const refused = await startTurn(hub.client, threadId, "say Never.").catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: expect.stringMatching(/^(unavailable|outcome_unknown)$/) });
    gate.open();
    await until("the probe to pass", async () => (await probe()) === 200);
    const turnId = await startTurn(hub.client, threadId, "say Back.");
    expect(await settledTurn(hub.client, threadId, turnId)).toMatchObject({ status: "completed" });
    await heard.until("Back.");
    heard.stop();
    expect(answerOf(await readThread(hub.client, threadId), turnId)).toBe("Back.");
    const events = ofThread(await allEvents(hub.client), threadId);
    expect(events.map(({ streamVersion }) => streamVersion)).toEqual(events.map((_, index) => index + 1));
  });
});

describe("a start", () => {
  test("whose server does not answer says so, with the code and without the password, and leaves nothing", async () => {
    gate.shut();
    const url = urlOf(gate.address).replace("@", `:${SECRET}@`);
    const finished = await place.muster(["up", "--port", "0"], { env: { MUSTER_DATABASE_URL: url } });
    expect(finished).toMatchObject({ exitCode: 6, stdout: "" });
    expect(finished.stderr).toContain("(database_unreachable)");
    expect(finished.stderr).not.toContain(SECRET);
    const doctor = await place.spawn(["doctor"], { env: { MUSTER_DATABASE_URL: url } }).finished;
    expect(doctor.stdout).toContain(`${address.database}?host=`);
    expect(doctor.stdout + doctor.stderr).not.toContain(SECRET);
  });

  test("on PostgreSQL keeps the password out of its log, its home and the list of processes", async () => {
    const hub = await up("only");
    const home = join(place.root, "only");
    const files = ["hub/hub.log", "hub/database.json", "hub/endpoint.json"].map((name) => join(home, name));
    await until("the log", () => readFileSync(join(home, "hub/hub.log"), "utf8").includes("the hub serves"));
    for (const file of files) expect(readFileSync(file, "utf8")).not.toContain(SECRET);
    expect(readFileSync(`/proc/${hub.ready.pid}/cmdline`, "utf8")).not.toContain(SECRET);
    expect(hub.stdout() + hub.stderr()).not.toContain(SECRET);
  });
});
