// No way out of a workspace: not by a path, not by a link, and not by what is swapped while it is being looked at.
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WorkspacePath } from "@muster/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeFiles, SECRET, type TestFiles } from "./test-files.ts";

/** Runs once, between the look at a path and its opening. */
let beforeOpening: (() => void) | undefined;
/** Runs once, behind the opening and before the look at what was opened. */
let afterOpening: (() => void) | undefined;
let hasFdNames = true;
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    open: async (...args: Parameters<typeof real.open>) => {
      const run = beforeOpening;
      beforeOpening = undefined;
      run?.();
      const handle = await real.open(...args);
      afterOpening?.();
      afterOpening = undefined;
      return handle;
    },
    readlink: (path: string) => (hasFdNames ? real.readlink(path) : Promise.reject(new Error("no such names here"))),
  };
});

let files: TestFiles;
beforeEach(() => {
  files = makeFiles();
  hasFdNames = true;
  beforeOpening = undefined;
  afterOpening = undefined;
});
afterEach(() => files.remove());

const outcome = (asking: Promise<unknown>): Promise<{ code: unknown; details: unknown }> =>
  asking.then(
    (found) => ({ code: "ok", details: JSON.stringify(found) }),
    ({ code, details }) => ({ code, details }),
  );

describe("a path", () => {
  it.each([
    "..",
    "../outside/secret",
    "a/../../outside/secret",
    "/etc/passwd",
    "//etc/passwd",
    "a/..",
    "nul\0",
    "\ud800",
  ])("NOD-22 %j is refused before it reaches a machine", (path) => {
    expect(WorkspacePath.safeParse(path).success).toBe(false);
  });

  it.each([
    "..",
    "../outside/secret",
    "a/../../outside/secret",
    "a/./../..//outside/secret",
    "link/../../outside/secret",
  ])("NOD-22 %j leads nowhere even where nobody looked at it before", async (path) => {
    files.write("a/file");
    symlinkSync(join(files.base, "outside"), join(files.root, "link"));
    expect((await outcome(files.read(path))).code).toBe("file_not_allowed");
    expect((await outcome(files.tree(path))).code).toBe("file_not_allowed");
  });

  it.each(["%2e%2e/outside/secret", "..\\outside\\secret", "‥/outside", "~/x", "file:///etc/passwd"])(
    "%j is a name like any other, and of nothing",
    async (path) => {
      expect((await outcome(files.read(path))).code).toBe("file_not_found");
    },
  );

  it("as it is on disk, from the root, is read as one below the workspace", async () => {
    expect((await outcome(files.read(join(files.base, "outside", "secret")))).code).toBe("file_not_found");
  });
});

describe("a link", () => {
  it("NOD-22 out of the workspace is shown as a link, and never followed", async () => {
    const out = { folder: "outside", file: "outside/secret" };
    for (const [name, target] of Object.entries(out)) symlinkSync(join(files.base, target), join(files.root, name));
    symlinkSync(join("..", "outside", "secret"), join(files.root, "relative"));
    symlinkSync("folder", join(files.root, "hop"));
    const tree = await files.tree("", { depth: 8 });
    expect(tree.entries.map(({ path, kind, leadsTo, sizeBytes }) => [path, kind, leadsTo, sizeBytes])).toEqual(
      ["file", "folder", "hop", "relative"].map((name) => [name, "link", null, null]),
    );
    for (const path of ["file", "relative", "folder/secret", "hop/secret", "folder/nothing"]) {
      const { code, details } = await outcome(files.read(path));
      expect([code, details]).toEqual(["file_not_allowed", { path, reason: "outside" }]);
    }
    expect((await outcome(files.tree("folder"))).code).toBe("file_not_allowed");
  });

  it("NOD-22 out of the workspace does not tell whether there is anything", async () => {
    symlinkSync(join(files.base, "outside", "secret"), join(files.root, "there"));
    symlinkSync(join(files.base, "outside", "nothing"), join(files.root, "gone"));
    const [there, gone] = [await outcome(files.read("there")), await outcome(files.read("gone"))];
    expect({ ...gone, details: null }).toEqual({ ...there, details: null });
    const shown = (await files.tree()).entries.map(({ path: _path, ...entry }) => entry);
    expect(shown[0]).toEqual(shown[1]);
  });

  it("within the workspace is followed where it is asked for, and says where it leads", async () => {
    files.write("src/a.ts", "a");
    symlinkSync("src", join(files.root, "to-folder"));
    symlinkSync(join(files.root, "src/a.ts"), join(files.root, "to-file"));
    expect((await files.tree()).entries.map(({ path, leadsTo }) => [path, leadsTo])).toEqual([
      ["src", null],
      ["to-file", "file"],
      ["to-folder", "folder"],
    ]);
    expect((await files.tree("to-folder")).entries.map(({ path }) => path)).toEqual(["to-folder/a.ts"]);
    expect(await files.read("to-folder/a.ts")).toMatchObject({ path: "to-folder/a.ts", content: "a" });
    expect((await files.read("to-file")).content).toBe("a");
  });

  it("that leads to itself ends", async () => {
    symlinkSync("loop", join(files.root, "loop"));
    symlinkSync(".", join(files.root, "here"));
    expect((await files.tree("", { depth: 8 })).entries.map(({ path, leadsTo }) => [path, leadsTo])).toEqual([
      ["here", "folder"],
      ["loop", null],
    ]);
    expect((await outcome(files.read("loop/x"))).code).toBe("file_not_allowed");
    expect((await files.tree("here/here/here")).entries).toHaveLength(2);
  });
});

describe.each([true, false])(
  "what is swapped for a link after it was looked at, open files having names: %s",
  (named) => {
    beforeEach(() => {
      hasFdNames = named;
    });

    it("NOD-22 is not read: a file", async () => {
      files.write("file", "mine");
      beforeOpening = () => {
        rmSync(join(files.root, "file"));
        symlinkSync(join(files.base, "outside", "secret"), join(files.root, "file"));
      };
      const { code, details } = await outcome(files.read("file"));
      expect(code).toBe("file_not_allowed");
      expect(String(details)).not.toContain(SECRET);
    });

    it("NOD-22 is not read: a folder above it", async () => {
      files.write("folder/secret", "mine");
      beforeOpening = () => {
        renameSync(join(files.root, "folder"), join(files.root, "aside"));
        symlinkSync(join(files.base, "outside"), join(files.root, "folder"));
      };
      const { code, details } = await outcome(files.read("folder/secret"));
      expect(code).toBe("file_not_allowed");
      expect(String(details)).not.toContain(SECRET);
    });

    it("NOD-22 is not read where it is swapped back at once", async () => {
      files.write("folder/secret", "mine");
      const [folder, aside] = [join(files.root, "folder"), join(files.root, "aside")];
      beforeOpening = () => {
        renameSync(folder, aside);
        symlinkSync(join(files.base, "outside"), folder);
      };
      afterOpening = () => {
        rmSync(folder);
        renameSync(aside, folder);
      };
      const { code, details } = await outcome(files.read("folder/secret"));
      expect(code).toBe("file_not_allowed");
      expect(String(details)).not.toContain(SECRET);
    });

    it("NOD-22 is not listed: a folder", async () => {
      files.write("above/folder/mine");
      mkdirSync(join(files.base, "outside", "folder"));
      writeFileSync(join(files.base, "outside", "folder", "hidden-name"), "");
      beforeOpening = () => {
        renameSync(join(files.root, "above"), join(files.root, "aside"));
        symlinkSync(join(files.base, "outside"), join(files.root, "above"));
      };
      const { code, details } = await outcome(files.tree("above/folder"));
      expect(code).toBe("file_not_allowed");
      expect(JSON.stringify(details)).not.toContain("hidden-name");
    });
  },
);

describe("what the system refuses", () => {
  const refusing = (code: string) => () => {
    throw Object.assign(new Error(code), { code });
  };

  it.each(["EACCES", "EPERM"])("with %s is said to be closed, and not to be missing", async (code) => {
    files.write("closed/file", "x");
    const refusal = { code: "file_not_allowed", details: { path: "closed/file", reason: "unreadable" } };
    beforeOpening = refusing(code);
    expect(await outcome(files.read("closed/file"))).toEqual(refusal);
    beforeOpening = refusing(code);
    expect((await outcome(files.tree("closed"))).code).toBe("file_not_allowed");
  });

  it("with a failure of the disk says that the workspace cannot be read", async () => {
    files.write("file", "x");
    beforeOpening = refusing("EIO");
    expect(await outcome(files.read("file"))).toMatchObject({
      code: "workspace_unavailable",
      details: { reason: "EIO" },
    });
  });

  it("below the folder asked for leaves that one cut", async () => {
    files.write("closed/file", "x");
    beforeOpening = () => {
      beforeOpening = refusing("EACCES");
    };
    expect((await files.tree("", { depth: 3 })).entries).toMatchObject([{ path: "closed", isCut: true }]);
  });
});

describe("what is never shown", () => {
  it("NOD-22 is git's own folder, by no name and no link, with what git ignores as well", async () => {
    for (const path of [".git/config", "nested/.git/config", ".GIT/config", ".gitignore", "git/x"])
      files.write(path, "x");
    symlinkSync(".git", join(files.root, "way-in"));
    symlinkSync(join(files.root, "nested/.git/config"), join(files.root, "config"));
    for (const ignored of [true, false]) {
      expect(await files.paths("", { depth: 3, ignored })).toEqual([
        "git/",
        "git/x",
        "nested/",
        ".gitignore",
        "config",
        "way-in",
      ]);
      for (const path of [
        ".git/config",
        "nested/.git/config",
        ".GIT/config",
        "way-in/config",
        "config",
        ".git/nothing",
      ])
        expect(await files.codeOfRead(path, { ignored })).toBe("file_not_found");
      await expect(files.tree(".git", { ignored })).rejects.toMatchObject({ code: "file_not_found" });
    }
  });

  it("NOD-22 is what Muster keeps for itself, where the workspace holds it", async () => {
    files.remove();
    files = makeFiles({ root: "work", hidden: ["work/.muster/hub", "work/.muster/daemon"] });
    for (const path of [".muster/hub/cli-token", ".muster/daemon/identity.json", ".muster/else", "mine"])
      files.write(path, SECRET);
    symlinkSync(".muster/hub", join(files.root, "way-in"));
    expect(await files.paths("", { depth: 3, ignored: true })).toEqual([".muster/", ".muster/else", "mine", "way-in"]);
    for (const path of [".muster/hub/cli-token", "way-in/cli-token", ".muster/daemon/identity.json", ".muster/hub"])
      expect(await files.codeOfRead(path, { ignored: true })).toBe("file_not_found");
  });

  it.each(["hub/cli-token", "hub/hub.db", "daemon/identity.json", "daemon/token", "daemon/outbox.db", "HUB/cli-token"])(
    "NOD-22 is the folder of another Muster home, by its %s, by no name and no link",
    async (mark) => {
      const name = mark.slice(0, mark.indexOf("/"));
      for (const path of [`.other/${mark}`, `.other/${name}/beside/deep`, ".other/else"]) files.write(path, SECRET);
      symlinkSync(`.other/${name}`, join(files.root, "to-folder"));
      symlinkSync(`.other/${mark}`, join(files.root, "to-mark"));
      symlinkSync(".other", join(files.root, "to-home"));
      for (const ignored of [true, false]) {
        const { entries } = await files.tree("", { depth: 4, ignored });
        expect(entries.map(({ path, leadsTo }) => [path, leadsTo])).toEqual([
          [".other", null],
          [".other/else", null],
          ["to-folder", null],
          ["to-home", "folder"],
          ["to-mark", null],
        ]);
        expect(await files.paths("to-home", { ignored })).toEqual(["to-home/else"]);
        for (const path of [
          `.other/${mark}`,
          `.other/${name}/beside/deep`,
          `.other/${name}/nothing`,
          `to-home/${mark}`,
          `to-folder/beside/deep`,
          "to-mark",
        ])
          expect(await outcome(files.read(path, { ignored })), path).toEqual({
            code: "file_not_found",
            details: { path },
          });
        for (const path of [`.other/${name}`, "to-folder", `to-home/${name}/beside`])
          await expect(files.tree(path, { ignored }), path).rejects.toMatchObject({ code: "file_not_found" });
      }
    },
  );

  it("NOD-22 is a folder of another Muster home that is a link to one with another name", async () => {
    for (const path of ["moved/token", "moved/else", "home/mine"]) files.write(path, SECRET);
    symlinkSync("../moved", join(files.root, "home/daemon"));
    expect(await files.paths("home", { ignored: true })).toEqual(["home/mine"]);
    for (const path of ["home/daemon/token", "home/daemon/else"])
      expect(await files.codeOfRead(path, { ignored: true })).toBe("file_not_found");
  });

  it("NOD-22 is a workspace within a folder of another Muster home", async () => {
    files.remove();
    files = makeFiles({ root: "other/daemon/work" });
    files.write("file", SECRET);
    expect(await files.codeOfRead("file", { ignored: true })).toBe("ok");
    files.write("../identity.json", SECRET);
    expect(await files.codeOfRead("file", { ignored: true })).toBe("file_not_found");
    await expect(files.tree("", { ignored: true })).rejects.toMatchObject({ code: "file_not_found" });
  });

  it("is no folder of that name in somebody's sources", async () => {
    for (const path of ["src/hub/index.ts", "src/daemon/token/index.ts", "hub.db", "token", "other/cli-token"])
      files.write(path, "x");
    expect(await files.paths("src", { depth: 3, ignored: true })).toEqual([
      "src/daemon/",
      "src/daemon/token/",
      "src/daemon/token/index.ts",
      "src/hub/",
      "src/hub/index.ts",
    ]);
    for (const path of ["src/hub/index.ts", "src/daemon/token/index.ts", "hub.db", "token", "other/cli-token"])
      expect(await files.codeOfRead(path, { ignored: true })).toBe("ok");
  });

  it("a second name of a file is a file like any other", async () => {
    files.write("one", "same");
    linkSync(join(files.root, "one"), join(files.root, "two"));
    expect((await files.read("two")).content).toBe("same");
  });
});
