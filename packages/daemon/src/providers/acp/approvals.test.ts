import { type PermissionOption, RequestError } from "@agentclientprotocol/sdk";
import type { ApprovalRequestId, RuntimeEvent, RuntimeMode, ToolCall } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { row } from "../testing/rows.ts";
import { Approvals, type Question } from "./approvals.ts";

const ONCE: PermissionOption = { optionId: "once", name: "Yes", kind: "allow_once" };
const ALWAYS: PermissionOption = { optionId: "always", name: "Always", kind: "allow_always" };
const REJECT: PermissionOption = { optionId: "no", name: "No", kind: "reject_once" };

const question = (
  kind: ToolCall["kind"],
  options: PermissionOption[] = [ONCE, ALWAYS, REJECT],
  command = "make",
): Question => ({
  options,
  tool: { itemId: "c1" as ToolCall["itemId"], title: "Do it", kind, status: "pending", locations: [] },
  command,
});

const open = (mode: RuntimeMode = "approval-required", inside = true) => {
  const events: RuntimeEvent[] = [];
  let ids = 0;
  const approvals = new Approvals({
    approvalsMax: 3,
    mode: () => mode,
    staysInside: () => inside,
    mintId: () => {
      ids += 1;
      return `r${ids}` as ApprovalRequestId;
    },
    emit: (event) => events.push(event),
  });
  const controller = new AbortController();
  return { approvals, events, controller, ask: (asked: Question) => approvals.ask(asked, controller.signal) };
};
const id = (text: string): ApprovalRequestId => text as ApprovalRequestId;
const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } });
const CANCELLED = { outcome: { outcome: "cancelled" } };

describe("questions to a person", () => {
  it(row("session/request_permission", "is approval.requested with the decisions a person can take"), () => {
    const { ask, events } = open();
    void ask(question("execute"));
    expect(events).toMatchObject([
      {
        type: "approval.requested",
        request: {
          requestId: "r1",
          kind: "command",
          title: "Do it",
          options: [
            { decision: "accept", label: "Yes" },
            { decision: "acceptForSession", label: "Always" },
            { decision: "decline", label: "No" },
            { decision: "cancel", label: "Cancel" },
          ],
        },
      },
    ]);
  });
  it(row("a decision", "selects the agent's option and is approval.resolved with source person"), async () => {
    for (const [decision, expected] of [
      ["accept", selected("once")],
      ["acceptForSession", selected("always")],
      ["decline", selected("no")],
      ["cancel", CANCELLED],
    ] as const) {
      const { ask, approvals, events } = open();
      const answer = ask(question("execute"));
      expect(approvals.answer(id("r1"), decision)).toBe(true);
      expect(await answer).toEqual(expected);
      expect(events.at(-1)).toEqual({
        type: "approval.resolved",
        requestId: "r1",
        decision,
        source: "person",
        title: "Do it",
      });
    }
  });
  it("ORC-31 a second answer and an answer to nothing are not pending", async () => {
    const { ask, approvals, events } = open();
    void ask(question("execute"));
    expect(approvals.answer(id("r1"), "accept")).toBe(true);
    expect(approvals.answer(id("r1"), "decline")).toBe(false);
    expect(approvals.answer(id("other"), "accept")).toBe(false);
    expect(events.filter((event) => event.type === "approval.resolved")).toHaveLength(1);
  });
  it("ORC-31 allowing once never becomes always while the agent offers once", async () => {
    const { ask, approvals } = open();
    const answer = ask(question("execute", [ALWAYS, ONCE, REJECT]));
    approvals.answer(id("r1"), "accept");
    expect(await answer).toEqual(selected("once"));
  });
  it("ORC-31 an agent without a reject option is told that the question was cancelled", async () => {
    const { ask, approvals } = open();
    const answer = ask(question("execute", [ONCE]));
    approvals.answer(id("r1"), "decline");
    expect(await answer).toEqual(CANCELLED);
  });
  it("ORC-31 a question without any way to allow offers only refusals, whatever the mode", () => {
    const { ask, events } = open("full-access");
    void ask(question("execute", [REJECT]));
    expect(events[0]).toMatchObject({ request: { options: [{ decision: "decline" }, { decision: "cancel" }] } });
  });
  it("ORC-31 questions beyond the limit are cancelled without being shown", async () => {
    const { ask, events } = open();
    for (let index = 0; index < 3; index += 1) void ask(question("execute"));
    expect(await ask(question("execute"))).toEqual(CANCELLED);
    expect(events).toHaveLength(3);
  });
});

describe("answers without a person", () => {
  it("ORC-31 acceptForSession is remembered for the same kind and command, and for no other", async () => {
    const { ask, approvals, events } = open();
    void ask(question("execute", [ONCE, REJECT]));
    approvals.answer(id("r1"), "acceptForSession");
    expect(await ask(question("execute", [ONCE, REJECT]))).toEqual(selected("once"));
    expect(events.at(-1)).toMatchObject({
      type: "approval.resolved",
      requestId: "r2",
      decision: "accept",
      source: "remembered",
    });
    void ask(question("execute", [ONCE, REJECT], "make clean"));
    void ask(question("delete", [ONCE, REJECT]));
    expect(events.filter((event) => event.type === "approval.requested")).toHaveLength(3);
  });
  it(row("a question that the mode answers", "is only approval.resolved with source mode"), async () => {
    const { ask, events } = open("full-access");
    expect(await ask(question("execute"))).toEqual(selected("once"));
    expect(events).toEqual([
      { type: "approval.resolved", requestId: "r1", decision: "accept", source: "mode", title: "Do it" },
    ]);
  });
  it("ORC-31 auto-accept-edits answers edit, delete, move and read inside the workspace, and asks for the rest", () => {
    const asks = (kind: ToolCall["kind"], inside: boolean): boolean => {
      const { ask, events } = open("auto-accept-edits", inside);
      void ask(question(kind));
      return events[0]?.type === "approval.requested";
    };
    for (const kind of ["edit", "delete", "move", "read"] as const)
      expect([kind, asks(kind, true), asks(kind, false)]).toEqual([kind, false, true]);
    for (const kind of ["execute", "fetch", "search", "think", "other"] as const)
      expect([kind, asks(kind, true)]).toEqual([kind, true]);
  });
});

describe("questions that are taken back", () => {
  it(
    row(
      "a question open when the turn ends, is interrupted, or taken back by the agent",
      "is approval.resolved with source withdrawn",
    ),
    async () => {
      const { ask, approvals, events, controller } = open();
      const answer = ask(question("execute"));
      approvals.withdrawAll();
      expect(await answer).toEqual(CANCELLED);
      expect(events.at(-1)).toMatchObject({ type: "approval.resolved", decision: "cancel", source: "withdrawn" });
      const second = ask(question("execute"));
      controller.abort(RequestError.requestCancelled());
      expect(await second).toEqual(CANCELLED);
      expect(approvals.answer(id("r2"), "accept")).toBe(false);
      expect(events.at(-1)).toMatchObject({ requestId: "r2", source: "withdrawn" });
    },
  );
  it(row("a question open when the agent dies", "is left pending, to expire by its id"), async () => {
    const { ask, approvals, events } = open();
    void ask(question("execute"));
    approvals.forgetAll();
    expect(events).toHaveLength(1);
    expect(approvals.answer(id("r1"), "accept")).toBe(false);
  });
});
