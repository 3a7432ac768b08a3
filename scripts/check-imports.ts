// The import direction of the whole repository: prints what breaks it and exits with 1, also when it saw no file.
import { fileURLToPath } from "node:url";
import { checkTree } from "./imports/tree.ts";

const { files, problems } = checkTree(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
for (const problem of problems) console.error(problem);
console.log(`${files} files, ${problems.length} forbidden imports`);
process.exitCode = problems.length === 0 ? 0 : 1;
