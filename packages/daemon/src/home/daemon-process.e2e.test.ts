import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MusterError, TurnId } from "@muster/contracts";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { prepareDaemon } from "../prepare.ts";
import { groupMembers } from "../processes/index.ts";
import {
  atEnd,
  endAll,
  openDaemon,
  openHub,
  openWorld,
  startOf,
  startOptions,
  temporaryFolder,
  type World,
} from "../uplink/testing/opened.ts";
import { isProven } from "../uplink/testing/scripted-hub.ts";

afterEach(endAll);

const PROCESS = new URL("./testing/daemon-process.ts", import.meta.url).pathname;

/** A daemon in a process of its own, on the world's hub. */
const spawnDaemon = (world: World) => {
  const child = spawn(process.execPath, [PROCESS, world.home, JSON.stringify(startOptions(world))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let code: number | null | undefined;
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  child.once("exit", (exitCode) => {
    code = exitCode;
  });
  atEnd(() => child.kill("SIGKILL"));
  return {
    child,
    output: () => output,
    connected: (count = 1) =>
      until(`connect ${count}`, () => {
        if (code !== undefined) throw new Error(`it ended with ${code}: ${output}`);
        return output.split("connected").length > count;
      }),
    exited: async (): Promise<number | null> => {
      await until("the exit", () => code !== undefined);
      return code ?? null;
    },
  };
};
const refusal = async (work: Promise<unknown>): Promise<MusterError> =>
  work.then(
    () => Promise.reject(new Error("it was not refused")),
    (error: MusterError) => error,
  );
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("DMN-1 one daemon per home", () => {
  it("a second one in another process is refused with the first one's pid, and the first goes on", async () => {
    const world = await openWorld();
    const first = spawnDaemon(world);
    await first.connected();
    const error = await refusal(prepareDaemon({ home: world.home }));
    expect(error).toMatchObject({ code: "already_running", details: { pid: first.child.pid } });
    expect(error.message).toContain(String(first.child.pid));
    const second = spawnDaemon(world);
    expect(await second.exited()).toBe(1);
    world.hub.current.send({ type: "ping", nonce: "n" });
    await world.hub.next("pong");
  });

  it("a second one in the same process is refused too, and refusing it gives nothing away", async () => {
    const home = join(temporaryFolder(), "home");
    const first = await prepareDaemon({ home });
    atEnd(() => first.close());
    for (let round = 0; round < 3; round += 1)
      expect(await refusal(prepareDaemon({ home }))).toMatchObject({
        code: "already_running",
        details: { pid: process.pid },
      });
    const third = spawnDaemon({ ...(await openWorld()), home });
    expect(await third.exited()).toBe(1);
  });

  it("the lock is free as soon as its process is killed, whatever the pid file says", async () => {
    const world = await openWorld();
    const first = spawnDaemon(world);
    await first.connected();
    first.child.kill("SIGKILL");
    await first.exited();
    expect(readFileSync(join(world.home, "daemon.pid"), "utf8").trim()).toBe(String(first.child.pid));
    const second = await prepareDaemon({ home: world.home });
    await second.close();
    expect(existsSync(join(world.home, "daemon.pid"))).toBe(false);
  });

  it("closing gives the home back, twice is once, and what runs ends with it", async () => {
    const world = await openWorld();
    const { prepared, running } = await openDaemon(world);
    await Promise.all([prepared.close(), prepared.close(), running.close()]);
    const again = await prepareDaemon({ home: world.home });
    expect(again.nodeId).toBe(prepared.nodeId);
    await again.close();
  });
});

describe("DMN-1 the files", () => {
  it("are the owner's alone", async () => {
    const world = await openWorld();
    mkdirSync(world.home, { mode: 0o755 });
    const { prepared } = await openDaemon(world);
    expect(modeOf(world.home)).toBe("700");
    for (const name of ["identity.json", "outbox.db", "daemon.lock", "daemon.pid", "daemon.log"])
      expect([name, modeOf(join(world.home, name))]).toEqual([name, "600"]);
    await prepared.close();
  });

  it("a home that cannot be written is said so", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    expect(await refusal(prepareDaemon({ home: join(folder, "file", "home") }))).toMatchObject({
      code: "home_unwritable",
    });
    if (process.getuid?.() === 0) return;
    mkdirSync(join(folder, "closed"), { mode: 0o500 });
    expect(await refusal(prepareDaemon({ home: join(folder, "closed", "home") }))).toMatchObject({
      code: "home_unwritable",
    });
    chmodSync(join(folder, "closed"), 0o700);
  });

  it("a damaged outbox.db refuses to start, says how to recover, and is left as it is", async () => {
    const home = join(temporaryFolder(), "home");
    await (await prepareDaemon({ home })).close();
    const path = join(home, "outbox.db");
    const damaged = Buffer.from(readFileSync(path));
    damaged.fill(0x41, 4_096, 8_192);
    writeFileSync(path, damaged);
    const error = await refusal(prepareDaemon({ home }));
    expect(error).toMatchObject({ code: "database_corrupt", details: { path } });
    expect(error.message).toContain("away to start anew");
    expect(readFileSync(path).equals(damaged)).toBe(true);
    writeFileSync(path, "this is no database");
    expect(await refusal(prepareDaemon({ home }))).toMatchObject({ code: "database_corrupt" });
  });

  it("an outbox.db of a newer version refuses to start", async () => {
    const home = join(temporaryFolder(), "home");
    await (await prepareDaemon({ home })).close();
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(join(home, "outbox.db"));
    database.exec("INSERT INTO schema_migrations VALUES ('daemon', 99, 'from-the-future', 'x', 'x')");
    database.close();
    expect(await refusal(prepareDaemon({ home }))).toMatchObject({ code: "schema_mismatch" });
  });
});

describe("DMN-2 identity", () => {
  it("is minted once, and proves itself to the hub", async () => {
    const world = await openWorld();
    const { prepared } = await openDaemon(world);
    expect(Buffer.from(prepared.publicKey, "base64")).toHaveLength(32);
    const hello = await world.hub.next("hello");
    expect(isProven(hello, world.hub.current.nonce, prepared.publicKey)).toBe(true);
    expect(isProven(hello, `${world.hub.current.nonce}x`, prepared.publicKey)).toBe(false);
    await prepared.close();
    const again = await prepareDaemon({ home: world.home });
    expect([again.nodeId, again.publicKey]).toEqual([prepared.nodeId, prepared.publicKey]);
    await again.close();
  });

  it("a file that holds none is never overwritten", async () => {
    const home = join(temporaryFolder(), "home");
    await (await prepareDaemon({ home })).close();
    const path = join(home, "identity.json");
    for (const content of ["", "{}", '{"version":1,"nodeId":"n","privateKey":"AAAA","createdAt":""}']) {
      writeFileSync(path, content);
      expect(await refusal(prepareDaemon({ home }))).toMatchObject({ code: "database_corrupt" });
      expect(readFileSync(path, "utf8")).toBe(content);
    }
  });

  it("DMN-16 NOD-15 each process has its own incarnation, and keeps it over reconnects", async () => {
    const world = await openWorld();
    const first = await openDaemon(world);
    world.hub.current.socket.terminate();
    await world.hub.next("hello", 2);
    await first.prepared.close();
    await openDaemon(world);
    const incarnations = world.hub.all("hello").map(({ incarnation }) => incarnation);
    expect(incarnations[0]).toBe(incarnations[1]);
    expect(new Set(incarnations).size).toBe(2);
  });

  it("the log holds nothing secret", async () => {
    const world = await openWorld();
    const { prepared } = await openDaemon(world);
    await prepared.close();
    const log = readFileSync(join(world.home, "daemon.log"), "utf8");
    const { privateKey } = JSON.parse(readFileSync(join(world.home, "identity.json"), "utf8")) as {
      privateKey: string;
    };
    const { signature } = await world.hub.next("hello");
    expect(log).toContain('"connected"');
    for (const secret of [privateKey, signature, world.hub.sockets[0]?.nonce ?? ""])
      expect(log).not.toContain(secret.slice(0, 16));
  });
});

describe("ORC-33 a daemon that is killed in a running turn", () => {
  it("leaves no agent, settles the turn once as node_restarted, and doubles nothing", async () => {
    const world = await openWorld();
    const first = spawnDaemon(world);
    await first.connected();
    const hanging = startOf(world, "say before the end\nfork\nhang forever");
    world.hub.run("start-1", hanging);
    await until("the text", () => world.hub.textOf(hanging.turnId).includes("before the end"));
    const groups = agentGroups(world);
    expect(groups.length).toBeGreaterThan(0);
    const before = world.hub.entries.length;

    first.child.kill("SIGKILL");
    await first.exited();
    expect(groups.some(isAlive)).toBe(true);
    const second = spawnDaemon(world);
    await second.connected();
    await until("the ending", () => world.hub.commands("thread.turn.settle").length > 0);
    expect(groups.some(isAlive)).toBe(false);
    expect(world.hub.commands("thread.turn.settle")).toMatchObject([
      { turnId: hanging.turnId, status: "interrupted", reason: "node_restarted" },
    ]);
    expect(world.hub.all("hello").at(-1)?.runningTurns).toEqual([]);
    // Its ending was in the journal before the hello told how far that goes.
    expect(world.hub.all("hello").at(-1)?.journalSequence).toBeGreaterThan(before);

    // The hub never saw the answer: it hands the same effect over once more, and a third daemon finds nothing to end.
    world.hub.run("start-1", hanging, 2);
    await until(
      "its answer",
      () => world.hub.all("effect.result").filter(({ effectId }) => effectId === "start-1").length === 2,
    );
    second.child.kill("SIGKILL");
    await second.exited();
    const third = spawnDaemon(world);
    await third.connected();
    const next = startOf(world, "say back again; recall", { turnCount: 2 });
    world.hub.run("start-2", next);
    await until("the next turn", () =>
      world.hub.commands("thread.turn.settle").some(({ turnId }) => turnId === next.turnId),
    );
    expect(world.hub.commands("thread.turn.settle").map(({ turnId, status }) => [turnId, status])).toEqual([
      [hanging.turnId, "interrupted"],
      [next.turnId, "completed"],
    ]);
    const sequences = world.hub.entries.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(new Set(world.hub.journals.keys()).size).toBe(1);
  });

  it("DMN-12 kills at any moment lose and double no entry", async () => {
    const world = await openWorld();
    const turns: TurnId[] = [];
    for (let round = 0; round < 6; round += 1) {
      const daemon = spawnDaemon(world);
      await daemon.connected();
      const turn = startOf(world, `stream 400 chunks of 200 characters`, {
        turnCount: round + 1,
        turnId: randomUUID() as TurnId,
      });
      turns.push(turn.turnId);
      world.hub.behaviour.losesAcknowledgements = round % 2 === 1;
      world.hub.run(`start-${round}`, turn);
      // Without acknowledgements no more comes than the window holds.
      await until("some text", () => world.hub.textOf(turn.turnId).length > 1 + round * 4_000 * ((round + 1) % 2));
      daemon.child.kill("SIGKILL");
      await daemon.exited();
    }
    world.hub.behaviour.losesAcknowledgements = false;
    const last = spawnDaemon(world);
    await last.connected();
    await until("all endings", () => world.hub.commands("thread.turn.settle").length === turns.length);
    // One of them may have ended by itself just before its daemon was killed.
    const settled = world.hub.commands("thread.turn.settle");
    expect(settled.map(({ turnId }) => turnId)).toEqual(turns);
    expect(settled.filter(({ reason }) => reason === "node_restarted").length).toBeGreaterThanOrEqual(4);
    const sequences = world.hub.entries.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    // Offsets add up: textOf throws where a piece is missing or doubled.
    for (const turnId of turns) expect(world.hub.textOf(turnId)).toMatch(/^[a-z]+$/);
  });
});

it("ORC-33 a daemon that is told to end settles what runs as node_stopped, and leaves no agent", async () => {
  const world = await openWorld();
  const { prepared } = await openDaemon(world);
  const hanging = startOf(world, "say on its way\nhang");
  world.hub.run("start-1", hanging);
  await until("the text", () => world.hub.textOf(hanging.turnId).includes("on its way"));
  const groups = agentGroups(world);
  expect(groups.map(isAlive)).toEqual([true]);
  await prepared.close();
  expect(groups.some(isAlive)).toBe(false);
  // The farewell brought it to the hub before the connection ended.
  expect(world.hub.commands("thread.turn.settle")).toMatchObject([
    { turnId: hanging.turnId, status: "interrupted", reason: "node_stopped" },
  ]);
});

const agentGroups = (world: World): number[] => {
  const text = execFileSync(process.execPath, [
    "--no-warnings",
    "-e",
    `const { DatabaseSync } = require("node:sqlite");
     const rows = new DatabaseSync(${JSON.stringify(join(world.home, "outbox.db"))}, { readOnly: true }).prepare("SELECT runtime_payload_json AS payload FROM provider_session_runtime").all();
     console.log(JSON.stringify(rows.flatMap((row) => JSON.parse(row.payload).processGroups.map((group) => group.processGroupId))));`,
  ]);
  return JSON.parse(text.toString()) as number[];
};
const isAlive = (group: number): boolean => groupMembers(group).some((member) => !member.zombie);

it("a hub that refuses the node is told through `connected`, and the daemon stays", async () => {
  const world = await openWorld();
  const { MusterError: Refusal } = await import("@muster/contracts");
  world.hub.behaviour.answerHello = (_hello, socket) => socket.refuse(4001, new Refusal("uplink.unauthorized"));
  const prepared = await prepareDaemon({ home: world.home });
  atEnd(() => prepared.close());
  const running = await prepared.start(startOptions(world));
  await expect(running.connected).rejects.toMatchObject({ code: "uplink.unauthorized" });
  await running.close();
});

it("it waits for a hub that is away, and offers then what happened meanwhile", async () => {
  const world = await openWorld();
  const hub = await openHub();
  const port = Number(new URL(hub.url).port);
  const { prepared } = await openDaemon({ ...world, hub });
  const turn = startOf(world, "say offline too");
  hub.run("start-1", turn);
  await until("the effect", () => hub.result("start-1") !== undefined);
  await hub.close();
  const { ScriptedHub } = await import("../uplink/testing/scripted-hub.ts");
  const later = await new ScriptedHub().listen(port);
  atEnd(() => later.close());
  for (const [id, journal] of hub.journals) later.journals.set(id, { ...journal, entries: [...journal.entries] });
  await until("the ending", () => later.commands("thread.turn.settle").length === 1);
  expect(later.textOf(turn.turnId)).toBe("offline too");
  await prepared.close();
});
