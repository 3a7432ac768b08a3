import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { endAll, openBench } from "../testing/bench.ts";

afterEach(endAll);

describe("permissions", () => {
  it("ORC-31 a declined edit is not made, and its tool call failed", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "edit a.txt: x" });
    const { request } = await bench.next("approval.requested");
    expect(request.tool?.edits).toEqual([{ path: join(bench.folder, "a.txt"), oldText: null, newText: "x" }]);
    bench.session.answer(request.requestId, "decline");
    expect((await turn).status).toBe("completed");
    expect(bench.text()).toBe("Did not write a.txt.");
    expect(bench.of("tool.completed")[0]?.tool.status).toBe("failed");
  });

  it("ORC-31 acceptForSession answers the same question the next time, also for an agent that offers no always", async () => {
    const bench = await openBench({ args: ["--no-always"] });
    const turn = bench.session.prompt({ text: "ask twice" });
    bench.session.answer((await bench.next("approval.requested")).request.requestId, "acceptForSession");
    expect((await turn).status).toBe("completed");
    expect(bench.text()).toBe("Answers: allowed, allowed.");
    expect(bench.of("approval.requested")).toHaveLength(1);
    expect(bench.of("approval.resolved").map((event) => event.source)).toEqual(["person", "remembered"]);
  });

  it("ORC-31 two questions at once are answered each by its own id", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "ask at once" });
    const first = await bench.next("approval.requested", 1);
    const second = await bench.next("approval.requested", 2);
    expect(bench.session.answer(second.request.requestId, "decline")).toBe(true);
    expect(bench.session.answer(first.request.requestId, "accept")).toBe(true);
    expect(bench.session.answer(first.request.requestId, "accept")).toBe(false);
    await turn;
    expect(bench.text()).toBe("Answers: allowed, rejected.");
  });

  it("ORC-31 cancel tells the agent that the question was cancelled", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "edit a.txt: x" });
    bench.session.answer((await bench.next("approval.requested")).request.requestId, "cancel");
    expect(await turn).toEqual({ status: "interrupted", reason: "cancelled" });
  });

  it("ORC-31 full-access asks nobody, and says that the mode answered", async () => {
    const bench = await openBench({ runtimeMode: "full-access" });
    await bench.session.prompt({ text: "edit a.txt: x; run echo hi" });
    expect(await readFile(join(bench.folder, "a.txt"), "utf8")).toBe("x");
    expect(bench.of("approval.requested")).toEqual([]);
    expect(bench.of("approval.resolved").map((event) => event.source)).toEqual(["mode", "mode"]);
  });

  it("ORC-31 auto-accept-edits writes without asking, and asks before a command; the mode can change between turns", async () => {
    const bench = await openBench({ runtimeMode: "auto-accept-edits" });
    const turn = bench.session.prompt({ text: "edit a.txt: x; run echo hi" });
    const { request } = await bench.next("approval.requested");
    expect(request).toMatchObject({ kind: "command", title: "echo hi" });
    bench.session.answer(request.requestId, "accept");
    await turn;
    bench.session.setRuntimeMode("approval-required");
    const second = bench.session.prompt({ text: "edit a.txt: y" });
    bench.session.answer((await bench.next("approval.requested", 2)).request.requestId, "accept");
    expect((await second).status).toBe("completed");
  });

  it("ORC-31 a question pending when the agent dies is not answered but left to expire", async () => {
    const bench = await openBench();
    const turn = bench.session.prompt({ text: "edit a.txt: x" });
    const { request } = await bench.next("approval.requested");
    process.kill(bench.session.processGroupId, "SIGKILL");
    expect((await turn).reason).toBe("agent_died");
    expect(bench.of("approval.resolved")).toEqual([]);
    expect(bench.session.answer(request.requestId, "accept")).toBe(false);
  });
});
