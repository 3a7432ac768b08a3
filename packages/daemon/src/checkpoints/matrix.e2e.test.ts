// Every kind of folder that is found, against every kind of change an agent makes: captured, compared, taken back and
// brought again, while nothing of the user's in the repository changes by a byte.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { EventId } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { Checkpoints } from "./index.ts";
import {
  gitFolderState,
  listFiles,
  NOW_MS,
  runTestGit,
  type TestWorkspace,
  type TestWorkspaceOptions,
  THREAD,
  testEnvironment,
} from "./test-workspace.ts";
import { workspacesOfTest } from "./test-workspaces.ts";

const workspace = workspacesOfTest();

interface Situation {
  readonly name: string;
  readonly options?: TestWorkspaceOptions;
  /** Files that are there before, beside those all situations have; runs before the first commit. */
  readonly before?: (one: TestWorkspace, top: string) => void;
  /** Runs after the first commit; returns the workspace's folder where it is another one. */
  readonly arrange?: (one: TestWorkspace, top: string) => string | undefined;
  /** False: nothing is committed. */
  readonly isCommitted?: false;
  /** More of git's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Paths that a checkpoint leaves out, which the agent's work must not touch. */
  readonly skipped?: readonly string[];
}

const inner = (one: TestWorkspace, folder: string) => (args: readonly string[]) =>
  runTestGit(folder, testEnvironment(one.home), args);

const conflict = (one: TestWorkspace, top: string, how: "merge" | "rebase") => {
  one.git("checkout", "-qb", "side");
  writeFileSync(join(top, "conflict"), "side\n");
  one.git("add", "-A");
  one.git("commit", "-qm", "side");
  one.git("checkout", "-q", "main");
  writeFileSync(join(top, "conflict"), "main\n");
  one.git("add", "-A");
  one.git("commit", "-qm", "main");
  expect(() => one.git(how, "side")).toThrow();
};

const SITUATIONS: readonly Situation[] = [
  { name: "a folder without a repository", options: { init: false } },
  { name: "a git repository with a stash, staged and unstaged changes" },
  { name: "SHA-256 objects", options: { init: ["--object-format=sha256"] } },
  { name: "a repository in a subfolder of a larger one", options: { subfolder: "packages/a b" } },
  {
    name: "a linked worktree",
    arrange: (one) => {
      one.git("worktree", "add", "-q", "-b", "linked", join(one.base, "linked"));
      return join(one.base, "linked");
    },
  },
  { name: "a git folder elsewhere", options: { init: ["--separate-git-dir=../elsewhere"] } },
  { name: "a bare repository's folder", options: { init: ["--bare"] }, isCommitted: false },
  { name: "a repository without a commit", isCommitted: false },
  {
    name: "a detached HEAD",
    arrange: (one) => {
      one.git("checkout", "-q", "--detach");
      return undefined;
    },
  },
  {
    name: "a merge in conflict",
    arrange: (one, top) => {
      conflict(one, top, "merge");
      return undefined;
    },
  },
  {
    name: "a rebase in conflict",
    arrange: (one, top) => {
      conflict(one, top, "rebase");
      return undefined;
    },
  },
  {
    name: "an index that somebody holds locked",
    arrange: (_one, top) => {
      writeFileSync(join(top, ".git", "index.lock"), "");
      return undefined;
    },
  },
  {
    name: "a sparse checkout",
    before: (one) => one.write("outside/the/cone", "absent"),
    arrange: (one) => {
      one.git("sparse-checkout", "set", "--cone", "keep");
      return undefined;
    },
  },
  {
    name: "a submodule with changes of its own, and a nested repository",
    arrange: (one, top) => {
      const library = join(one.base, "library");
      runTestGit(one.base, testEnvironment(one.home), ["init", "-q", library]);
      writeFileSync(join(library, "inside"), "1");
      inner(one, library)(["add", "-A"]);
      inner(one, library)(["commit", "-qm", "one"]);
      one.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "module");
      one.git("commit", "-qm", "submodule");
      writeFileSync(join(top, "module", "inside"), "dirty");
      inner(one, top)(["init", "-q", "nested"]);
      writeFileSync(join(top, "nested", "file"), "theirs");
      return undefined;
    },
    skipped: ["nested/ nested-repository", "module/ submodule"],
  },
  {
    name: "LFS attributes without a filter",
    before: (one) => {
      one.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
      one.write("pointer.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n");
    },
  },
  {
    name: "line ends that git converts",
    before: (one) => {
      one.write(".gitattributes", "* text=auto\n*.crlf text eol=crlf\n");
      one.write("dos.crlf", "a\r\nb\r\n");
      one.write("mixed", "a\r\nb\n");
    },
    arrange: (one) => {
      one.git("config", "core.autocrlf", "true");
      return undefined;
    },
  },
  {
    name: "file modes that git does not look at",
    arrange: (one) => {
      one.git("config", "core.fileMode", "false");
      return undefined;
    },
  },
  {
    name: "an untracked cache, a file system monitor and an index of version 4",
    arrange: (one) => {
      one.git("config", "core.untrackedCache", "true");
      one.git("config", "core.fsmonitor", join(one.base, "no-such-monitor"));
      one.git("update-index", "--index-version", "4", "--force-untracked-cache");
      return undefined;
    },
  },
  {
    name: "hooks, signing and no name",
    arrange: (one, top) => {
      const { GIT_AUTHOR_NAME: _author, ...environment } = testEnvironment(one.home);
      mkdirSync(join(top, ".git", "hooks"), { recursive: true });
      for (const hook of ["reference-transaction", "post-index-change", "pre-commit", "post-checkout", "pre-auto-gc"])
        writeFileSync(join(top, ".git", "hooks", hook), `#!/bin/sh\ntouch "${one.base}/ran"\nexit 1\n`, {
          mode: 0o755,
        });
      runTestGit(top, environment, ["config", "commit.gpgSign", "true"]);
      runTestGit(top, environment, ["config", "gpg.program", "/bin/false"]);
      runTestGit(top, environment, ["config", "user.useConfigOnly", "true"]);
      return undefined;
    },
  },
  {
    name: "the user's GIT_ variables in the environment",
    environment: {
      GIT_DIR: "/nowhere",
      GIT_INDEX_FILE: "/nowhere/index",
      GIT_WORK_TREE: "/",
      GIT_OBJECT_DIRECTORY: "/nowhere/objects",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "core.bare",
      GIT_CONFIG_VALUE_0: "true",
      GIT_EXTERNAL_DIFF: "/bin/false",
      GIT_NAMESPACE: "other",
    },
  },
  {
    name: "refs that were packed",
    arrange: (one) => {
      one.git("pack-refs", "--all");
      return undefined;
    },
  },
];

const LONG = `${"long ".repeat(40)}/`.repeat(12);
const ODD_NAMES = [
  "a b",
  "quo\"te's",
  "new\nline",
  "-dash",
  "caf\u00e9",
  "cafe\u0301",
  "日本 🎉",
  "back\\slash",
  "x~1",
  "*",
];

/** What is there before the agent comes. */
function furnish(one: TestWorkspace): void {
  one.write(".gitignore", "*.log\n");
  one.write("ignored.log", "ignored");
  one.write("keep/edited", "one\ntwo\nthree\n");
  one.write("keep/gone", "gone");
  one.write("keep/moved", Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join(""));
  one.write("keep/binary", Buffer.from([0, 1, 2, 255, 254, 13, 10]));
  one.write("keep/run", "#!/bin/sh\n", 0o755);
  one.write("keep/empty", "");
  one.write("keep/was-file", "file");
  one.write("keep/was-folder/a/b", "inside");
  one.write("keep/Case", "case");
  one.write(`keep/${LONG}file`, "far down");
  for (const name of ODD_NAMES) one.write(`keep/${name}`, name);
  writeFileSync(bytes(one, "keep/latin-"), "bytes");
  mkdirSync(join(one.root, "keep"), { recursive: true });
  symlinkSync("edited", join(one.root, "keep", "link"));
  symlinkSync("nowhere", join(one.root, "keep", "dangling"));
  symlinkSync("/etc/hostname", join(one.root, "keep", "outside"));
}
const bytes = (one: TestWorkspace, path: string) =>
  Buffer.concat([Buffer.from(`${one.root}/${path}`), Buffer.from([0xe4, 0xff])]);

/** What the agent does. */
function work(root: string): void {
  const at = (path: string) => join(root, "keep", path);
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  };
  write("edited", "one\n2\nthree\n");
  rmSync(at("gone"));
  renameSync(at("moved"), at("moved away"));
  write("binary", Buffer.from([0, 9, 9, 9]));
  chmodSync(at("run"), 0o644);
  write("empty", "no longer");
  rmSync(at("was-file"));
  write("was-file/now/folder", "x");
  rmSync(at("was-folder"), { recursive: true });
  write("was-folder", "now a file");
  renameSync(at("Case"), at("case"));
  write(`${LONG}file`, "far down, edited");
  for (const name of ODD_NAMES) write(name, `${name} edited`);
  for (const name of ["link", "dangling"]) rmSync(at(name));
  symlinkSync("run", at("link"));
  write("dangling", "now a file");
  rmSync(at("outside"));
  symlinkSync("/etc", at("outside"));
  write("new empty", "");
  mkdirSync(at("new empty folder"));
  write("new/deep/file", "new");
  write("more.log", "ignored, new");
}

/** All that git shows a user, asked without a write. */
function shown(one: TestWorkspace, root: string): string[] {
  const environment = { ...testEnvironment(one.home), GIT_OPTIONAL_LOCKS: "0" };
  const questions = [
    ["status", "--porcelain=v2", "--branch", "--show-stash", "-z"],
    ["diff", "--cached", "--raw", "-z"],
    ["ls-files", "--stage", "--debug", "-z"],
    ["stash", "list"],
    ["for-each-ref"],
    ["log", "--walk-reflogs", "--all", "--format=%gD %H"],
  ];
  return questions.map((question) => {
    try {
      const answer = runTestGit(root, environment, question);
      return question[0] === "for-each-ref" ? answer.replace(/^.*refs\/muster\/.*\n/gm, "") : answer;
    } catch (error) {
      return `refused ${String((error as { status?: number }).status)}`;
    }
  });
}

describe.each(SITUATIONS)("$name", (situation) => {
  it("ORC-34 ORC-35 ORC-9 all changes are captured, shown, taken back and brought again; the user's repository stays", async () => {
    const one = workspace(situation.options);
    const top = join(one.base, "work");
    furnish(one);
    situation.before?.(one, top);
    // A bare repository's folder has no working tree: it is a folder like others.
    const isGit = situation.options?.init !== false && situation.name !== "a bare repository's folder";
    if (isGit && situation.isCommitted !== false) {
      one.git("add", "-A");
      one.git("commit", "-qm", "first");
      writeFileSync(join(top, "stashed"), "stashed");
      one.git("stash", "-u");
    }
    const root = situation.arrange?.(one, top) ?? one.root;
    writeFileSync(join(root, "untracked before"), "mine");
    if (isGit && situation.isCommitted !== false && !existsSync(join(top, ".git", "index.lock"))) {
      writeFileSync(join(root, "staged"), "staged");
      runTestGit(root, testEnvironment(one.home), ["add", "staged"]);
      writeFileSync(join(root, "staged"), "staged, then edited");
    }

    const gitFolders = ["work/.git", "elsewhere", "work"]
      .map((name) => join(one.base, name))
      .filter((folder) => isGit && existsSync(join(folder, "HEAD")) && statSync(folder).isDirectory());
    const users = () => gitFolders.map(gitFolderState);
    const untouched = async <Result>(operation: () => Promise<Result>): Promise<Result> => {
      const [repository, index] = [users(), isGit ? shown(one, root) : []];
      const result = await operation();
      expect(users()).toEqual(repository);
      expect(isGit ? shown(one, root) : []).toEqual(index);
      return result;
    };
    const filesOnly = async <Result>(operation: () => Promise<Result>): Promise<Result> => {
      const repository = users();
      const result = await operation();
      expect(users()).toEqual(repository);
      return result;
    };
    const checkpoints = new Checkpoints({
      dataDir: join(one.base, "data"),
      nowMs: () => NOW_MS,
      environment: { ...testEnvironment(one.home), ...situation.environment },
    });
    const request = { workspaceRoot: root, threadId: THREAD };

    // Hooks may have run while this was set up.
    rmSync(join(one.base, "ran"), { force: true });
    const before = listFiles(root);
    const first = await untouched(() => checkpoints.capture({ ...request, turnCount: 0 }));
    expect(first.skipped.map(({ path, reason }) => `${path} ${reason}`)).toEqual([...(situation.skipped ?? [])].sort());
    await untouched(() => checkpoints.captureStart({ ...request, turnCount: 1 }));
    work(root);
    const after = listFiles(root);
    const second = await untouched(() => checkpoints.capture({ ...request, turnCount: 1 }));
    const range = { fromRef: first.checkpointRef, toRef: second.checkpointRef };
    const { files, diff, truncated } = await untouched(() => checkpoints.diff({ workspaceRoot: root, ...range }));
    expect(truncated).toBe(false);
    const told = Object.fromEntries(files.map((file) => [file.path.replace(/^keep\//, ""), file]));
    expect(told).toMatchObject({
      edited: { status: "modified", additions: 1, deletions: 1 },
      gone: { status: "deleted" },
      "moved away": { status: "renamed", previousPath: "keep/moved", additions: 0, deletions: 0 },
      binary: { status: "modified", binary: true, additions: null },
      "was-file": { status: "deleted" },
      "was-file/now/folder": { status: "added" },
      "was-folder": { status: "added" },
      case: { status: "renamed", previousPath: "keep/Case" },
      link: { status: "modified" },
      dangling: { status: "type-changed" },
      "new empty": { status: "added" },
    });
    for (const name of ODD_NAMES) expect(told[name]).toMatchObject({ status: "modified" });
    expect("run" in told).toBe(situation.name !== "file modes that git does not look at");
    expect(Object.keys(told).filter((path) => path.endsWith(".log"))).toEqual([]);
    expect(diff).toContain("rename from keep/moved\nrename to keep/moved away\n");

    const back = { ...request, turnCount: 0, eventId: "event-1" as EventId };
    const safety = await untouched(() => checkpoints.safety(back));
    const report = await filesOnly(() =>
      checkpoints.restoreThread({
        ...back,
        fromRef: safety.currentRef,
        toRef: first.checkpointRef,
        isRunning: () => false,
      }),
    );
    expect(report.filter(({ outcome }) => outcome !== "restored" && outcome !== "deleted")).toEqual([]);
    const isModeKept = situation.name === "file modes that git does not look at";
    const expected: Record<string, string> = { ...before, "keep/more.log": "file ignored, new" };
    if (isModeKept) expected["keep/run"] = "file #!/bin/sh\n";
    expect(listFiles(root)).toEqual(expected);
    expect(existsSync(join(root, "keep", "new"))).toBe(false);

    // The revert of the revert.
    const again = await untouched(() => checkpoints.safety({ ...back, eventId: "event-2" as EventId }));
    await filesOnly(() =>
      checkpoints.restore({ workspaceRoot: root, fromRef: again.currentRef, toRef: safety.checkpointRef }),
    );
    expect(listFiles(root)).toEqual(after);
    await untouched(() => checkpoints.dropAfter({ ...back }));
    await untouched(() => checkpoints.deleteThread(request));
    expect(existsSync(join(one.base, "ran"))).toBe(false);
    if (isGit) expect(runTestGit(root, testEnvironment(one.home), ["for-each-ref", "refs/muster"])).toBe("");
    expect(readdirSync(join(one.base, "data", "checkpoints", "scratch"))).toEqual([]);
    expect(readFileSync("/etc/hostname").length).toBeGreaterThan(0);
  });
});
