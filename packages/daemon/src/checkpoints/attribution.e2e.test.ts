import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { EventId, ThreadId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { NOW_MS, type TestWorkspace, type TestWorkspaceOptions } from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const makeWorkspace = workspacesOfTest();
function workspace(options: TestWorkspaceOptions = {}): TestWorkspace {
  let now = NOW_MS;
  const nowMs = () => {
    now += 1;
    return now;
  };
  return makeWorkspace({ nowMs, ...options });
}

const A = "thread-a" as ThreadId;
const B = "thread-b" as ThreadId;
const BY_OTHER = "changed by another thread since";
const BY_HAND = "changed since this thread's last turn";

/** A thread's turns in a folder, with the checkpoints that a runner takes. */
class Thread {
  readonly #one: TestWorkspace;
  readonly #id: ThreadId;
  readonly #root: string;
  #count = 0;

  constructor(one: TestWorkspace, id: ThreadId, root = one.root) {
    this.#one = one;
    this.#id = id;
    this.#root = root;
  }

  async begin(): Promise<void> {
    const request = { workspaceRoot: this.#root, threadId: this.#id };
    if (this.#count === 0) await this.#one.checkpoints.capture({ ...request, turnCount: 0 });
    this.#count += 1;
    await this.#one.checkpoints.captureStart({ ...request, turnCount: this.#count });
  }

  async end(): Promise<void> {
    await this.#one.checkpoints.capture({ workspaceRoot: this.#root, threadId: this.#id, turnCount: this.#count });
  }

  async turn(work: () => void): Promise<void> {
    await this.begin();
    work();
    await this.end();
  }

  /** "path outcome" or "path: why it is kept". */
  async revert(turnCount: number, running: readonly ThreadId[] = [], event = `event-${turnCount}`): Promise<string[]> {
    const { checkpoints } = this.#one;
    const request = { workspaceRoot: this.#root, threadId: this.#id, eventId: event as EventId };
    const { currentRef: fromRef } = await checkpoints.safety(request);
    const toRef = `refs/muster/checkpoints/${this.#id}/turn/${turnCount}` as never;
    const isRunning = (thread: ThreadId) => running.includes(thread);
    const files = await checkpoints.restoreThread({ ...request, turnCount, fromRef, toRef, isRunning });
    return files.map(({ path, outcome, reason }) =>
      reason === undefined ? `${path} ${outcome}` : `${path}: ${reason}`,
    );
  }
}

const contents = (one: TestWorkspace) =>
  Object.fromEntries(Object.entries(one.files()).map(([path, text]) => [path, text.replace("file ", "")]));

for (const init of [undefined, false] as const) {
  describe(`a revert beside others' work (${init === false ? "no repository" : "git"})`, () => {
    const start = () => {
      const one = workspace(init === undefined ? {} : { init });
      for (const name of ["edited", "gone", "moved", "hers", "idle"]) one.write(name, "0");
      return { one, a: new Thread(one, A), b: new Thread(one, B) };
    };

    it("ORC-35 takes back a thread's edits, additions, deletions and renames, and nothing that others did in turn", async () => {
      const { one, a, b } = start();
      await a.turn(() => one.write("a1", "A"));
      await a.turn(() => {
        one.write("edited", "A");
        one.write("new/a2", "A");
        rmSync(join(one.root, "gone"));
        renameSync(join(one.root, "moved"), join(one.root, "moved-to"));
      });
      await b.turn(() => {
        one.write("hers", "B");
        one.write("b-new", "B");
      });
      one.write("by-hand", "mine");
      one.write("idle", "mine");
      expect(await a.revert(1)).toEqual([
        "edited restored",
        "gone restored",
        "moved restored",
        "moved-to deleted",
        "new/a2 deleted",
      ]);
      expect(contents(one)).toEqual({
        ...{ a1: "A", edited: "0", gone: "0", moved: "0", hers: "B", idle: "mine" },
        ...{ "b-new": "B", "by-hand": "mine" },
      });
    });

    it("ORC-35 keeps what both changed and what a hand changed afterwards, and says so", async () => {
      const { one, a, b } = start();
      await a.turn(() => {
        for (const name of ["edited", "shared", "retouched", "a"]) one.write(name, "A");
      });
      await b.turn(() => one.write("shared", "B"));
      one.write("retouched", "mine");
      expect(await a.revert(0)).toEqual([
        "a deleted",
        "edited restored",
        `retouched: ${BY_HAND}`,
        `shared: ${BY_OTHER}`,
      ]);
      expect([one.read("retouched"), one.read("shared"), one.read("edited")]).toEqual(["mine", "B", "0"]);
    });

    it("ORC-35 keeps a hand's edit between two turns that a later turn did not change", async () => {
      const { one, a } = start();
      await a.turn(() => one.write("edited", "A"));
      one.write("edited", "mine");
      await a.turn(() => one.write("a2", "A"));
      expect(await a.revert(0)).toEqual(["a2 deleted", `edited: ${BY_HAND}`]);
      expect(one.read("edited")).toBe("mine");
    });

    it("ORC-35 keeps the files of a turn that overlapped, ended or running now", async () => {
      const { one, a, b } = start();
      await b.begin();
      await a.begin();
      one.write("b1", "B");
      await b.end();
      one.write("a1", "A");
      await a.end();
      await a.turn(() => one.write("a2", "A"));
      await b.begin();
      one.write("b2", "B");
      await a.turn(() => {
        one.write("edited", "A");
        one.write("b3", "B");
      });
      expect(await a.revert(0, [B])).toEqual([
        "a1 deleted",
        "a2 deleted",
        `b1: ${BY_OTHER}`,
        `b3: ${BY_OTHER}`,
        `edited: ${BY_OTHER}`,
      ]);
      expect(["b1", "b2", "b3"].map((name) => one.read(name))).toEqual(["B", "B", "B"]);
    });

    it("ORC-35 does not count a turn without an end of a thread that is not running", async () => {
      const { one, a, b } = start();
      await b.begin();
      await a.turn(() => one.write("edited", "A"));
      expect(await a.revert(0, [])).toEqual(["edited restored"]);
    });

    it("ORC-35 takes the rest back where another's files are in the way of some, and says which", async () => {
      const { one, a, b } = start();
      one.write("folder/file", "0");
      await a.turn(() => {
        rmSync(join(one.root, "gone"));
        one.write("gone/a", "A");
        rmSync(join(one.root, "folder"), { recursive: true });
        one.write("folder", "A");
        rmSync(join(one.root, "moved"));
        one.write("edited", "A");
      });
      await b.turn(() => {
        one.write("gone/b", "B");
        one.write("folder", "B");
      });
      mkdirSync(join(one.root, "moved"));
      one.write("moved/by-hand", "mine");
      expect(await a.revert(0)).toEqual([
        "edited restored",
        `folder: ${BY_OTHER}`,
        "folder/file: a file is in the way: folder",
        "gone: a directory is in the way",
        "gone/a deleted",
        "moved: a directory is in the way",
      ]);
      expect(contents(one)).toEqual({
        ...{ edited: "0", folder: "B", "gone/b": "B", hers: "0", idle: "0", "moved/by-hand": "mine" },
      });
      rmSync(join(one.root, "folder"));
      rmSync(join(one.root, "gone"), { recursive: true });
      expect(await a.revert(0, [], "once-more")).toEqual([
        "folder/file restored",
        "gone restored",
        "moved: a directory is in the way",
      ]);
      expect([one.read("folder/file"), one.read("gone")]).toEqual(["0", "0"]);
    });

    it("ORC-35 can go back and forth: a revert is the thread's own change", async () => {
      const { one, a } = start();
      await a.turn(() => one.write("edited", "A1"));
      await a.turn(() => one.write("edited", "A2"));
      expect(await a.revert(0)).toEqual(["edited restored"]);
      expect(await a.revert(2)).toEqual(["edited restored"]);
      expect(one.read("edited")).toBe("A2");
      expect(await a.revert(1)).toEqual(["edited restored"]);
      expect(one.read("edited")).toBe("A1");
    });

    it("ORC-35 done again after its checkpoints were put aside reports the same and changes nothing", async () => {
      const { one, a } = start();
      await a.turn(() => one.write("a1", "A"));
      await a.turn(() => one.write("a2", "A"));
      const first = await a.revert(1);
      const request = { workspaceRoot: one.root, threadId: A, turnCount: 1, eventId: "event-1" as EventId };
      expect(await one.checkpoints.dropAfter(request)).toEqual([
        `refs/muster/checkpoints/${A}/reverted/event-1/start/2`,
        `refs/muster/checkpoints/${A}/reverted/event-1/2`,
      ]);
      one.write("a2", "by hand since");
      expect(await a.revert(1)).toEqual([`a2: ${BY_HAND}`]);
      rmSync(join(one.root, "a2"));
      expect(await a.revert(1)).toEqual(first);
      const { length } = await one.checkpoints.list({ workspaceRoot: one.root, threadId: A });
      expect(await one.checkpoints.deleteThread({ workspaceRoot: one.root, threadId: A })).toBe(length);
      expect(await one.checkpoints.list({ workspaceRoot: one.root, threadId: A })).toEqual([]);
    });
  });
}

describe("another thread's folder", () => {
  it("ORC-35 above or below the workspace in the same checkout counts, whatever its paths are called", async () => {
    const one = workspace({ subfolder: "packages/x" });
    const top = join(one.base, "work");
    one.write("src/shared", "0");
    const a = new Thread(one, A);
    const above = new Thread(one, B, top);
    const below = new Thread(one, "thread-c" as ThreadId, join(one.root, "src"));
    await a.turn(() => {
      for (const name of ["src/shared", "a", "src/deep", "src/live"]) one.write(name, "A");
    });
    await above.turn(() => one.write("src/shared", "B"));
    await below.turn(() => one.write("src/deep", "C"));
    await below.begin();
    one.write("src/live", "C");
    expect(await a.revert(0, ["thread-c" as ThreadId])).toEqual([
      "a deleted",
      `src/deep: ${BY_OTHER}`,
      `src/live: ${BY_OTHER}`,
      `src/shared: ${BY_OTHER}`,
    ]);
  });

  it("ORC-35 in a linked worktree does not count, though it shares the refs", async () => {
    const one = workspace();
    one.write("f", "0");
    one.git("add", ".");
    one.git("commit", "-qm", "first");
    const linked = join(one.base, "linked");
    one.git("worktree", "add", "-q", linked);
    const a = new Thread(one, A);
    const b = new Thread(one, B, linked);
    await a.turn(() => one.write("f", "A"));
    await b.turn(() => one.write("../linked/f", "B"));
    await b.begin();
    one.write("../linked/f", "B2");
    expect(await a.revert(0, [B])).toEqual(["f restored"]);
    expect([one.read("f"), one.read("../linked/f")]).toEqual(["0", "B2"]);
  });
});
