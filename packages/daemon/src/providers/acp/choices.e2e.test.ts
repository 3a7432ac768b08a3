import { PATIENCE_MS, until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { skippableTimers } from "../../runner/testing/timers.ts";
import { endAll, openBench, scriptedAgent } from "../testing/bench.ts";
import { row } from "../testing/rows.ts";

afterEach(endAll);
const NONE = { model: null, effort: null };

describe("the model and the effort of a turn", () => {
  it(
    row(
      "configOptions of category model or thought_level",
      "the turn's choices are set before its prompt, by id or by name, and none goes back to the agent's own",
    ),
    async () => {
      const bench = await openBench();
      expect(await bench.session.choose({ model: "The fancy ONE", effort: "high" })).toEqual([]);
      await bench.session.prompt({ text: "model" });
      expect(bench.text()).toBe("Model fancy, effort high.");
      expect(await bench.session.choose(NONE)).toEqual([]);
      await bench.session.prompt({ text: "model" });
      expect(bench.text()).toBe("Model fancy, effort high.Model plain, effort medium.");
    },
  );

  it(
    row("models of an older agent", "the turn's model is set by session/set_model, once while it stays the same"),
    async () => {
      const bench = await openBench({
        configuration: scriptedAgent(`
          let model = "a", sets = 0;
          onMessage((message) => {
            if (message.method === "initialize") send({ id: message.id, result: { protocolVersion: 1 } });
            if (message.method === "session/new") send({ id: message.id, result: { sessionId: "s1", models: { currentModelId: model,
              availableModels: [{ modelId: "a", name: "A" }, { modelId: "b", name: "B" }] } } });
            if (message.method === "session/set_model") { model = message.params.modelId; sets += 1; send({ id: message.id, result: {} }); }
            if (message.method === "session/prompt") {
              send({ method: "session/update", params: { sessionId: "s1", update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: model + sets + " " } } } });
              send({ id: message.id, result: { stopReason: "end_turn" } });
            }
          });`),
      });
      for (const model of ["b", "b", null]) {
        expect(await bench.session.choose({ model, effort: null })).toEqual([]);
        await bench.session.prompt({ text: "x" });
      }
      expect(bench.text()).toBe("b1 b1 a2 ");
    },
  );

  it(
    row("no such model or effort", "nothing is sent; the choice comes back unmet, with why, and the turn runs"),
    async () => {
      const bench = await openBench();
      expect(await bench.session.choose({ model: "fan", effort: "high" })).toEqual([
        { kind: "model", wanted: "fan", why: "the agent has no such model; it has plain, fancy" },
      ]);
      await bench.session.prompt({ text: "model" });
      expect(bench.text()).toBe("Model plain, effort high.");
      const without = await openBench({ args: ["--no-models"] });
      expect(await without.session.choose({ model: "fancy", effort: "low" })).toEqual([
        { kind: "model", wanted: "fancy", why: "the agent offers no choice of model" },
        { kind: "effort", wanted: "low", why: "the agent offers no choice of effort" },
      ]);
      expect(await without.session.choose(NONE)).toEqual([]);
    },
  );

  it("ORC-29 an agent that refuses, lies or says nothing leaves the choice unmet, and nothing hangs", async () => {
    const SILENT = "";
    const agentThat = (does: string) =>
      scriptedAgent(`
        const options = (value) => [{ type: "select", id: "m", name: "Model", category: "model", currentValue: value,
          options: [{ group: "g", name: "G", options: [{ value: "a", name: "A" }, { value: "b", name: "B" }] }] }];
        onMessage((message) => {
          if (message.method === "initialize") send({ id: message.id, result: { protocolVersion: 1 } });
          if (message.method === "session/new") send({ id: message.id, result: { sessionId: "s1", configOptions: options("a") } });
          if (message.method === "session/set_config_option") { ${does} }
        });`);
    const whyOf = async (does: string): Promise<string | undefined> => {
      const timers = skippableTimers();
      const limits = { handshakeTimeoutMs: PATIENCE_MS };
      const bench = await openBench({ configuration: agentThat(does), timers, limits });
      const choosing = bench.session.choose({ model: "b", effort: null });
      if (does === SILENT) {
        await until("the wait for the agent", () => timers.delaysMs.some((leftMs) => leftMs > PATIENCE_MS / 2));
        timers.skip(PATIENCE_MS);
      }
      return (await choosing)[0]?.why;
    };
    expect(await whyOf('send({ id: message.id, error: { code: -32602, message: "no" } })')).toContain("refused it: no");
    expect(await whyOf('send({ id: message.id, result: { configOptions: options("a") } })')).toContain("another one");
    expect(await whyOf(SILENT)).toContain("did not answer in time");
    expect(await whyOf("process.exit(1)")).toContain("refused it");
  });
});

it(
  row("session/prompt with a trace context", "the agent gets it as _meta.traceparent, and nothing where there is none"),
  async () => {
    const bench = await openBench();
    const traceparent = "00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01";
    await bench.session.prompt({ text: "trace", traceparent });
    await bench.session.prompt({ text: "trace" });
    expect(bench.text()).toBe(`Trace: ${traceparent}.Trace: none.`);
  },
);
