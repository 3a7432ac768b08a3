// The checks that run no test: format and lint, import direction, types. `npm run check` and `npm test` share them.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../bootstrap/run.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));

interface Check {
  name: string;
  /** Arguments of Node. */
  args: string[];
}

function checks(): Check[] {
  const typescript = join(root, "node_modules/typescript/bin/tsc");
  const projects = readdirSync(join(root, "packages"))
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(join(root, folder, "tsconfig.json")) && hasSources(folder));
  const biome = [join(root, "node_modules/@biomejs/biome/bin/biome"), "check", "--error-on-warnings", "."];
  return [
    { name: "format and lint", args: biome },
    { name: "import direction", args: [join(root, "scripts/check-imports.ts")] },
    ...[".", ...projects].map((folder) => ({
      name: folder === "." ? "types" : `types of ${folder}`,
      args: [typescript, "--project", folder],
    })),
  ];
}

/** TypeScript refuses a project without a file. */
function hasSources(folder: string): boolean {
  const source = join(root, folder, "src");
  return existsSync(source) && readdirSync(source, { recursive: true }).some((name) => /\.tsx?$/.test(String(name)));
}

/** Runs them side by side, says how each went, and returns the names of those that failed. */
export async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  await Promise.all(
    checks().map(async ({ name, args }) => {
      const started = performance.now();
      const result = await run(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      if (result.code === 0) return console.log(`ok      ${name} (${seconds} s)`);
      failed.push(name);
      console.log(`FAILED  ${name} (${seconds} s)\n${result.output.trimEnd()}`);
    }),
  );
  return failed;
}
