// Where the built console lies beside this package; null until it is built.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export function consoleDirectory(): string | null {
  const folder = fileURLToPath(new URL("../../console/dist", import.meta.url));
  return existsSync(join(folder, "index.html")) ? folder : null;
}
