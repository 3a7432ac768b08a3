// Files of a project through the whole chain: command, hub, uplink, daemon, disk.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileContent, FileTree } from "@muster/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Place, type Up, until } from "./muster.ts";

let place: Place;
let up: Up;
let shop: string;
const BYTES = Buffer.from([0x89, 0x50, 0xff, 0x00, 0x0a, 0x80]);

beforeAll(async () => {
  place = new Place();
  shop = place.repository("shop");
  mkdirSync(join(shop, "src", "cart"), { recursive: true });
  writeFileSync(join(shop, "src", "cart", "total.ts"), "export const total = 1;\n");
  writeFileSync(join(shop, "logo.bin"), BYTES);
  writeFileSync(join(shop, ".gitignore"), ".env\n");
  writeFileSync(join(shop, ".env"), "SECRET=1");
  writeFileSync(join(place.root, "outside"), "not yours");
  symlinkSync(join(place.root, "outside"), join(shop, "way-out"));
  up = await place.up();
  await until("the machine to be online", async () => (await up.client.api.nodes.list()).nodes[0]?.health === "online");
  await place.json("project", "add", shop, "--title", "Shop");
});
afterAll(() => place.clear());

const codeOf = (stderr: string): string => (JSON.parse(stderr) as { error: { code: string } }).error.code;

test("NOD-22 muster files draws the tree, as deep as asked, without what git ignores and without .git", async () => {
  const { exitCode, stdout } = await place.spawn(["files", "--depth", "3"], { cwd: shop }).finished;
  expect([exitCode, stdout]).toEqual([
    0,
    [
      `Shop ${shop}/`,
      "├── src/",
      "│   └── cart/",
      "│       └── total.ts 24 bytes",
      "├── .gitignore 5 bytes",
      "├── README.md 7 bytes",
      "├── logo.bin 6 bytes",
      "└── way-out (link to nothing in here)",
      "2 folders, 5 files",
      "",
    ].join("\n"),
  ]);
  const { stdout: paths } = await place.muster(["files", "src/", "--depth", "2", "--quiet", "--project", "Shop"]);
  expect(paths).toBe("src/cart\nsrc/cart/total.ts\n");
  const tree = FileTree.parse(await place.json("files", "--ignored", "--project", "Shop"));
  expect(tree.entries.map(({ path }) => path)).toEqual([
    "src",
    ".env",
    ".gitignore",
    "README.md",
    "logo.bin",
    "way-out",
  ]);
});

test("NOD-22 muster files show prints a file byte for byte into a pipe", async () => {
  const { exitCode, stdout } = await place.muster(["files", "show", "src/cart/total.ts", "--project", "Shop"]);
  expect([exitCode, stdout]).toEqual([0, "export const total = 1;\n"]);
  const pasted = await place.muster(["files", "show", join(shop, "README.md")], { cwd: shop });
  expect(pasted.stdout).toBe("# shop\n");
  const copy = join(place.root, "copy");
  execFileSync(
    "sh",
    [
      "-c",
      `"$0" "$1" files show logo.bin > "$2"`,
      process.execPath,
      join(import.meta.dirname, "../../packages/cli/bin/muster.mjs"),
      copy,
    ],
    { cwd: shop, env: place.env },
  );
  expect(readFileSync(copy)).toEqual(BYTES);
  const answer = FileContent.parse(await place.json("files", "show", "logo.bin", "--project", "Shop"));
  expect(answer).toMatchObject({ encoding: "base64", content: BYTES.toString("base64") });
});

test("NOD-22 what is not there, not shown, outside or too large is refused by its code, with an exit code of its own", async () => {
  writeFileSync(join(shop, "large"), "x".repeat(800_000));
  const cases: [string, string, number][] = [
    ["nothing", "file_not_found", 3],
    [".env", "file_not_found", 3],
    [".git/config", "file_not_found", 3],
    ["way-out", "file_not_allowed", 3],
    ["/etc/passwd", "file_not_allowed", 3],
    ["../outside", "validation_failed", 2],
    ["large", "file_too_large", 3],
  ];
  for (const [path, code, exit] of cases) {
    const { exitCode, stdout, stderr } = await place.muster(["files", "show", path, "--json", "--project", "Shop"]);
    expect([path, codeOf(stderr), exitCode, stdout]).toEqual([path, code, exit, ""]);
  }
  const { stdout } = await place.muster(["files", "show", ".env", "--ignored", "--project", "Shop"]);
  expect(stdout).toBe("SECRET=1");
  const { stderr } = await place.muster(["files", "show", "large", "--project", "Shop"]);
  expect(stderr).toContain("800000");
  writeFileSync(join(shop, ".git", "HEAD"), "nonsense");
  const broken = await place.muster(["files", "--project", "Shop"]);
  expect(broken.exitCode).toBe(3);
  expect(broken.stderr).toMatch(/Git cannot say .*\n(.*\n)*.*--ignored\. \(workspace_unavailable\)/);
  expect((await place.muster(["files", "--ignored", "--project", "Shop"])).exitCode).toBe(0);
  expect((await place.muster(["files", "--depth", "9", "--project", "Shop"])).exitCode).toBe(2);
});
