import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError, isCheckpointError } from "./errors.ts";
import { type Git, runGit } from "./git.ts";
import { makeWorkspace, THREAD, testEnvironment } from "./test-workspace.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-git-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that stands in for git: what is tested is how a process is handled. */
function program(script: string, callLimitMs = 60_000): Git {
  const binary = join(folder, "program");
  writeFileSync(binary, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { binary, callLimitMs, environment: testEnvironment(folder) };
}
const call = () => ({ args: ["status"], cwd: folder, maxStdoutBytes: 1024 });

describe("runGit", () => {
  it("ORC-34 ends git on abort, waits for its end and throws the signal's reason", async () => {
    const started = join(folder, "started");
    const ended = join(folder, "ended");
    const controller = new AbortController();
    const git = program(`trap 'touch ${ended}; exit 1' TERM; touch ${started}; while :; do :; done`);
    const running = runGit(git, { ...call(), signal: controller.signal });
    await expect.poll(() => existsSync(started)).toBe(true);
    controller.abort(new Error("no longer wanted"));
    await expect(running).rejects.toThrow("no longer wanted");
    expect(existsSync(ended)).toBe(true);
  });

  it("ORC-34 starts nothing when the signal is aborted already, and leaves no ref", async () => {
    const one = makeWorkspace();
    try {
      const request = {
        workspaceRoot: one.root,
        threadId: THREAD,
        turnCount: 0,
        signal: AbortSignal.abort(new Error("too late")),
      };
      await expect(one.checkpoints.capture(request)).rejects.toThrow("too late");
      expect(one.git("for-each-ref")).toBe("");
    } finally {
      one.remove();
    }
  });

  it("ORC-34 ends a git that passes the time limit, with what it said", async () => {
    const failure = await runGit(program("echo waiting >&2; exec sleep 60", 50), call()).catch(
      (error: unknown) => error,
    );
    expect(isCheckpointError(failure, "git_failed") && failure.details).toEqual({
      command: "status",
      exitCode: null,
      timedOut: true,
      stderrTail: "waiting\n",
    });
  });

  it("ORC-34 keeps the last 4 KiB of standard error and the exit code", async () => {
    const git = program(`head -c 10000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 7`);
    const failure = await runGit(git, call()).catch((error: unknown) => error);
    if (!isCheckpointError(failure, "git_failed")) throw failure;
    expect(failure.details.exitCode).toBe(7);
    expect(failure.details.stderrTail).toHaveLength(4096);
    expect(failure.details.stderrTail.endsWith("xlast\n")).toBe(true);
  });

  it("ORC-34 stops reading at the output limit: an error, or a cut where the caller can use one", async () => {
    const git = program("exec cat /dev/zero");
    await expect(runGit(git, call())).rejects.toBeInstanceOf(CheckpointError);
    const cut = await runGit(git, { ...call(), atOutputLimit: "cut" });
    expect([cut.cut, cut.stdout.length]).toEqual([true, 1024]);
  });

  it("ORC-34 says git_not_found when git is not there", async () => {
    const git = { binary: join(folder, "no-git"), callLimitMs: 1000, environment: {} };
    const failure = await runGit(git, call()).catch((error: unknown) => error);
    expect(isCheckpointError(failure, "git_not_found") && failure.details).toEqual({ binary: git.binary });
  });

  it("ORC-34 hands over none of the GIT_ variables it was started with", async () => {
    const git = {
      ...program("env"),
      environment: { ...testEnvironment(folder), GIT_DIR: "/elsewhere", GIT_INDEX_FILE: "/x" },
    };
    const { stdout } = await runGit(git, { ...call(), maxStdoutBytes: 65_536 });
    expect(stdout.toString()).not.toMatch(/GIT_DIR|GIT_INDEX_FILE/);
    expect(stdout.toString()).toContain("GIT_TERMINAL_PROMPT=0");
  });
});
