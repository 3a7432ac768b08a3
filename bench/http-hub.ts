// The hub that bench/http-dispatch.ts measures, in a process of its own: says where it serves in one line of JSON, and
// ends when its standard input does. Run: node bench/http-hub.ts <home> [<URL of a PostgreSQL database>]
import { readFileSync } from "node:fs";
import { startHub } from "@muster/hub";

const [home = "", databaseUrl = null] = process.argv.slice(2);
/** One principal asks as fast as it can: what is measured is the hub, not its patience. */
const requestsPerSecondMax = 1_000_000;
const hub = await startHub({
  home,
  databaseUrl,
  host: "127.0.0.1",
  port: 0,
  version: "bench",
  consoleDirectory: null,
  requestsPerSecondMax,
});
const token = readFileSync(hub.tokenFile, "utf8").trim();
console.log(JSON.stringify({ port: hub.port, token, spaceId: hub.spaceId }));
process.stdin.resume();
process.stdin.on("end", () => {
  hub.close().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
});
