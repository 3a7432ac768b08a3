// Writes the platform packages that package-lock.json lacks into it. npm leaves out those that its registry could
// not answer for when the lock was written, and `npm ci` elsewhere then rejects the lock. Run it after every
// `npm install`; it is deterministic, and a second run changes nothing.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { completeLock } from "./lock/model.mjs";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));

try {
  const { lock, added } = completeLock(JSON.parse(readFileSync(path, "utf8")));
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(
    added.length === 0 ? "package-lock.json is complete." : `Added to package-lock.json: ${added.join(", ")}`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
