// Commands of a project: given events, when a command comes, then events or a typed refusal.
import type { ThreadId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import {
  ATTACHED,
  command,
  createProject,
  decideClient,
  event,
  foldThread,
  projectCreated,
  queued,
  runningTurn,
  startTurn,
  threadCreated,
} from "../testing/index.ts";

const remove = (force?: boolean) =>
  command("project.delete", { projectId: "project", ...(force === undefined ? {} : { force }) });
const update = (fields: Record<string, unknown>) => command("project.meta.update", { projectId: "project", ...fields });
const deleted = event("project.deleted", { force: false });
const roots = (...workspaceRoots: string[]) => ({ node: { ...ATTACHED, workspaceRoots } });

describe("a project", () => {
  it("is created on an attached node", () => {
    expect(decideClient([], createProject({ defaultModel: "large" })).events).toEqual([
      event("project.created", {
        sessionId: createProject().sessionId,
        nodeId: createProject().nodeId,
        title: "A project",
        workspaceRoot: "/work/project",
        defaultModel: "large",
      }),
    ]);
  });

  it("is refused where it is present already, also when it was deleted (ORC-18)", () => {
    expect(decideClient([projectCreated], createProject()).refused).toBe("project_exists");
    expect(decideClient([projectCreated, deleted], createProject()).refused).toBe("project_exists");
  });

  it("is refused where the node is not attached to its session, or the session has ended (ORC-18)", () => {
    expect(decideClient([], createProject(), { node: null }).refused).toBe("node_not_attached");
    const detached = { node: { ...ATTACHED, isAttached: false } };
    expect(decideClient([], createProject(), detached).refused).toBe("node_not_attached");
    expect(decideClient([], createProject(), { sessionIsActive: false }).refused).toBe("node_not_attached");
  });

  it("NOD-16 is refused where the node is suspended, as a turn there is", () => {
    const suspended = { node: { ...ATTACHED, isSuspended: true } };
    expect(decideClient([], createProject(), suspended).refused).toBe("runtimenode.permission_denied");
    expect(decideClient([threadCreated], startTurn("a"), suspended).refused).toBe("runtimenode.permission_denied");
    const detached = { node: { ...ATTACHED, isSuspended: true, isAttached: false } };
    expect(decideClient([], createProject(), detached).refused).toBe("node_not_attached");
  });

  it("may lie only below the folders that the node allows", () => {
    const inside = createProject({ workspaceRoot: "/work/project" });
    expect(decideClient([], inside, roots("/home", "/work")).refused).toBeNull();
    expect(decideClient([], inside, roots("/home")).refused).toBe("workspace_not_allowed");
    expect(decideClient([projectCreated], update({ workspaceRoot: "/etc" }), roots("/work")).refused).toBe(
      "workspace_not_allowed",
    );
  });

  it("changes the fields that are named and no others", () => {
    expect(decideClient([projectCreated], update({ title: "New", defaultModel: null })).events).toEqual([
      event("project.meta-updated", { title: "New", defaultModel: null }),
    ]);
  });

  it("refuses a change of nothing, because a command without an event is a bug (ORC-17)", () => {
    expect(decideClient([projectCreated], update({})).refused).toBe("validation_failed");
  });

  it("refuses every command where it is absent or deleted (ORC-18)", () => {
    for (const given of [[], [projectCreated, deleted]]) {
      expect(decideClient(given, update({ title: "x" })).refused).toBe("project_not_found");
      expect(decideClient(given, remove()).refused).toBe("project_not_found");
      expect(decideClient(given, remove(true)).refused).toBe("project_not_found");
    }
  });
});

describe("deleting a project", () => {
  const idle = { threadId: "idle" as ThreadId, state: foldThread([threadCreated]) };
  const busy = { threadId: "busy" as ThreadId, state: foldThread([...runningTurn("a"), queued("b", 1)]) };
  const live = [busy, idle].flatMap(({ threadId, state }) => (state === null ? [] : [{ threadId, state }]));

  it("is refused while it has live threads (ORC-18)", () => {
    expect(decideClient([projectCreated], remove(), { liveThreads: live }).refused).toBe("project_has_threads");
    expect(decideClient([projectCreated], remove(false), { liveThreads: live }).refused).toBe("project_has_threads");
  });

  it("needs no force without live threads", () => {
    expect(decideClient([projectCreated], remove()).events).toEqual([deleted]);
  });

  it("with force ends and deletes each thread first, then itself", () => {
    const { decision } = decideClient([projectCreated], remove(true), { liveThreads: live });
    expect(decision?.events.map(({ streamId, event }) => [streamId, event.eventType])).toEqual([
      ["busy", "thread.turn-settled"],
      ["busy", "thread.turn-dequeued"],
      ["busy", "thread.deleted"],
      ["idle", "thread.deleted"],
      ["project", "project.deleted"],
    ]);
  });
});
