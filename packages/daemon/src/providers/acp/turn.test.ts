import type { RuntimeEvent, RuntimeEventType } from "@muster/contracts";
import { RuntimeEvent as RuntimeEventSchema } from "@muster/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROVIDER_LIMITS, type ProviderLimits } from "../limits.ts";
import { ManualTimers } from "../testing/bench.ts";
import { row } from "../testing/rows.ts";
import type { Fields } from "./text.ts";
import { Turn } from "./turn.ts";
import { CostMeter } from "./usage.ts";

const openTurn = (
  options: { limits?: Partial<ProviderLimits>; terminals?: Record<string, string>; meter?: CostMeter } = {},
) => {
  const events: RuntimeEvent[] = [];
  const timers = new ManualTimers();
  const turn = new Turn({
    number: 1,
    limits: { ...PROVIDER_LIMITS, ...options.limits },
    timers,
    meter: options.meter ?? new CostMeter(),
    emit: (event) => events.push(RuntimeEventSchema.parse(event)),
    terminalOutput: (terminalId) => options.terminals?.[terminalId],
  });
  return { turn, events, timers };
};

/** Events of the updates, without the turn's own start. */
const eventsOf = (...updates: Fields[]): RuntimeEvent[] => {
  const { turn, events } = openTurn();
  for (const update of updates) turn.update(update);
  return events.slice(1);
};
const ofType = <Type extends RuntimeEventType>(events: RuntimeEvent[], type: Type) =>
  events.filter((event): event is Extract<RuntimeEvent, { type: Type }> => event.type === type);

const say = (text: string, more: Fields = {}): Fields => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
  ...more,
});
const think = (text: string): Fields => ({ sessionUpdate: "agent_thought_chunk", content: { type: "text", text } });
const call = (more: Fields = {}): Fields => ({
  sessionUpdate: "tool_call",
  toolCallId: "c1",
  title: "List",
  kind: "execute",
  status: "pending",
  ...more,
});
const change = (more: Fields): Fields => ({ sessionUpdate: "tool_call_update", toolCallId: "c1", ...more });
const output = (text: string): Fields => ({ type: "content", content: { type: "text", text } });

describe("the mapping of updates", () => {
  it(row("agent_message_chunk", "is a message.delta, and pieces of one message share its key"), () => {
    expect(eventsOf(say("Hel"), say("lo"))).toEqual([
      { type: "message.delta", messageKey: "message-1", text: "Hel" },
      { type: "message.delta", messageKey: "message-1", text: "lo" },
    ]);
  });
  it(row("agent_message_chunk after a tool call", "completes the message before it and begins another"), () => {
    expect(eventsOf(say("a"), call(), say("b")).map((event) => event.type)).toEqual([
      "message.delta",
      "message.completed",
      "tool.started",
      "message.delta",
    ]);
    expect(ofType(eventsOf(say("a"), call(), say("b")), "message.delta").map((event) => event.messageKey)).toEqual([
      "message-1",
      "message-2",
    ]);
  });
  it(row("agent_message_chunk with another messageId", "begins another message"), () => {
    const events = eventsOf(
      say("a", { messageId: "m1" }),
      say("b", { messageId: "m1" }),
      say("c", { messageId: "m2" }),
    );
    expect(ofType(events, "message.delta").map((event) => event.messageKey)).toEqual([
      "message-1",
      "message-1",
      "message-2",
    ]);
  });
  it(row("agent_message_chunk that is no text", "is named in the text"), () => {
    const of = (content: Fields) =>
      ofType(eventsOf({ sessionUpdate: "agent_message_chunk", content }), "message.delta").map((event) => event.text);
    expect(of({ type: "image", mimeType: "image/png", data: "AAAA" })).toEqual(["[image: image/png]"]);
    expect(of({ type: "resource_link", name: "a.ts", uri: "file:///a.ts" })).toEqual(["[a.ts](file:///a.ts)"]);
    expect(of({ type: "resource", resource: { uri: "file:///a", text: "inside" } })).toEqual(["inside"]);
  });
  it(row("agent_thought_chunk", "is one tool call of kind think that ends when something else begins"), () => {
    const events = eventsOf(think("I "), think("wonder"), say("So"));
    expect(events.map((event) => event.type)).toEqual(["tool.started", "tool.completed", "message.delta"]);
    expect(ofType(events, "tool.completed")[0]?.tool).toMatchObject({
      kind: "think",
      title: "Thinking",
      status: "completed",
      output: "I wonder",
    });
  });
  it(row("tool_call", "is tool.started with title, kind, status and places"), () => {
    expect(eventsOf(call({ kind: "edit", locations: [{ path: "/w/a.ts", line: 3 }] }))).toEqual([
      {
        type: "tool.started",
        tool: {
          itemId: "c1",
          title: "List",
          kind: "edit",
          status: "pending",
          locations: [{ path: "/w/a.ts", line: 3 }],
        },
      },
    ]);
  });
  it(row("tool_call of a kind we have no word for", "is of kind other"), () => {
    expect(ofType(eventsOf(call({ kind: "switch_mode" })), "tool.started")[0]?.tool.kind).toBe("other");
  });
  it(row("tool_call_update", "is tool.updated with what changed and what stayed"), () => {
    const { turn, events, timers } = openTurn();
    turn.update(call());
    timers.pass(200);
    turn.update(change({ status: "in_progress", content: [output("one")] }));
    expect(events.at(-1)).toMatchObject({
      type: "tool.updated",
      tool: { title: "List", status: "running", output: "one" },
    });
  });
  it(row("tool_call_update of an unknown call", "begins it"), () => {
    expect(eventsOf(change({ title: "Late", status: "in_progress" }))).toMatchObject([
      { type: "tool.started", tool: { title: "Late", status: "running" } },
    ]);
  });
  it(
    row(
      "tool_call_update with status completed or failed",
      "is tool.completed at once, and what comes later for it is dropped",
    ),
    () => {
      expect(
        eventsOf(call(), change({ status: "completed" }), change({ title: "again" })).map((event) => event.type),
      ).toEqual(["tool.started", "tool.completed"]);
      expect(ofType(eventsOf(call(), change({ status: "failed" })), "tool.completed")[0]?.tool.status).toBe("failed");
      expect(eventsOf(call({ status: "completed" })).map((event) => event.type)).toEqual([
        "tool.started",
        "tool.completed",
      ]);
    },
  );
  it(row("content of type content", "is the call's output"), () => {
    const tool = ofType(eventsOf(call({ content: [output("a"), output("b")] })), "tool.started")[0]?.tool;
    expect(tool?.output).toBe("a\nb");
  });
  it(row("content of type diff", "is an edit; a new file has no old text"), () => {
    const content = [
      { type: "diff", path: "/w/a", oldText: "x", newText: "y" },
      { type: "diff", path: "/w/b", newText: "z" },
    ];
    expect(ofType(eventsOf(call({ content })), "tool.started")[0]?.tool.edits).toEqual([
      { path: "/w/a", oldText: "x", newText: "y" },
      { path: "/w/b", oldText: null, newText: "z" },
    ]);
  });
  it(row("content of type terminal", "is the end of the terminal's output, and new output is news of the call"), () => {
    const terminals: Record<string, string> = { t1: "line one" };
    const { turn, events, timers } = openTurn({ terminals });
    turn.update(call({ content: [{ type: "terminal", terminalId: "t1" }] }));
    expect(ofType(events, "tool.started")[0]?.tool.output).toBe("line one");
    timers.pass(200);
    terminals["t1"] = "line one\nline two";
    turn.terminalChanged("t1");
    expect(ofType(events, "tool.updated")[0]?.tool.output).toBe("line one\nline two");
  });
  it(row("rawOutput", "is the output where the agent gives text and no content"), () => {
    expect(ofType(eventsOf(call({ rawOutput: "raw" })), "tool.started")[0]?.tool.output).toBe("raw");
    expect(ofType(eventsOf(call({ rawOutput: { a: 1 } })), "tool.started")[0]?.tool.output).toBeUndefined();
  });
  it(row("plan", "is plan.updated with all entries"), () => {
    const entries = [
      { content: "Look", priority: "high", status: "completed" },
      { content: "Do", priority: "odd", status: "odd" },
      { no: "content" },
    ];
    expect(eventsOf({ sessionUpdate: "plan", entries })).toEqual([
      {
        type: "plan.updated",
        entries: [
          { content: "Look", priority: "high", status: "completed" },
          { content: "Do", status: "pending" },
        ],
      },
    ]);
  });
  it(row("usage_update", "is usage.updated with the context and this turn's part of the session's cost"), () => {
    const meter = new CostMeter();
    const usage = (amount: number): Fields => ({
      sessionUpdate: "usage_update",
      used: 10,
      size: 100,
      cost: { amount, currency: "USD" },
    });
    const first = openTurn({ meter });
    first.turn.update(usage(0.25));
    expect(first.events.at(-1)).toEqual({
      type: "usage.updated",
      usage: { contextTokens: 10, contextWindowTokens: 100, cost: { amount: 0.25, currency: "USD" } },
    });
    const second = openTurn({ meter });
    second.turn.update(usage(0.35));
    expect(ofType(second.events, "usage.updated")[0]?.usage.cost?.amount).toBe(0.1);
    const third = openTurn({ meter });
    third.turn.update(usage(0.05));
    expect(ofType(third.events, "usage.updated")[0]?.usage.cost?.amount).toBe(0.05);
  });
  it(row("notice of severity error", "is runtime.error; other notices are dropped"), () => {
    expect(
      eventsOf({ sessionUpdate: "notice", severity: "error", title: "No credit", description: "Buy some" }),
    ).toEqual([{ type: "runtime.error", code: "agent_notice", message: "No credit: Buy some" }]);
    expect(eventsOf({ sessionUpdate: "notice", severity: "info", title: "Hi" })).toEqual([]);
  });
  it(
    row(
      "user_message_chunk, available_commands_update, current_mode_update, config_option_update, session_info_update, compaction_*",
      "are dropped",
    ),
    () => {
      for (const kind of [
        "user_message_chunk",
        "available_commands_update",
        "current_mode_update",
        "config_option_update",
        "session_info_update",
        "compaction_update",
        "compaction_summary_chunk",
      ]) {
        const { turn, events } = openTurn();
        expect(turn.update({ sessionUpdate: kind, content: { type: "text", text: "x" } })).toBe(true);
        expect(events).toHaveLength(1);
      }
    },
  );
  it(row("an update of an unknown kind", "is dropped and counted"), () => {
    const { turn, events } = openTurn();
    expect(turn.update({ sessionUpdate: "of_the_future" })).toBe(false);
    expect(turn.update({})).toBe(false);
    expect(events).toHaveLength(1);
  });
});

describe("the end of a turn", () => {
  it(
    row(
      "a message or tool call open at the end of the turn",
      "is completed before turn.completed; nothing comes after it",
    ),
    () => {
      const { turn, events } = openTurn();
      turn.update(call());
      turn.update(change({ status: "in_progress" }));
      turn.update(say("bye"));
      expect(turn.finish({ status: "completed" }, { usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 } })).toBe(
        true,
      );
      expect(turn.finish({ status: "error" })).toBe(false);
      turn.update(say("more"));
      turn.terminalChanged("t1");
      expect(events.map((event) => event.type)).toEqual([
        "turn.started",
        "tool.started",
        "message.delta",
        "message.completed",
        "tool.completed",
        "usage.updated",
        "turn.completed",
      ]);
      expect(ofType(events, "usage.updated")[0]?.usage).toEqual({ inputTokens: 3, outputTokens: 4, totalTokens: 7 });
    },
  );
  it("ORC-29 believes of an open call that it worked only when the turn went well", () => {
    for (const [status, expected] of [
      ["completed", "completed"],
      ["interrupted", "failed"],
      ["error", "failed"],
    ] as const) {
      const { turn, events } = openTurn();
      turn.update(call());
      turn.finish({ status });
      expect(ofType(events, "tool.completed")[0]?.tool.status).toBe(expected);
    }
  });
});

describe("limits", () => {
  it("ORC-29 updates of one call go out at most once in 200 ms, and the last state always goes out", () => {
    const { turn, events, timers } = openTurn();
    turn.update(call());
    for (let index = 0; index < 10_000; index += 1) {
      turn.update(change({ content: [output(`line ${index}`)] }));
      if (index % 100 === 99) timers.pass(10);
    }
    timers.pass(200);
    expect(ofType(events, "tool.updated").length).toBeLessThanOrEqual(7);
    expect(ofType(events, "tool.updated").at(-1)?.tool.output).toBe("line 9999");
  });
  it("ORC-29 an update that changes nothing is not sent", () => {
    const { turn, events, timers } = openTurn();
    turn.update(call());
    timers.pass(500);
    turn.update(change({ status: "pending" }));
    timers.pass(500);
    expect(ofType(events, "tool.updated")).toEqual([]);
  });
  it("ORC-29 output keeps its end, edits their beginning, and truncated says so", () => {
    const huge = "x".repeat(100_000);
    const events = eventsOf(
      call({ content: [output(`${huge}end`), { type: "diff", path: "/w/a", oldText: `start${huge}`, newText: huge }] }),
    );
    const tool = ofType(events, "tool.started")[0]?.tool;
    expect(tool?.output?.endsWith("end")).toBe(true);
    expect(tool?.output).toHaveLength(16_384);
    expect(tool?.edits?.[0]?.oldText?.startsWith("start")).toBe(true);
    expect(tool?.truncated).toBe(true);
  });
  it(
    row(
      "more text than a turn may have",
      "is cut, with one runtime.error message_truncated; a long piece becomes several deltas without loss",
    ),
    () => {
      const { turn, events } = openTurn({ limits: { turnTextMaxCharacters: 50_000 } });
      turn.update(say("😀".repeat(20_000)));
      expect(
        ofType(events, "message.delta")
          .map((event) => event.text)
          .join(""),
      ).toBe("😀".repeat(20_000));
      turn.update(say("y".repeat(20_000)));
      turn.update(say("z"));
      expect(ofType(events, "message.delta").reduce((sum, event) => sum + event.text.length, 0)).toBe(50_000);
      expect(ofType(events, "runtime.error").map((event) => event.code)).toEqual(["message_truncated"]);
    },
  );
  it(row("more tool calls than a turn may have", "are dropped, with one runtime.error too_many_tool_calls"), () => {
    const { turn, events } = openTurn({ limits: { turnToolsMax: 3 } });
    for (let index = 0; index < 10; index += 1) turn.update(call({ toolCallId: `c${index}`, status: "completed" }));
    expect(ofType(events, "tool.completed")).toHaveLength(3);
    expect(ofType(events, "runtime.error").map((event) => event.code)).toEqual(["too_many_tool_calls"]);
  });
  it(row("more messages than a turn may have", "go into the last of them, and nothing of the text is lost"), () => {
    const { turn, events } = openTurn({ limits: { turnMessagesMax: 3 } });
    for (let index = 0; index < 10; index += 1) turn.update(say(`${index}`, { messageId: `m${index}` }));
    turn.finish({ status: "completed" });
    const deltas = ofType(events, "message.delta");
    expect(deltas.map(({ text }) => text).join("")).toBe("0123456789");
    expect(deltas.slice(2).map(({ messageKey }) => messageKey)).toEqual(Array(8).fill("message-3"));
    expect(ofType(events, "message.completed").map(({ messageKey }) => messageKey)).toEqual([
      "message-1",
      "message-2",
      "message-3",
    ]);
  });
  it(row("more error notices than a turn may have", "are dropped, with one runtime.error too_many_notices"), () => {
    const { turn, events } = openTurn({ limits: { turnNoticesMax: 3 } });
    for (let index = 0; index < 10; index += 1)
      turn.update({ sessionUpdate: "notice", severity: "error", title: `${index}` });
    expect(ofType(events, "runtime.error").map(({ code }) => code)).toEqual([
      ...Array(3).fill("agent_notice"),
      "too_many_notices",
    ]);
  });
});

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("c1", "c2", "\ud800", "a\0b", "x".repeat(20_000)));
const anyValue = fc.oneof(text, fc.anything({ withNullPrototype: false }), fc.constant(null));
const content = fc.array(
  fc.record({
    type: fc.constantFrom("content", "diff", "terminal", "odd"),
    content: fc.record({
      type: fc.constantFrom("text", "image", "resource_link", "resource"),
      text: anyValue,
      uri: anyValue,
      name: anyValue,
      resource: anyValue,
    }),
    path: anyValue,
    oldText: anyValue,
    newText: anyValue,
    terminalId: anyValue,
  }),
  { maxLength: 40 },
);
const update = fc.record(
  {
    sessionUpdate: fc.constantFrom(
      "agent_message_chunk",
      "agent_thought_chunk",
      "tool_call",
      "tool_call_update",
      "plan",
      "usage_update",
      "notice",
      "odd",
    ),
    toolCallId: anyValue,
    title: anyValue,
    kind: fc.constantFrom("read", "edit", "odd"),
    status: fc.constantFrom("pending", "in_progress", "completed", "failed", "odd"),
    locations: fc.oneof(anyValue, fc.array(fc.record({ path: anyValue, line: anyValue }), { maxLength: 80 })),
    content: fc.oneof(anyValue, content, fc.record({ type: fc.constantFrom("text", "image"), text: anyValue })),
    entries: fc.oneof(anyValue, fc.array(fc.record({ content: anyValue, status: anyValue, priority: anyValue }))),
    used: anyValue,
    size: anyValue,
    cost: fc.record({ amount: fc.oneof(fc.double(), anyValue), currency: anyValue }),
    messageId: anyValue,
    severity: fc.constantFrom("error", "info"),
    description: anyValue,
  },
  { requiredKeys: ["sessionUpdate"] },
);

describe("whatever an agent sends", () => {
  it("ORC-29 every event fits the contract, every start has its end, and the turn ends once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(update, fc.nat(300)), { maxLength: 30 }),
        fc.constantFrom("completed", "interrupted", "error"),
        (updates, status) => {
          const { turn, events, timers } = openTurn();
          for (const [one, durationMs] of updates) {
            turn.update(one);
            timers.pass(durationMs);
          }
          turn.finish({ status, detail: "x".repeat(10_000) });
          timers.pass(1_000);
          expect(events.at(0)?.type).toBe("turn.started");
          expect(events.at(-1)?.type).toBe("turn.completed");
          expect(ofType(events, "turn.completed")).toHaveLength(1);
          const started = ofType(events, "tool.started").map((event) => event.tool.itemId);
          const completed = ofType(events, "tool.completed").map((event) => event.tool.itemId);
          expect(new Set(completed)).toEqual(new Set(started));
          expect(completed).toHaveLength(started.length);
          const keys = new Set(ofType(events, "message.delta").map((event) => event.messageKey));
          expect(new Set(ofType(events, "message.completed").map((event) => event.messageKey))).toEqual(keys);
          expect(JSON.stringify(events)).not.toContain("\\u0000");
        },
      ),
      { numRuns: 200 },
    );
  });
});
