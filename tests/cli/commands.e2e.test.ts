// The commands against a real hub with a real agent, as a person and as a script use them: one hub for the whole file,
// a thread of its own for each test.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  NodeSummary,
  ProjectRow,
  type ThreadId,
  ThreadSummary,
  ThreadWindow,
  TurnDiff,
  TurnRow,
  WireEvent,
} from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, listen, Place, readThread, settledTurn, startTurn, type Up, until } from "./muster.ts";

let place: Place;
let up: Up;
let shop: string;

beforeAll(async () => {
  place = new Place();
  shop = place.repository("shop");
  up = await place.up();
  await until("the machine to be online", async () => (await up.client.api.nodes.list()).nodes[0]?.health === "online");
  await place.json("project", "add", shop, "--title", "Shop");
});
afterAll(() => place.clear());

const newThread = async (...options: string[]): Promise<ThreadId> => {
  const { threadId } = await place.json<{ threadId: ThreadId }>(
    "thread",
    "new",
    "--project",
    "Shop",
    "--provider",
    "sample",
    ...options,
  );
  return threadId;
};
const rowsOf = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const errorOf = (stderr: string) => (JSON.parse(stderr) as { error: { code: string; exitCode: number } }).error;

describe("what is there", () => {
  test("EXP-5 status says how the hub stands and what needs a person", async () => {
    const text = await place.spawn(["status"]).finished;
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toContain(up.ready.url);
    expect(text.stdout).toMatch(/Machines +1 of 1 online/);
    const answer = await place.json<Record<string, unknown>>("status");
    expect(answer).toMatchObject({ url: up.ready.url, status: "ok", nodes: { total: 1, online: 1 }, projects: 1 });
  });

  test("EXP-5 doctor finds nothing to mend on a machine that works, and says what it looked at", async () => {
    const { ok, checks } = await place.json<{ ok: boolean; checks: { name: string; state: string }[] }>("doctor");
    expect(checks.map(({ name }) => name)).toEqual([
      "runtime",
      "git",
      "home",
      "database",
      "port",
      "console",
      "hub",
      "integrity",
      "node",
      "agents",
    ]);
    expect(checks.filter(({ state }) => state === "fail")).toEqual([]);
    expect(ok).toBe(true);
  });

  test("EXP-5 doctor fails with what to do where something is wrong", async () => {
    const { port } = new URL(up.ready.url);
    const { exitCode, stdout } = await place.spawn(["doctor", "--home", "/proc/muster", "--port", port]).finished;
    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/✗ fail {2}\/proc cannot be written .*\n +Give --home/);
    expect(stdout).toMatch(/✗ fail {2}port \d+ is taken .*\n +Stop that program/);
  });

  test("EXP-5 nodes and agents show this machine and what can work on it", async () => {
    const { nodes } = await place.json<{ nodes: unknown[] }>("nodes");
    expect(NodeSummary.parse(nodes[0]).health).toBe("online");
    const { agents } = await place.json<{ agents: { name: string; found: boolean }[] }>("agents");
    expect(agents.find(({ name }) => name === "sample")?.found).toBe(true);
    const { stdout } = await place.muster(["agents"], { env: { PATH: process.env["PATH"] } });
    expect(stdout).toMatch(/^sample +Sample agent +found/m);
    expect(stdout).toMatch(/^claude +Claude Code +(found|not found +Install)/m);
  });

  test("EXP-5 login prints a link that works once", async () => {
    const { stdout, exitCode } = await place.spawn(["login", "--quiet"]).finished;
    expect(exitCode).toBe(0);
    const { origin, hash } = new URL(stdout.trim());
    expect(origin).toBe(up.ready.url);
    const redeem = () => up.client.api.auth.redeem({ token: hash.replace("#token=", "") });
    await expect(redeem()).resolves.toMatchObject({ role: "owner" });
    await expect(redeem()).rejects.toMatchObject({ code: "login_link_invalid" });
  });

  test("EXP-5 project add makes a folder a project once, and project list shows it", async () => {
    const folder = place.repository("second");
    const added = await place.spawn(["project", "add", ".", "--json"], { cwd: folder }).finished;
    expect(JSON.parse(added.stdout)).toMatchObject({ title: "second", workspaceRoot: folder });
    const again = await place.muster(["project", "add", folder, "--json"]);
    expect(errorOf(again.stderr)).toMatchObject({ code: "project_exists", exitCode: 3 });
    const { projects } = await place.json<{ projects: unknown[] }>("project", "list");
    expect(projects.map((project) => ProjectRow.parse(project).title).sort()).toEqual(["Shop", "second"]);
    const outside = await place.muster(["project", "add", "/usr", "--json"]);
    expect(errorOf(outside.stderr)).toMatchObject({ code: "workspace_not_allowed", exitCode: 3 });
  });
});

describe("a thread", () => {
  test("EXP-5 is opened in the project of the folder one is in, listed and shown", async () => {
    const made = await place.muster(["thread", "new", "--title", "From here", "--json"], { cwd: shop });
    const { threadId, provider } = JSON.parse(made.stdout) as { threadId: string; provider: string };
    expect(provider).not.toBe("");
    const { threads } = await place.json<{ threads: unknown[] }>("thread", "list", "--project", "Shop");
    expect(threads.map((thread) => ThreadSummary.parse(thread).threadId)).toContain(threadId);
    const shown = await place.json<unknown>("thread", "show", threadId);
    expect(ThreadWindow.parse(shown).thread.title).toBe("From here");
  });

  test("EXP-4 is named by any end or beginning of its id that fits it alone", async () => {
    const threadId = await newThread("--title", "Named");
    const { stdout } = await place.muster(["thread", "show", threadId.slice(-8)]);
    expect(stdout).toContain("Named");
    const ambiguous = await place.muster(["thread", "show", threadId.slice(0, 2), "--json"]);
    expect(errorOf(ambiguous.stderr)).toMatchObject({ code: "validation_failed", exitCode: 2 });
    const missing = await place.muster(["thread", "show", "zzzz", "--json"]);
    expect(errorOf(missing.stderr)).toMatchObject({ code: "thread_not_found", exitCode: 3 });
  });

  test("EXP-4 is listed as ids alone with --quiet", async () => {
    const threadId = await newThread();
    const { stdout } = await place.muster(["thread", "list", "--quiet"]);
    expect(stdout.split("\n")[0]).toBe(threadId);
  });
});

describe("a turn", () => {
  test("EXP-5 is started and watched to its end, its text once and its steps on lines of their own", async () => {
    const threadId = await newThread("--mode", "full-access");
    const text = "say I begin.\nedit one.txt: 1\nsay Done.";
    const { exitCode, stdout } = await place.spawn(["turn", "start", threadId, text, "--follow"]).finished;
    expect(stdout.split("I begin.")).toHaveLength(2);
    expect(stdout).toContain("\n▸ Write one.txt\n");
    expect(stdout).toContain("\n✓ Write one.txt\n");
    expect(stdout).toMatch(/Done\.\n± 1 file changed, \+1 −0\nTurn 1 completed after .*\n$/);
    expect(exitCode).toBe(0);
  });

  test("EXP-4 is one JSON row per message of its feed with --json, ended by the turn", async () => {
    const threadId = await newThread();
    const command = ["turn", "start", threadId, "say Row by row.", "--follow", "--json"];
    const { stdout } = await place.spawn(command).finished;
    const rows = rowsOf(stdout);
    expect(rows[0]).toMatchObject({ type: "started", threadId, receipt: "accepted" });
    expect(new Set(rows.slice(1, -1).map(({ type }) => type))).toEqual(new Set(["event", "delta"]));
    expect(rows.at(-1)?.["type"]).toBe("turn");
    expect(TurnRow.parse(rows.at(-1)?.["turn"]).status).toBe("completed");
  });

  test("EXP-5 takes its text from standard input", async () => {
    const threadId = await newThread();
    const command = ["turn", "start", threadId, "-", "--follow"];
    const { stdout } = await place.spawn(command, { input: "say From afar.\n" }).finished;
    expect(stdout).toContain("From afar.");
  });

  test("EXP-4 that ends with an error ends the command with that error's exit code", async () => {
    const threadId = await newThread();
    const command = ["turn", "start", threadId, "die with no more ideas", "--follow"];
    const { exitCode, stdout } = await place.spawn(command).finished;
    expect(exitCode).toBe(3);
    expect(stdout).toContain("no more ideas");
  });

  test("EXP-5 is interrupted, and the one who watches it hears of it", async () => {
    const threadId = await newThread();
    const { turnId } = await place.json<{ turnId: string }>("turn", "start", threadId, "say Thinking.\nhang");
    const watcher = place.spawn(["turn", "tail", threadId]);
    await until("the text", () => watcher.stdout().includes("Thinking."));
    expect((await place.muster(["turn", "interrupt", threadId])).exitCode).toBe(0);
    const { exitCode, stdout } = await watcher.finished;
    expect(exitCode).toBe(6);
    expect(stdout).toMatch(
      /^· Sample agent started a conversation\nThinking\.\nTurn 1 interrupted after .*: a person interrupted it\n$/,
    );
    const again = await place.muster(["turn", "interrupt", threadId, "--json"]);
    expect(errorOf(again.stderr).code).toBe("turn_not_running");
    const { turns } = ThreadWindow.parse(await place.json("thread", "show", threadId));
    expect(turns.find((turn) => turn.turnId === turnId)?.status).toBe("interrupted");
  });

  test("EXP-5 waits in the queue when it is asked to, and is refused when it is not", async () => {
    const threadId = await newThread();
    const agent = await listen(up.client, threadId);
    await place.json("turn", "start", threadId, "say One.\nhang");
    await agent.until("One.");
    agent.stop();
    const refused = await place.muster(["turn", "start", threadId, "say Two.", "--json"]);
    expect(errorOf(refused.stderr)).toMatchObject({ code: "turn_in_progress", exitCode: 6 });
    const queued = place.spawn(["turn", "start", threadId, "say Three.", "--queue", "--follow"]);
    await until("the turn to wait", async () =>
      (await readThread(up.client, threadId)).turns.some(({ status }) => status === "queued"),
    );
    await place.muster(["turn", "interrupt", threadId]);
    const { exitCode, stdout } = await queued.finished;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Three\.\nTurn 2 completed/);
  });

  test("EXP-5 goes on when the one who watches it goes away", async () => {
    const threadId = await newThread();
    const watcher = place.spawn(["turn", "start", threadId, "say Watched.\nwait 1500 ms\nsay Still here.", "--follow"]);
    await until("the text", () => watcher.stdout().includes("Watched."));
    watcher.child.kill("SIGINT");
    const { exitCode, stderr } = await watcher.finished;
    expect(exitCode).toBe(130);
    expect(stderr).toContain("The turn goes on");
    const { turns } = await readThread(up.client, threadId);
    const [turn] = turns;
    if (turn === undefined) throw new Error("no turn");
    await settledTurn(up.client, threadId, turn.turnId);
    expect(answerOf(await readThread(up.client, threadId), turn.turnId)).toContain("Still here.");
  });
});

describe("a question", () => {
  test("EXP-5 is shown where it is watched, allowed once, and cannot be answered twice", async () => {
    const threadId = await newThread();
    const turn = place.spawn(["turn", "start", threadId, "edit asked.txt: yes", "--follow"]);
    const requestId = await until("the question", () => /muster approve (\S+),/.exec(turn.stdout())?.[1]);
    const { stdout } = await place.muster(["status"]);
    expect(stdout).toContain("1 approval");
    expect((await place.muster(["approve", requestId])).stdout).toContain("Allowed: Write asked.txt");
    expect((await turn.finished).exitCode).toBe(0);
    expect(readFileSync(join(shop, "asked.txt"), "utf8")).toBe("yes");
    const again = await place.muster(["approve", requestId, "--json"]);
    expect(errorOf(again.stderr)).toMatchObject({ code: "approval_not_pending", exitCode: 3 });
  });

  test("EXP-5 is the only one when none is named, and is refused by deny", async () => {
    const threadId = await newThread();
    const turn = place.spawn(["turn", "start", threadId, "edit denied.txt: no", "--follow"]);
    await until("the question", () => turn.stdout().includes("waits for you"));
    const answer = await place.json<{ decision: string; threadId: string }>("deny");
    expect(answer).toMatchObject({ decision: "decline", threadId });
    expect((await turn.finished).stdout).toContain("Did not write denied.txt.");
    expect(errorOf((await place.muster(["deny", "--json"])).stderr).code).toBe("approval_not_pending");
  });

  test("EXP-5 is answered for the whole session, so that the same is not asked again", async () => {
    const threadId = await newThread();
    const turn = place.spawn(["turn", "start", threadId, "ask twice", "--follow"]);
    await until("the question", () => turn.stdout().includes("waits for you"));
    const answer = await place.json<{ decision: string }>("approve", "--session");
    expect(answer.decision).toBe("acceptForSession");
    const { exitCode, stdout } = await turn.finished;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Answers: allowed, allowed.");
    expect(stdout.match(/waits for you/g)).toHaveLength(1);
  });

  test("must be named where two wait", async () => {
    const threads = await Promise.all([newThread(), newThread()]);
    const turns = await Promise.all(threads.map((threadId) => startTurn(up.client, threadId, "edit two.txt: 2")));
    await until(
      "both questions",
      async () => (await place.json<{ pendingApprovals: unknown[] }>("status")).pendingApprovals.length === 2,
    );
    const unnamed = await place.muster(["approve", "--json"]);
    expect(errorOf(unnamed.stderr)).toMatchObject({ code: "validation_failed", exitCode: 2 });
    const { pendingApprovals } = await place.json<{ pendingApprovals: { requestId: string }[] }>("status");
    for (const { requestId } of pendingApprovals) await place.json("deny", requestId.slice(-10));
    for (const [index, turnId] of turns.entries()) {
      expect((await settledTurn(up.client, threads[index] as ThreadId, turnId)).status).toBe("completed");
    }
  });
});

describe("what happened", () => {
  test("EXP-5 diff shows what the latest turn, a turn, or the thread changed", async () => {
    const threadId = await newThread("--mode", "full-access");
    await place.muster(["turn", "start", threadId, "edit diff.txt: one\\n", "--follow"]);
    await place.muster(["turn", "start", threadId, "edit diff.txt: two\\n", "--follow"]);
    const lines = async (...args: string[]) =>
      (await place.muster(["diff", threadId, ...args])).stdout.split("\n").filter((line) => /^[+-][^+-]/.test(line));
    expect(await lines()).toEqual(["-one", "+two"]);
    expect(await lines("--turn", "1")).toEqual(["+one"]);
    expect(await lines("--all")).toEqual(["+two"]);
    const stat = await place.muster(["diff", threadId, "--stat"]);
    expect(stat.stdout).toMatch(/diff\.txt +modified +2 +\+-\n1 file changed, \+1 −1\n$/);
    const diff = TurnDiff.parse(await place.json("diff", threadId));
    expect(diff).toMatchObject({ fromTurnCount: 1, toTurnCount: 2, truncated: false });
    const beyond = await place.muster(["diff", threadId, "--turn", "9", "--json"]);
    expect(beyond.exitCode).not.toBe(0);
  });

  test("EXP-5 events tail prints the log from anywhere, and goes on into the present", async () => {
    const threadId = await newThread();
    const page = await place.muster(["events", "tail", "--after", "0", "--no-follow", "--json"]);
    const sequences = rowsOf(page.stdout).map((row) => WireEvent.parse(row).sequence);
    expect(sequences[0]).toBe(1);
    expect(sequences).toEqual([...sequences].sort((first, second) => first - second));
    expect(new Set(sequences).size).toBe(sequences.length);
    const watcher = place.spawn(["events", "tail", "--thread", threadId, "--after", "0"]);
    await until("the past", () => watcher.stdout().includes("thread.created"));
    await startTurn(up.client, threadId, "say Present.");
    await until("the present", () => watcher.stdout().includes("thread.turn-settled"));
    watcher.child.kill("SIGINT");
    expect((await watcher.finished).exitCode).toBe(0);
    expect(watcher.stdout().match(/thread\.created/g)).toHaveLength(1);
    expect(watcher.stdout()).toContain("assistant: Present.");
  });

  test("EXP-5 events tail from beyond the end goes on with what comes, each event once", async () => {
    const threadId = await newThread();
    const watcher = place.spawn(["events", "tail", "--after", "999999999", "--json"]);
    const isListening = async () => {
      await startTurn(up.client, threadId, "say Beyond.").catch(() => {});
      return watcher.stdout().includes("thread.turn-settled");
    };
    await until("the present", isListening);
    watcher.child.kill("SIGINT");
    const sequences = rowsOf((await watcher.finished).stdout).map(({ sequence }) => Number(sequence));
    expect(new Set(sequences).size).toBe(sequences.length);
  });
});

describe("the form of an answer", () => {
  test("EXP-4 has colours only where they are wanted", async () => {
    const status = async (env: NodeJS.ProcessEnv = {}): Promise<string> =>
      (await place.spawn(["status"], { env }).finished).stdout;
    expect(await status()).not.toContain("\u001b");
    expect(await status({ FORCE_COLOR: "1" })).toContain("\u001b[32mok");
    expect(await status({ NO_COLOR: "1" })).not.toContain("\u001b");
  });

  test("EXP-4 ends quietly when its reader goes away", async () => {
    const watcher = place.spawn(["events", "tail", "--after", "0"]);
    await until("the first line", () => watcher.stdout() !== "");
    watcher.child.stdout?.destroy();
    await startTurn(up.client, await newThread(), "say Into the void.");
    const { exitCode, stderr } = await watcher.finished;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("EXP-4 is an error with its exit code where the token is not the hub's", async () => {
    const { exitCode, stderr } = await place.spawn(["status", "--token", "wrong", "--json"]).finished;
    expect(exitCode).toBe(5);
    expect(errorOf(stderr).code).toBe("unauthenticated");
    const other = await place.muster(["status", "--url", up.ready.url.replace("127.0.0.1", "localhost"), "--json"]);
    expect(errorOf(other.stderr).code).toBe("unauthenticated");
  });
});
