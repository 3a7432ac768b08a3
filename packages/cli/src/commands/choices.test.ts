// What is meant when little is said: the rules by which commands choose, on plain data.
import type { CheckpointRow, DetectedProvider, NodeSummary, ProjectRow, WireEvent } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { createContext } from "../context.ts";
import { turnExitCode } from "../follow/turn.ts";
import { chooseNode, chooseProject, type PendingApproval } from "../reads.ts";
import { testShell } from "../testing/shell.ts";
import { chooseApproval } from "./approve.ts";
import { rangeOf } from "./diff.ts";
import { summaryOf } from "./events.ts";
import { allowed, threadCommand } from "./project.ts";
import { chooseProvider } from "./thread.ts";
import { threadAndText } from "./turn.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof MusterError) return error.code;
  }
  return "nothing was thrown";
};

describe("the project meant", () => {
  const context = (currentFolder: string) => createContext(testShell({ currentFolder }), {}, () => {});
  const project = (projectId: string, workspaceRoot: string, title: string) =>
    ({ projectId, workspaceRoot, title }) as ProjectRow;
  const projects = [
    project("p-1", "/work", "All"),
    project("p-2", "/work/shop", "Shop"),
    project("p-3", "/work/shop-two", "Second"),
  ];

  test("is the innermost one around the folder the person is in", () => {
    expect(chooseProject(context("/work/shop/src"), projects, undefined).projectId).toBe("p-2");
    expect(chooseProject(context("/work/other"), projects, undefined).projectId).toBe("p-1");
  });

  test("is the named one, by title or by id", () => {
    expect(chooseProject(context("/"), projects, "Second").projectId).toBe("p-3");
    expect(chooseProject(context("/"), projects, "p-3").projectId).toBe("p-3");
  });

  test("is the only one, from anywhere", () => {
    expect(chooseProject(context("/"), projects.slice(1, 2), undefined).projectId).toBe("p-2");
  });

  test("must be said where several could be meant, and be there", () => {
    expect(codeOf(() => chooseProject(context("/"), projects, undefined))).toBe("validation_failed");
    expect(codeOf(() => chooseProject(context("/"), [], undefined))).toBe("project_not_found");
  });
});

describe("a project that was added", () => {
  const place = (projectId: string, workspaceRoot: string) => ({ projectId, workspaceRoot }) as ProjectRow;
  const next = (others: ProjectRow[], currentFolder: string) =>
    threadCommand(
      createContext(testShell({ currentFolder }), {}, () => {}),
      others,
      place("01b20000-4dce-74e7-9a19-000000008673", "/work/shop"),
    );

  test("is opened by the command that is told next, whatever else is there and wherever one is", () => {
    expect(next([], "/")).toBe("thread new");
    expect(next([place("other", "/work")], "/work/shop/src")).toBe("thread new");
    for (const [other, folder] of [
      ["/other", "/"],
      ["/work/shop/inner", "/work/shop/inner"],
    ] as const)
      expect(next([place("other", other)], folder)).toBe("thread new --project 00008673");
  });

  test("where its machine lets none lie is refused with where it does", async () => {
    const refused = () => Promise.reject(new MusterError("workspace_not_allowed", "Not there."));
    const node = { nodeId: "n", capabilities: { hostname: "laptop", workspaceRoots: ["/home/ada", "/src"] } };
    await expect(allowed(refused(), node as unknown as NodeSummary)).rejects.toMatchObject({
      code: "workspace_not_allowed",
      message: "Not there.",
      details: { advice: expect.stringContaining("On laptop projects lie below /home/ada, /src;") },
    });
  });
});

describe("the machine meant", () => {
  const node = (nodeId: string, health: string, hostname: string) =>
    ({ nodeId, health, capabilities: { hostname } }) as unknown as NodeSummary;
  const laptop = node("n-1", "online", "laptop");
  const server = node("n-2", "offline", "server");

  test("is the only one that is online", () => {
    expect(chooseNode([laptop, server], undefined).nodeId).toBe("n-1");
  });

  test("is the named one, by host name or id", () => {
    expect(chooseNode([laptop, server], "server").nodeId).toBe("n-2");
    expect(chooseNode([laptop, server], "n-2").nodeId).toBe("n-2");
  });

  test("must be said where two are online", () => {
    expect(codeOf(() => chooseNode([laptop, node("n-3", "online", "desk")], undefined))).toBe("validation_failed");
    expect(codeOf(() => chooseNode([], undefined))).toBe("node_not_attached");
  });
});

describe("the agent meant", () => {
  const agent = (name: string, found: boolean) => ({ name, title: name, found, installHint: null }) as DetectedProvider;

  test("is a real one before the sample agent", () => {
    const agents = [agent("claude", false), agent("codex", true), agent("sample", true)];
    expect(chooseProvider(agents, undefined)).toEqual({ name: "codex", isGuess: true });
  });

  test("is the sample agent where there is no other", () => {
    expect(chooseProvider([agent("claude", false), agent("sample", true)], undefined).name).toBe("sample");
  });

  test("is the named one, unless it is known to be missing", () => {
    expect(chooseProvider([agent("claude", false)], "of-my-own").name).toBe("of-my-own");
    expect(codeOf(() => chooseProvider([agent("claude", false)], "claude"))).toBe("agent_not_found");
  });
});

describe("the approval meant", () => {
  const pending = (requestId: string) =>
    ({
      approval: { requestId, payload: { title: "write" } },
      thread: { title: "Prices" },
    }) as unknown as PendingApproval;

  test("is the only one, or the named one", () => {
    expect(chooseApproval([pending("r-1")], undefined).approval.requestId).toBe("r-1");
    expect(chooseApproval([pending("r-1"), pending("r-2")], "r-2").approval.requestId).toBe("r-2");
  });

  test("must be said where two wait", () => {
    expect(codeOf(() => chooseApproval([pending("r-1"), pending("r-2")], undefined))).toBe("validation_failed");
    expect(codeOf(() => chooseApproval([], undefined))).toBe("approval_not_pending");
    expect(codeOf(() => chooseApproval([pending("r-1")], "r-9"))).toBe("approval_not_pending");
  });
});

describe("the range of a diff", () => {
  const checkpoints = [0, 1, 2].map((checkpointTurnCount) => ({
    checkpointTurnCount,
    status: "ready",
  })) as CheckpointRow[];

  test("is the latest turn, the named one, or everything", () => {
    expect(rangeOf(checkpoints, {})).toEqual({ fromTurnCount: 1, toTurnCount: 2 });
    expect(rangeOf(checkpoints, { turn: 1 })).toEqual({ fromTurnCount: 0, toTurnCount: 1 });
    expect(rangeOf(checkpoints, { all: true })).toEqual({ fromTurnCount: 0, toTurnCount: 2 });
  });

  test("needs a checkpoint, and one wish at a time", () => {
    expect(codeOf(() => rangeOf([], {}))).toBe("checkpoint_not_ready");
    expect(codeOf(() => rangeOf(checkpoints, { turn: 1, all: true }))).toBe("validation_failed");
  });
});

describe("a turn", () => {
  test("is asked for by its text alone, or by thread and text", () => {
    expect(threadAndText(["fix it"])).toEqual({ thread: undefined, text: "fix it" });
    expect(threadAndText(["57c68673", "fix it"])).toEqual({ thread: "57c68673", text: "fix it" });
    expect(codeOf(() => threadAndText(["fix", "the", "test"]))).toBe("validation_failed");
  });

  test("ends the command by how it ended", () => {
    expect(turnExitCode({ status: "completed", reason: null })).toBe(0);
    expect(turnExitCode({ status: "interrupted", reason: "node_restarted" })).toBe(6);
    expect(turnExitCode({ status: "error", reason: "agent_login_required" })).toBe(4);
    expect(turnExitCode({ status: "error", reason: "of the future" })).toBe(1);
  });
});

describe("a line of the log", () => {
  test("is empty for an event of the future, not wrong", () => {
    expect(summaryOf({ eventType: "thread.sung", schemaVersion: "1.0", payload: {} } as unknown as WireEvent)).toBe("");
  });
});
