import { until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { processFacts } from "../../processes/index.ts";
import { endAll, livingMembers, openBench, scriptedAgent } from "../testing/bench.ts";
import { row } from "../testing/rows.ts";

afterEach(endAll);
const SHORT = { cancelWaitMs: 200, terminateWaitMs: 200 };

describe("an interrupt", () => {
  it(
    row("session/cancel", "is sent by interrupt, and the turn is turn.completed interrupted; the agent lives on"),
    async () => {
      const bench = await openBench();
      const turn = bench.session.prompt({ text: "say working; hang" });
      await bench.next("message.delta");
      await bench.session.interrupt();
      expect(await turn).toEqual({ status: "interrupted", reason: "interrupted" });
      expect(bench.of("turn.completed")).toHaveLength(1);
      expect(await bench.session.prompt({ text: "say again" })).toEqual({ status: "completed" });
    },
  );

  it(
    row(
      "no answer within 10 s of session/cancel",
      "ORC-32 the group is ended, at last by SIGKILL, and the turn is turn.completed interrupted",
    ),
    async () => {
      const bench = await openBench({ limits: SHORT });
      const turn = bench.session.prompt({ text: "hang forever" });
      await bench.next("message.delta");
      const startedMs = performance.now();
      await bench.session.interrupt();
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(400);
      expect(await turn).toEqual({ status: "interrupted", reason: "interrupt_forced" });
      expect(bench.exits).toMatchObject([{ signal: "SIGKILL" }]);
      expect(livingMembers(bench.session.processGroupId)).toEqual([]);
      expect(bench.of("turn.completed")).toHaveLength(1);
    },
  );

  it("ORC-32 of an agent that ignores only the cancel ends it by SIGTERM", async () => {
    const bench = await openBench({ configuration: scriptedAgent("onMessage(greet);"), limits: { cancelWaitMs: 200 } });
    const turn = bench.session.prompt({ text: "x" });
    await bench.session.interrupt();
    expect(await turn).toEqual({ status: "interrupted", reason: "interrupt_forced" });
    expect(bench.exits).toMatchObject([{ signal: "SIGTERM" }]);
  });

  it("ORC-32 of an agent that answers late, and as if nothing had been, is still interrupted", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "say on it; late" });
    await bench.next("message.delta");
    await bench.session.interrupt();
    expect(await turn).toEqual({ status: "interrupted", reason: "interrupted" });
    expect(bench.text()).toBe("on itOne more thing.");
    expect(bench.events.at(-1)?.type).toBe("turn.completed");
  });

  it("ORC-32 called twice is one interrupt, and without a turn it is nothing", async () => {
    const bench = await openBench();
    await bench.session.interrupt();
    const turn = bench.session.prompt({ text: "hang" });
    await Promise.all([bench.session.interrupt(), bench.session.interrupt()]);
    expect((await turn).status).toBe("interrupted");
    expect(bench.of("turn.completed")).toHaveLength(1);
  });

  it("ORC-31 ORC-32 withdraws the pending question, and a click that comes later finds nothing", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "edit a.txt: x" });
    const { request } = await bench.next("approval.requested");
    await bench.session.interrupt();
    expect((await turn).status).toBe("interrupted");
    expect(bench.of("approval.resolved")).toMatchObject([
      { requestId: request.requestId, decision: "cancel", source: "withdrawn" },
    ]);
    expect(bench.session.answer(request.requestId, "accept")).toBe(false);
  });

  it("ORC-32 of a turn whose command runs in a terminal ends the command", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "run without asking: echo started; sleep 1000" });
    await until("the terminal runs", () => bench.groups().length === 2);
    const terminal = bench.groups()[1]?.processGroupId ?? 0;
    await bench.session.interrupt();
    expect((await turn).status).toBe("interrupted");
    await until("the command ended", () => livingMembers(terminal).length === 0);
  });
});

describe("a stop", () => {
  it(
    row(
      "stop during a turn",
      "ORC-33 ends the agent, what it started and its terminals, and is turn.completed interrupted",
    ),
    async () => {
      const bench = await openBench({ limits: SHORT });
      const turn = bench.session.prompt({ text: "fork; run without asking: trap '' TERM; echo up; sleep 1000" });
      await until("the terminal runs", () =>
        bench.of("tool.updated").some((event) => event.tool.output?.includes("up")),
      );
      const grandchild = Number(/Grandchild: (\d+)/.exec(bench.text())?.[1]);
      expect(processFacts(grandchild)).toBeDefined();
      const groups = bench.groups().map((group) => group.processGroupId);
      expect(groups).toHaveLength(2);
      await bench.session.stop();
      expect(groups.map(livingMembers)).toEqual([[], []]);
      expect(bench.groups()).toEqual([]);
      expect((await turn).status).toBe("interrupted");
      expect(bench.exits).toHaveLength(1);
      await bench.session.stop();
    },
  );

  it("ORC-33 what outlives an agent that died by itself is ended too", async () => {
    const bench = await openBench({ limits: SHORT });
    const outcome = await bench.session.prompt({ text: "fork; die" });
    expect(outcome.reason).toBe("agent_died");
    await until("the grandchild is gone", () => livingMembers(bench.session.processGroupId).length === 0);
    await until("no group is left", () => bench.groups().length === 0);
  });
});
