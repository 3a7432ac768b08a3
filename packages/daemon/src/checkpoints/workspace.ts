// Finds where a workspace's checkpoints live: in its own git repository, or in a shadow repository
// below our data folder when it has none. Discovery is the only step that lets git read the user's
// configuration, because which repository is trusted and which files are ignored is theirs to say.
import { createHash } from "node:crypto";
import { access, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { allEnded } from "./concurrency.ts";
import { CheckpointError } from "./errors.ts";
import { type Environment, type Git, oneLine, runGit } from "./git.ts";

export interface Workspace {
  readonly kind: "git" | "shadow";
  /** Real path of the workspace folder; every path of a checkpoint is relative to it. */
  readonly root: string;
  /** Real path of the checkout's top folder: `root` or above it. */
  readonly topLevel: string;
  /** From `topLevel` to `root`, "/"-separated without an end slash; "" when they are the same. */
  readonly prefix: string;
  /** Of this worktree: holds the index and HEAD. */
  readonly gitDir: string;
  /** Of all worktrees: holds objects and refs. */
  readonly commonDir: string;
  readonly objectFormat: "sha1" | "sha256";
  /** The index that a capture starts from: the user's, or the shadow repository's own. May not exist. */
  readonly indexFile: string;
  /** Ignore files beside `.gitignore`, weakest first; all exist. */
  readonly excludeFiles: readonly string[];
  /** `-c` settings about the file system and permissions that must be as in the repository. */
  readonly carriedSettings: readonly string[];
  /** False where `core.fileMode` is: then a file's execute permission is the user's affair. */
  readonly tracksExecutable: boolean;
  /** Our data folder relative to `topLevel`, where it lies below it: never part of a checkpoint. */
  readonly ownFolder: string | undefined;
  /** The repository's or the user's `core.autocrlf` converts line ends. */
  readonly convertsLineEnds: boolean;
  readonly userAttributesFile: string | undefined;
  /** Attribute files beside `.gitattributes`, the user's among them. */
  readonly attributeFiles: readonly string[];
}

const CARRIED = [
  "core.filemode",
  "core.symlinks",
  "core.ignorecase",
  "core.precomposeunicode",
  "core.sharedrepository",
  "core.trustctime",
  "core.checkstat",
  "core.compression",
  "core.loosecompression",
  "core.bigfilethreshold",
];
const READ = [...CARRIED, "core.excludesfile", "core.attributesfile", "core.autocrlf", "extensions.objectformat"];

export interface LocateOptions {
  readonly git: Git;
  /** Holds shadow repositories. */
  readonly dataDir: string;
  /** The daemon's whole data folder, which may lie in a workspace. */
  readonly ownDir: string;
  readonly workspaceRoot: string;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `not_a_directory`, `git_not_found`, or `git_failed` for a repository that git itself refuses. */
export async function locateWorkspace(options: LocateOptions): Promise<Workspace> {
  const root = await realDirectory(options.workspaceRoot);
  const call = { cwd: root, maxStdoutBytes: 1024 * 1024, signal: options.signal };
  const [configuration, repository, ownDir] = await allEnded([
    runGit(options.git, {
      ...call,
      args: ["config", "-z", "--get-regexp", `^(${READ.join("|").replaceAll(".", "\\.")})$`],
      exitCodes: [0, 1],
    }),
    hasGitEntryAbove(root).then((has) => (has ? discover(options.git, call) : undefined)),
    mkdir(options.dataDir, { recursive: true, mode: 0o700 }).then(() => realpath(options.ownDir)),
  ]);
  const configured = parseConfig(configuration.stdout);
  const ignoredByUser = await existing([
    userFile(options.git.environment, configured.get("core.excludesfile"), "ignore"),
  ]);
  const attributesOfUser = await existing([
    userFile(options.git.environment, configured.get("core.attributesfile"), "attributes"),
  ]);

  if (repository === undefined) {
    const gitDir = await shadowRepository(options, root);
    return {
      kind: "shadow",
      root,
      topLevel: root,
      prefix: "",
      gitDir,
      commonDir: gitDir,
      objectFormat: "sha1",
      indexFile: join(gitDir, "muster-index"),
      excludeFiles: ignoredByUser,
      carriedSettings: [],
      tracksExecutable: true,
      ownFolder: folderBelow(root, ownDir),
      convertsLineEnds: false,
      userAttributesFile: undefined,
      attributeFiles: [],
    };
  }

  const { topLevel, gitDir, commonDir } = repository;
  const autoCrlf = configured.get("core.autocrlf") ?? "false";
  return {
    kind: "git",
    root,
    topLevel,
    prefix: relative(topLevel, root),
    gitDir,
    commonDir,
    objectFormat: configured.get("extensions.objectformat") === "sha256" ? "sha256" : "sha1",
    indexFile: join(gitDir, "index"),
    excludeFiles: [...ignoredByUser, ...(await existing([join(commonDir, "info", "exclude")]))],
    carriedSettings: CARRIED.flatMap((name) => {
      const value = configured.get(name);
      return value === undefined ? [] : [`${name}=${value}`];
    }),
    tracksExecutable: isTrue(configured.get("core.filemode") ?? "true"),
    ownFolder: folderBelow(topLevel, ownDir),
    convertsLineEnds: autoCrlf === "input" || isTrue(autoCrlf),
    userAttributesFile: attributesOfUser[0],
    attributeFiles: [...attributesOfUser, ...(await existing([join(commonDir, "info", "attributes")]))],
  };
}

async function realDirectory(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !(await stat(real)).isDirectory()) {
    throw new CheckpointError("not_a_directory", `the workspace root is no directory: ${path}`, { path });
  }
  return real;
}

async function hasGitEntryAbove(root: string): Promise<boolean> {
  for (let folder = root; ; folder = dirname(folder)) {
    if (await exists(join(folder, ".git"))) return true;
    if (folder === dirname(folder)) return false;
  }
}

type DiscoveryCall = { cwd: string; maxStdoutBytes: number; signal: AbortSignal | undefined };

/** Undefined when the repository found ignores the workspace: a project below a home folder kept in git is not that repository's. */
async function discover(git: Git, call: DiscoveryCall) {
  const questions = [["--show-toplevel"], ["--absolute-git-dir"], ["--path-format=absolute", "--git-common-dir"]];
  const together = oneLine(await runGit(git, { ...call, args: ["rev-parse", ...questions.flat()] })).split("\n");
  // A folder name with a newline makes more lines than questions: then one question at a time.
  const answers =
    together.length === questions.length
      ? together
      : await Promise.all(
          questions.map(async (question) => oneLine(await runGit(git, { ...call, args: ["rev-parse", ...question] }))),
        );
  const [topLevel, gitDir, commonDir] = await Promise.all(answers.map((path) => realpath(path)));
  if (topLevel === undefined || gitDir === undefined || commonDir === undefined) {
    throw new Error("git rev-parse answered fewer questions than it was asked");
  }
  if (topLevel !== call.cwd) {
    const ignored = await runGit(git, {
      ...call,
      cwd: topLevel,
      args: ["check-ignore", "-q", "--", `./${relative(topLevel, call.cwd)}`],
      env: { GIT_LITERAL_PATHSPECS: "0" },
      exitCodes: [0, 1],
    });
    if (ignored.exitCode === 0) return undefined;
  }
  return { topLevel, gitDir, commonDir };
}

async function shadowRepository(options: LocateOptions, root: string): Promise<string> {
  const folder = join(options.dataDir, "shadow", createHash("sha256").update(root).digest("hex"));
  if (!(await exists(join(folder, "HEAD")))) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await runGit(options.git, {
      args: ["init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch=none", folder],
      cwd: folder,
      env: { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
      maxStdoutBytes: 64 * 1024,
      signal: options.signal,
    });
  }
  return realpath(folder);
}

/** `name\nvalue\0` records, a later one (a narrower scope) wins; a name alone means true. */
function parseConfig(output: Buffer): Map<string, string> {
  const values = new Map<string, string>();
  for (const record of output.toString("utf8").split("\0")) {
    if (record === "") continue;
    const newline = record.indexOf("\n");
    if (newline === -1) values.set(record, "true");
    else values.set(record.slice(0, newline), record.slice(newline + 1));
  }
  return values;
}

/** A file the user may have set, or git's default place for it. */
function userFile(environment: Environment, configured: string | undefined, defaultName: string): string | undefined {
  const home = environment.HOME;
  if (configured !== undefined) {
    if (!configured.startsWith("~/")) return configured === "" ? undefined : configured;
    return home === undefined ? undefined : join(home, configured.slice(2));
  }
  const configHome = environment.XDG_CONFIG_HOME || (home === undefined ? undefined : join(home, ".config"));
  return configHome === undefined ? undefined : join(configHome, "git", defaultName);
}

function isTrue(value: string): boolean {
  return !["false", "no", "off", "0", ""].includes(value.toLowerCase());
}

function folderBelow(top: string, folder: string): string | undefined {
  const path = relative(top, folder);
  return path === "" || path === ".." || path.startsWith(`..${sep}`) ? undefined : path;
}

async function existing(paths: readonly (string | undefined)[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) if (path !== undefined && (await exists(path))) found.push(path);
  return found;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
