import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TEST_MAX_MS } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { ProcessGroupRecord } from "../../processes/index.ts";
import { ProviderError } from "../index.ts";
import {
  type BenchOptions,
  endAll,
  livingMembers,
  openBench,
  scriptedAgent,
  temporaryFolder,
} from "../testing/bench.ts";

afterEach(endAll);

/** Starts, expects the failure, and checks that nothing of the agent was left running. */
const failure = async (options: BenchOptions): Promise<ProviderError> => {
  const groups = new Set<ProcessGroupRecord>();
  const onProcessGroups = (now: readonly ProcessGroupRecord[]): void => {
    for (const group of now) groups.add(group);
    options.onProcessGroups?.(now);
  };
  const error = await openBench({ ...options, onProcessGroups }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProviderError);
  expect([...groups].flatMap((group) => livingMembers(group.processGroupId))).toEqual([]);
  return error as ProviderError;
};

describe("a start that fails", () => {
  it("ORC-30 without the command says what is missing and how to install it", async () => {
    const error = await failure({
      configuration: {
        name: "x",
        title: "Agent X",
        command: "muster-no-such-command",
        installHint: "Install it with `npm x`.",
      },
    });
    expect(error.code).toBe("agent_not_found");
    expect(error.message).toBe(
      "Agent X is not installed: there is no command `muster-no-such-command` on this machine. Install it with `npm x`.",
    );
  });
  it("ORC-30 with a command that may not be executed says so", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "agent"), "#!/bin/sh\n");
    await chmod(join(folder, "agent"), 0o600);
    const error = await failure({ configuration: { name: "x", command: join(folder, "agent") } });
    expect(error.code).toBe("agent_not_found");
    expect(error.message).toContain("no permission");
  });
  it("ORC-30 in a folder that is not there, or outside the workspace, blames the folder", async () => {
    const folder = await temporaryFolder();
    expect((await failure({ cwd: join(folder, "none") })).code).toBe("workspace_unavailable");
    expect((await failure({ workspaceRoot: folder, cwd: "/" })).code).toBe("workspace_unavailable");
  });
  it("ORC-30 of an agent that dies carries its exit code and the end of its standard error", async () => {
    const error = await failure({ args: ["--die-in-handshake"] });
    expect(error.code).toBe("agent_handshake_failed");
    expect(error.message).toContain("ended with code 7 during initialize");
    expect(error.stderrTail).toBe("told to die in the handshake\n");
    expect(error.toBody().details).toEqual({ stderrTail: "told to die in the handshake\n" });
  });
  it("ORC-30 of an agent that prints garbage shows the line", async () => {
    const error = await failure({ args: ["--garbage"] });
    expect(error.code).toBe("agent_handshake_failed");
    expect(error.message).toContain("Welcome! This line is no message of the protocol.");
  });
  it("ORC-30 of an agent that does not answer ends it after the limit", async () => {
    const error = await failure({ args: ["--slow-handshake"], limits: { handshakeTimeoutMs: 700 } });
    expect(error.code).toBe("agent_handshake_failed");
    expect(error.message).toContain("did not answer initialize within 700 ms");
  });
  it("ORC-30 of an agent that wants a login says what the person must do", async () => {
    const error = await failure({ args: ["--login-required"] });
    expect(error.code).toBe("agent_login_required");
    expect(error.message).toContain("log in there");
    expect(error.message).toContain("Log in (There is no account; this is a test)");
  });
  it("ORC-30 of an agent of another protocol version names both", async () => {
    const configuration = scriptedAgent(`onMessage((m) => send({ id: m.id, result: { protocolVersion: 99 } }));`);
    const error = await failure({ configuration });
    expect(error.code).toBe("agent_protocol_error");
    expect(error.message).toContain("version 99");
  });
  it("ORC-30 of an agent that refuses the conversation, or gives it no id, says so", async () => {
    const refuses = scriptedAgent(
      `onMessage((m) => { if (m.method === "session/new") send({ id: m.id, error: { code: -32603, message: "no quota" } }); else greet(m); });`,
    );
    expect((await failure({ configuration: refuses })).message).toContain("no quota");
    const nameless = scriptedAgent(
      `onMessage((m) => { if (m.method === "session/new") send({ id: m.id, result: {} }); else greet(m); });`,
    );
    expect((await failure({ configuration: nameless })).code).toBe("agent_protocol_error");
  });
  it("ORC-32 that is given up ends the agent at once", async () => {
    const controller = new AbortController();
    const error = await failure({
      args: ["--slow-handshake"],
      // Nothing else would end the wait in the time that a test has.
      limits: { handshakeTimeoutMs: 2 * TEST_MAX_MS },
      signal: controller.signal,
      onProcessGroups: () => setImmediate(() => controller.abort()),
    });
    expect(error.message).toContain("was stopped before it was ready");
  });
  it("ORC-30 of a program that reads and says nothing, such as cat, fails as no agent", async () => {
    expect(
      (await failure({ configuration: { name: "cat", command: "cat" }, limits: { handshakeTimeoutMs: 700 } })).code,
    ).toBe("agent_handshake_failed");
    expect((await failure({ configuration: { name: "true", command: "true" } })).code).toBe("agent_handshake_failed");
  });
});

describe("capabilities", () => {
  it("ORC-30 are told to the agent: files both ways and terminals, in version 1", async () => {
    const configuration =
      scriptedAgent(`let first; onMessage((m) => { first ??= m; greet(m); if (m.method === "session/prompt") {
      send({ method: "session/update", params: { sessionId: "s1", update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: JSON.stringify(first.params) } } } });
      send({ id: m.id, result: { stopReason: "end_turn" } }); } });`);
    const bench = await openBench({ configuration });
    await bench.session.prompt({ text: "x" });
    expect(JSON.parse(bench.text())).toMatchObject({
      protocolVersion: 1,
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true }, terminal: true },
      clientInfo: { name: "muster" },
    });
    expect(bench.session).toMatchObject({ agentName: undefined, canLoad: false });
  });
});
