// `muster up` as a person or a supervisor meets it: ready, refused with a reason, ended.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import type { ErrorCode } from "@muster/contracts";
import { best } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  answerOf,
  type Finished,
  listen,
  makeThread,
  Place,
  readThread,
  ready,
  repository,
  run,
  settledTurn,
  startTurn,
  until,
} from "./muster.ts";
import { isAlive, processesOf } from "./processes.ts";

/** What the product promises. */
const END_MAX_MS = 5_000;

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.clear());

const endedBy = async (
  up: { child: { kill(signal: NodeJS.Signals): boolean }; finished: Promise<Finished> },
  signal: NodeJS.Signals,
) => {
  const began = performance.now();
  up.child.kill(signal);
  const finished = await up.finished;
  return { ...finished, tookMs: performance.now() - began };
};

/** A start that is refused: its exit code, and one error with this code on standard error. */
function expectRefusal({ exitCode, stdout, stderr }: Finished, expected: { exitCode: number; code: ErrorCode }): void {
  expect(stderr).toContain(`(${expected.code})`);
  expect(stderr.match(/^Error: /gm)).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe("");
  expect(exitCode).toBe(expected.exitCode);
}

describe("a start", () => {
  test("EXP-1 prints one line of JSON when it is ready, and the hub answers under it", async () => {
    const up = await place.up();
    expect(up.stdout().trimEnd().split("\n")).toHaveLength(1);
    expect(Object.keys(up.ready).sort()).toEqual(["home", "loginUrl", "pid", "ready", "tokenFile", "url"]);
    expect(up.ready).toMatchObject({ ready: true, home: place.home, pid: up.child.pid });
    expect((await up.client.api.health()).status).toBe("ok");
    expect(statSync(up.ready.tokenFile).mode & 0o777).toBe(0o600);
    expect((await up.client.api.auth.me()).role).toBe("owner");
    const { nodes } = await up.client.api.nodes.list();
    expect(nodes.map(({ health }) => health)).toEqual(["online"]);
  });

  test("EXP-1 gives a login link that works once, its token in the fragment, for a cookie with the port in its name", async () => {
    const { ready: line } = await place.up();
    const link = new URL(line.loginUrl);
    expect(link.origin).toBe(line.url);
    expect(link.search).toBe("");
    const token = new URLSearchParams(link.hash.slice(1)).get("token");
    const redeem = () =>
      fetch(`${line.url}/api/v1/auth/redeem`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: line.url },
        body: JSON.stringify({ token }),
      });
    const first = await redeem();
    expect(first.status).toBe(200);
    expect(first.headers.get("set-cookie")).toMatch(new RegExp(`^[^=;]*${link.port}[^=;]*=`));
    expect((await redeem()).status).toBe(401);
  });

  test("EXP-1 takes its home and its port from the environment or from options, options first", async () => {
    const other = join(place.root, "other");
    const byOption = await ready(
      place.spawn(["up", "--json", "--home", other, "--port", "0", "--workspace-root", place.work], {
        env: { MUSTER_PORT: "1" },
      }),
    );
    expect(byOption.ready.home).toBe(other);
    const byEnvironment = await ready(
      place.spawn(["up", "--json", "--workspace-root", place.work], { env: { MUSTER_PORT: "0" } }),
    );
    expect(byEnvironment.ready.home).toBe(place.home);
  });

  test("EXP-1 for the second time finds everything that was there", async () => {
    const first = await place.up();
    const threadId = await makeThread(first.client, place.repository("shop"));
    const turnId = await startTurn(first.client, threadId, "say I was here.");
    await settledTurn(first.client, threadId, turnId);
    const before = await readThread(first.client, threadId);
    await endedBy(first, "SIGTERM");
    const second = await place.up();
    const after = await readThread(second.client, threadId);
    expect(after.turns).toEqual(before.turns);
    expect(after.messages).toEqual(before.messages);
    expect(answerOf(after, turnId)).toBe("I was here.");
    expect((await second.client.api.nodes.list()).nodes).toHaveLength(1);
  });

  test("EXP-1 shows a person where to look and what to do next", async () => {
    const up = place.spawn(["up", "--port", "0", "--workspace-root", place.work]);
    await until("the welcome", () => up.stdout().includes("Ctrl-C"));
    expect(up.stdout()).toContain("http://127.0.0.1:");
    expect(up.stdout()).toContain("/login#token=");
    expect(up.stdout().match(/^ {2}muster /gm)).toHaveLength(3);
    expect(up.stdout()).not.toContain("\u001b");
  });

  test("EXP-1 by npm ends with npm's own signal", async () => {
    const up = await ready(
      run("npm", ["run", "--silent", "start", "--", "--json", "--port", "0", "--workspace-root", place.work], {
        cwd: repository,
        env: place.env,
      }),
    );
    expect(up.ready.home).toBe(place.home);
    up.child.kill("SIGTERM");
    await up.finished;
    await until("the program to end with npm", () => !isAlive(up.ready.pid));
    expect(existsSync(join(place.home, "hub/endpoint.json"))).toBe(false);
  });
});

describe("a start that cannot be", () => {
  test("EXP-1 says that the port is taken, and leaves nothing behind", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const finished = await place.muster(["up", "--port", String(port), "--workspace-root", place.work]);
    server.close();
    expectRefusal(finished, { exitCode: 4, code: "port_in_use" });
    expect(finished.stderr).toContain(String(port));
    expect(existsSync(place.home)).toBe(false);
    expect(processesOf(place.root)).toEqual([]);
  });

  test("EXP-1 says that the home cannot be written, wherever the reason lies", async () => {
    const file = join(place.root, "a-file");
    writeFileSync(file, "");
    for (const home of [join(file, "home"), "/proc/muster"]) {
      const finished = await place.muster(["up", "--home", home, "--port", "0", "--workspace-root", place.work]);
      expectRefusal(finished, { exitCode: 4, code: "home_unwritable" });
      expect(finished.stderr).toContain(home);
    }
  });

  test("EXP-1 says that a database is damaged, and leaves it as it is", async () => {
    await endedBy(await place.up(), "SIGTERM");
    for (const path of [join(place.home, "hub/hub.db"), join(place.home, "daemon/outbox.db")]) {
      const whole = readFileSync(path);
      const damaged = Buffer.from(whole);
      damaged.fill(0xa5, 4096, Math.min(damaged.length, 16_384));
      writeFileSync(path, damaged);
      const finished = await place.muster(["up", "--port", "0", "--workspace-root", place.work]);
      expectRefusal(finished, { exitCode: 4, code: "database_corrupt" });
      expect(finished.stderr).toContain(path);
      expect(readFileSync(path).equals(damaged)).toBe(true);
      writeFileSync(path, whole);
    }
    const up = await place.up();
    expect((await up.client.api.health()).status).toBe("ok");
  });

  test("EXP-1 takes no emptied database and no lost identity for a new home, and starts again when they are back", async () => {
    await endedBy(await place.up(), "SIGTERM");
    for (const [path, remains] of [
      [join(place.home, "hub/hub.db"), Buffer.alloc(0)],
      [join(place.home, "daemon/identity.json"), null],
    ] as const) {
      const whole = readFileSync(path);
      if (remains === null) rmSync(path);
      else writeFileSync(path, remains);
      const finished = await place.muster(["up", "--port", "0", "--workspace-root", place.work]);
      expectRefusal(finished, { exitCode: 4, code: "database_corrupt" });
      expect(finished.stderr).toContain(path);
      writeFileSync(path, whole);
    }
    const up = await place.up();
    expect((await up.client.api.health()).status).toBe("ok");
  });

  test("EXP-1 says where the one runs that has this home already, which goes on", async () => {
    const up = await place.up();
    const finished = await place.muster(["up", "--port", "0", "--workspace-root", place.work]);
    expectRefusal(finished, { exitCode: 1, code: "already_running" });
    expect(finished.stderr).toContain(up.ready.url);
    expect(finished.stderr).toContain(String(up.ready.pid));
    expect((await up.client.api.health()).status).toBe("ok");
    expect((await place.spawn(["status"]).finished).exitCode).toBe(0);
  });

  test("EXP-4 is an object on standard error with --json", async () => {
    const { exitCode, stdout, stderr } = await place.muster(["up", "--json", "--home", "/proc/muster", "--port", "0"]);
    expect(stdout).toBe("");
    expect(exitCode).toBe(4);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "home_unwritable", exitCode: 4, message: expect.any(String), hint: expect.any(String) },
    });
  });
});

describe("an end", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "EXP-1 by %s comes within 5 s with code 0, whatever is going on",
    async (signal) => {
      const endAfterMs = async (): Promise<number> => {
        const up = await place.up();
        const threadId = await makeThread(up.client, place.repository(crypto.randomUUID()));
        const agent = await listen(up.client, threadId);
        await startTurn(up.client, threadId, "say Working.\nhang");
        await agent.until("Working.");
        const watcher = place.spawn(["events", "tail", "--after", "0"]);
        await until("the watcher to watch", () => watcher.stdout() !== "");
        const { exitCode, tookMs } = await endedBy(up, signal);
        agent.stop();
        expect(exitCode).toBe(0);
        expect(existsSync(join(place.home, "hub/endpoint.json"))).toBe(false);
        watcher.child.kill("SIGINT");
        await watcher.finished;
        expect(processesOf(place.root)).toEqual([]);
        return tookMs;
      };
      expect(await best(END_MAX_MS, endAfterMs)).toBeLessThan(END_MAX_MS);
    },
  );

  test("EXP-1 comes within 5 s even when an agent ignores it, and the next start leaves nothing of that agent", async () => {
    const endAfterMs = async (): Promise<number> => {
      const up = await place.up();
      const threadId = await makeThread(up.client, place.repository(crypto.randomUUID()));
      const agent = await listen(up.client, threadId);
      await startTurn(up.client, threadId, "hang forever");
      await agent.until("Hanging.");
      const stubborn = processesOf(place.root).filter(({ command }) => command.includes("sample-agent"));
      expect(stubborn).toHaveLength(1);
      const { tookMs } = await endedBy(up, "SIGTERM");
      agent.stop();
      const next = await place.up();
      await until("the agent to be gone", () => stubborn.every(({ pid }) => !isAlive(pid)));
      await endedBy(next, "SIGTERM");
      return tookMs;
    };
    expect(await best(END_MAX_MS, endAfterMs)).toBeLessThan(END_MAX_MS);
  });

  test("comes at once with a second SIGINT", async () => {
    const up = await place.up();
    const threadId = await makeThread(up.client, place.repository("shop"));
    const agent = await listen(up.client, threadId);
    await startTurn(up.client, threadId, "hang forever");
    await agent.until("Hanging.");
    up.child.kill("SIGINT");
    await until("the end to begin", () => !existsSync(join(place.home, "hub/endpoint.json")));
    // Two within half a second are one keystroke, passed on by npm.
    await until("the signal to count", () => {
      if (up.child.exitCode === null && up.child.signalCode === null) up.child.kill("SIGINT");
      return up.child.exitCode !== null;
    });
    agent.stop();
    expect((await up.finished).exitCode).toBe(130);
  });

  test("leaves the temporary folder as empty as it was", async () => {
    await endedBy(await place.up(), "SIGTERM");
    expect(readdirSync(join(place.root, "tmp"))).toEqual([]);
  });
});
