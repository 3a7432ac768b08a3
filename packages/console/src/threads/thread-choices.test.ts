// What a new thread and a new project may choose from, where there are several sessions.
import type { NodeSummary, ProjectRow, SessionId, SessionSummary } from "@muster/contracts";
import { expect, test } from "vitest";
import { mayWorkIn, projectChoices, projectHomes } from "./thread-choices.ts";

const session = (sessionId: string, role: string, state = "active"): SessionSummary =>
  ({ sessionId, title: `Session ${sessionId}`, role, state }) as unknown as SessionSummary;
const sessions = [session("main", "owner"), session("side", "collaborator"), session("seen", "viewer")];
const node = (hostname: string, sessionId: string, changes: object = {}): NodeSummary =>
  ({
    nodeId: hostname,
    sessionId,
    state: "online",
    health: "online",
    capabilities: { hostname },
    ...changes,
  }) as unknown as NodeSummary;
const project = (title: string, sessionId: string): ProjectRow =>
  ({ projectId: title, title, sessionId }) as unknown as ProjectRow;

test("something begins only where the role and the session's state let it", () => {
  const may = (sessionId: string): boolean => mayWorkIn(sessions, sessionId as SessionId);
  expect(["main", "side", "seen", "unknown"].map(may)).toEqual([true, true, false, false]);
  expect(mayWorkIn([session("main", "owner", "archived")], "main" as SessionId)).toBe(false);
});

test("a machine is offered in the session where it is attached, those that answer first", () => {
  const nodes = [
    node("away", "main", { health: "offline" }),
    node("both", "main", { state: "offline" }),
    node("both", "side"),
    node("revoked", "main", { state: "revoked" }),
    node("looked at", "seen"),
  ];
  const homes = projectHomes(nodes, sessions).map(({ capabilities, sessionId }) => [capabilities.hostname, sessionId]);
  expect(homes).toEqual([
    ["both", "side"],
    ["away", "main"],
  ]);
});

test("projects stand by session where they lie in several, and plainly where they do not", () => {
  const one = [project("a", "main"), project("b", "main")];
  expect(projectChoices(one, sessions)).toEqual([
    { value: "a", label: "a" },
    { value: "b", label: "b" },
  ]);
  expect(projectChoices([...one, project("c", "side")], sessions)).toMatchObject([
    { group: "Session main", items: [{ value: "a" }, { value: "b" }] },
    { group: "Session side", items: [{ value: "c" }] },
  ]);
});
