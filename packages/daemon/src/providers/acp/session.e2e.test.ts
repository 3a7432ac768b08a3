import { readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { endAll, openBench, scriptedAgent, temporaryFolder } from "../testing/bench.ts";
import { row } from "../testing/rows.ts";

afterEach(endAll);

describe("a turn", () => {
  it("ORC-30 an ordinary request reads, asks, writes and ends, in this order, exactly once", async () => {
    const bench = await openBench();
    const outcome = bench.session.prompt({ text: "Tell me about this folder" });
    const { request } = await bench.next("approval.requested");
    expect(request).toMatchObject({ kind: "edit", title: "Write NOTES.md" });
    expect(bench.session.answer(request.requestId, "accept")).toBe(true);
    expect(await outcome).toEqual({ status: "completed" });
    expect(await readFile(join(bench.folder, "NOTES.md"), "utf8")).toContain("A folder to try things");
    const types = bench.events.map((event) => event.type).filter((type, index, all) => type !== all[index - 1]);
    expect(types).toEqual([
      "session.started",
      "turn.started",
      "message.delta",
      "message.completed",
      "tool.started",
      "tool.completed",
      "message.delta",
      "message.completed",
      "tool.started",
      "approval.requested",
      "approval.resolved",
      "tool.completed",
      "message.delta",
      "usage.updated",
      "message.completed",
      "usage.updated",
      "turn.completed",
    ]);
  });

  it(row("initialize and session/new", "are session.started with the agent's name and what it can do"), async () => {
    const bench = await openBench();
    expect(bench.events).toEqual([
      {
        type: "session.started",
        providerThreadId: bench.session.providerThreadId,
        agentName: "Sample agent",
        agentVersion: "0.1.0",
        canLoad: true,
        loaded: false,
      },
    ]);
    expect(bench.session).toMatchObject({
      agentName: "Sample agent",
      agentVersion: "0.1.0",
      canLoad: true,
      loaded: false,
    });
  });

  it(
    row("session/prompt is sent", "is turn.started; preamble, attachments and text reach the agent in this order"),
    async () => {
      const bench = await openBench();
      await bench.session.prompt({
        preamble: "Earlier: hello.",
        attachments: [{ name: "a.txt", mediaType: "text/plain", text: "inside" }],
        text: "repeat",
      });
      expect(bench.text()).toBe("Earlier: hello.\ninside\nrepeat");
      expect(bench.of("turn.started")).toHaveLength(1);
    },
  );

  it(row("stopReason end_turn", "is turn.completed completed"), async () => {
    const bench = await openBench();
    expect(await bench.session.prompt({ text: "say hi" })).toEqual({ status: "completed" });
    expect(bench.events.at(-1)).toEqual({ type: "turn.completed", status: "completed" });
  });

  it(
    row("stopReason max_tokens, max_turn_requests, refusal", "is turn.completed completed with that reason"),
    async () => {
      const bench = await openBench();
      for (const reason of ["max_tokens", "max_turn_requests", "refusal"]) {
        expect(await bench.session.prompt({ text: `stop with ${reason}` })).toEqual({ status: "completed", reason });
      }
    },
  );

  it(row("stopReason cancelled without our asking", "is turn.completed interrupted"), async () => {
    const bench = await openBench();
    expect(await bench.session.prompt({ text: "stop with cancelled" })).toEqual({
      status: "interrupted",
      reason: "cancelled",
    });
  });

  it(
    row("an error to session/prompt", "is turn.completed error with what the agent said, and the session goes on"),
    async () => {
      const bench = await openBench();
      const outcome = await bench.session.prompt({ text: "fail" });
      expect(outcome).toMatchObject({ status: "error", reason: "agent_error" });
      expect(outcome.detail).toContain("the prompt told me to fail");
      expect(await bench.session.prompt({ text: "say still here" })).toEqual({ status: "completed" });
    },
  );

  it(
    row(
      "an error -32000 to session/prompt",
      "is turn.completed error agent_login_required, with what the person must do",
    ),
    async () => {
      const bench = await openBench({
        configuration: scriptedAgent(
          `onMessage((m) => { greet(m); if (m.method === "session/prompt") send({ id: m.id, error: { code: -32000, message: "Authentication required" } }); });`,
        ),
      });
      const outcome = await bench.session.prompt({ text: "x" });
      expect(outcome).toMatchObject({ status: "error", reason: "agent_login_required" });
      expect(outcome.detail).toContain("log in there");
    },
  );

  it(row("an answer without a stopReason", "is turn.completed error agent_protocol_error"), async () => {
    const bench = await openBench({
      configuration: scriptedAgent(
        `onMessage((m) => { greet(m); if (m.method === "session/prompt") send({ id: m.id, result: null }); });`,
      ),
    });
    expect(await bench.session.prompt({ text: "x" })).toMatchObject({
      status: "error",
      reason: "agent_protocol_error",
    });
  });

  it(
    row("usage in the answer to session/prompt", "is usage.updated with the turn's tokens before the end"),
    async () => {
      const bench = await openBench();
      await bench.session.prompt({ text: "say hello" });
      const usage = bench.of("usage.updated").at(-1)?.usage;
      expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 2, totalTokens: 5 });
      expect(bench.events.at(-1)?.type).toBe("turn.completed");
    },
  );

  it("ORC-38 the cost of a turn is the difference to the turn before", async () => {
    const bench = await openBench();
    await bench.session.prompt({ text: "usage 10 tokens costing 0.50" });
    await bench.session.prompt({ text: "usage 20 tokens costing 0.75" });
    const costs = bench.of("usage.updated").flatMap((event) => event.usage.cost ?? []);
    expect(new Set(costs.map((cost) => cost.amount))).toEqual(new Set([0.5, 0.25]));
  });

  it("ORC-29 a plan, a thought and a command of a terminal are shown while they happen", async () => {
    const bench = await openBench();
    await bench.session.prompt({ text: "plan; think hmm; run without asking: echo from the terminal" });
    expect(
      bench
        .of("plan.updated")
        .at(-1)
        ?.entries.map((entry) => entry.status),
    ).toEqual(["completed", "completed", "completed"]);
    const tools = bench.of("tool.completed").map((event) => event.tool);
    expect(tools).toMatchObject([
      { kind: "think", output: "hmm" },
      { kind: "execute", status: "completed", output: "from the terminal\n" },
    ]);
  });
});

describe("agents that misbehave", () => {
  it(row("an update after the end of the turn", "is dropped and counted"), async () => {
    const bench = await openBench();
    await bench.session.prompt({ text: "afterwards too late" });
    await until("the late update arrived", () => bench.session.counters().droppedUpdates === 1);
    expect(bench.events.at(-1)?.type).toBe("turn.completed");
    await bench.session.prompt({ text: "say next" });
    expect(bench.text()).toBe("next");
  });

  it(row("an update of another session", "is dropped and counted"), async () => {
    const bench = await openBench();
    expect(await bench.session.prompt({ text: "stray; say fine" })).toEqual({ status: "completed" });
    expect(bench.text()).toBe("fine");
    expect(bench.session.counters().droppedUpdates).toBe(3);
  });

  it("ORC-30 lines that are no message, also one of nine megabytes, are counted and cost the turn nothing", async () => {
    const bench = await openBench();
    expect(await bench.session.prompt({ text: "garbage; garbage 9 megabytes; say fine" })).toEqual({
      status: "completed",
    });
    expect(bench.text()).toBe("fine");
    expect(bench.session.counters().malformedLines).toBe(2);
  });

  it("ORC-29 a flood of 20,000 updates becomes few events, with the last state", async () => {
    const bench = await openBench();
    const startedMs = performance.now();
    await bench.session.prompt({ text: "flood 20000" });
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(bench.of("tool.updated").length).toBeLessThanOrEqual(seconds * 5 + 2);
    expect(bench.of("tool.completed")[0]?.tool.output).toBe("update 20000 of 20000, the last");
  });

  it("ORC-29 a slow receiver holds the agent back instead of filling memory, and no event is lost", async () => {
    let pending = 0;
    let mostPending = 0;
    const bench = await openBench({
      onEvent: async () => {
        pending += 1;
        mostPending = Math.max(mostPending, pending);
        await new Promise((resolve) => setTimeout(resolve, 1));
        pending -= 1;
      },
    });
    await bench.session.prompt({ text: "stream 300 chunks of 100 characters" });
    expect(bench.text()).toHaveLength(30_000);
    expect(mostPending).toBeLessThanOrEqual(4);
  });

  it(
    row(
      "the agent's process ends during a turn",
      "is turn.completed error agent_died with the end of its standard error",
    ),
    async () => {
      const bench = await openBench();
      const outcome = await bench.session.prompt({ text: `say before; die with ${"x".repeat(10_000)} last words` });
      expect(outcome).toMatchObject({ status: "error", reason: "agent_died" });
      expect(outcome.detail).toMatch(/last words\n$/);
      expect(outcome.detail?.length).toBeLessThanOrEqual(4_096);
      await until("the exit was reported", () => bench.exits.length === 1);
      expect(bench.exits[0]).toMatchObject({ code: 3, signal: null });
      expect(bench.of("turn.completed")).toHaveLength(1);
      expect(bench.text()).toBe("before");
    },
  );

  it("ORC-32 a prompt to a dead agent settles at once, and says that it died", async () => {
    const bench = await openBench();
    await bench.session.prompt({ text: "die" });
    expect(await bench.session.prompt({ text: "say hi" })).toMatchObject({ status: "error", reason: "agent_died" });
    expect(bench.of("turn.completed")).toHaveLength(2);
    expect(bench.exits).toHaveLength(1);
  });

  it(
    row(
      "the agent closes its standard output but runs on",
      "is turn.completed error agent_protocol_error, and the agent is ended",
    ),
    async () => {
      const bench = await openBench({
        configuration: scriptedAgent(
          `onMessage((m) => { greet(m); if (m.method === "session/prompt") { require("node:fs").closeSync(1); } }); setInterval(() => {}, 1000);`,
        ),
        limits: { terminateWaitMs: 300 },
      });
      expect(await bench.session.prompt({ text: "x" })).toMatchObject({
        status: "error",
        reason: "agent_protocol_error",
      });
      await until("the agent ended", () => bench.exits.length === 1);
    },
  );

  it("ORC-29 two turns at once are refused as a bug of the caller", async () => {
    const bench = await openBench();
    const first = bench.session.prompt({ text: "hang" });
    expect(() => bench.session.prompt({ text: "say hi" })).toThrow("a turn is running");
    await bench.session.interrupt();
    await first;
  });
});

describe("taking up a conversation", () => {
  it(row("session/load", "is session.started with loaded, and what is replayed is not told again"), async () => {
    const folder = await temporaryFolder();
    const env = { MUSTER_SAMPLE_STATE: join(folder, "memory") };
    const first = await openBench({ folder, env });
    await first.session.prompt({ text: "say one" });
    await first.session.prompt({ text: "say two" });
    await first.session.stop();
    const second = await openBench({ folder, env, resume: { providerThreadId: first.session.providerThreadId } });
    expect(second.session).toMatchObject({ loaded: true, providerThreadId: first.session.providerThreadId });
    await second.session.prompt({ text: "recall" });
    expect(second.text()).toBe("I remember 2 earlier turns.");
    expect(second.events.map((event) => event.type).slice(0, 2)).toEqual(["session.started", "turn.started"]);
  });

  it(row("session/load refused, or not offered", "is a new conversation, and loaded says so"), async () => {
    const folder = await temporaryFolder();
    for (const args of [[], ["--no-load"]]) {
      const bench = await openBench({ folder, args, resume: { providerThreadId: "unknown" } });
      expect(bench.session.loaded).toBe(false);
      expect(bench.session.providerThreadId).not.toBe("unknown");
      expect(bench.session.canLoad).toBe(args.length === 0);
    }
  });
});

describe("files and terminals of the agent", () => {
  it("ORC-30 a file outside the workspace is neither read nor written", async () => {
    const outside = await temporaryFolder();
    await writeFile(join(outside, "secret.txt"), "secret");
    const bench = await openBench();
    await bench.session.prompt({
      text: `read ${join(outside, "secret.txt")}; edit ../${outside.split("/").at(-1)}/secret.txt without asking: mine`,
    });
    expect(bench.of("tool.completed").map((event) => event.tool.status)).toEqual(["failed", "failed"]);
    expect(bench.of("tool.completed")[0]?.tool.output).toContain("outside the workspace");
    expect(await readFile(join(outside, "secret.txt"), "utf8")).toBe("secret");
  });

  it(
    row("fs/read_text_file, fs/write_text_file, terminal/*", "are served inside the workspace and are no events"),
    async () => {
      const bench = await openBench({ runtimeMode: "full-access" });
      await bench.session.prompt({ text: "read README.md; edit sub/a.txt: x; run pwd" });
      expect(await readFile(join(bench.folder, "sub/a.txt"), "utf8")).toBe("x");
      expect(bench.of("tool.completed").at(-1)?.tool.output).toBe(`${await realpath(bench.folder)}\n`);
      expect(bench.of("tool.started")).toHaveLength(3);
    },
  );

  it("ORC-30 an agent gets none of our variables but what is listed", async () => {
    const environment = {
      PATH: "/usr/bin:/bin",
      HOME: "/home/x",
      MUSTER_DATABASE_URL: "postgres://secret",
      AWS_SECRET_ACCESS_KEY: "secret",
    };
    const bench = await openBench({ environment });
    await bench.session.prompt({ text: "run without asking: env" });
    const output = bench.of("tool.completed")[0]?.tool.output ?? "";
    expect(output).toContain("HOME=/home/x");
    expect(output).not.toContain("secret");
  });
});
