// A daemon as a process of its own, for tests that kill it: arguments are the home and the start options as JSON.
import type { StartOptions } from "../../daemon.ts";
import { prepareDaemon } from "../../prepare.ts";

const [home = "", options = "{}"] = process.argv.slice(2);
try {
  const prepared = await prepareDaemon({ home });
  const running = await prepared.start(JSON.parse(options) as StartOptions);
  await running.connected;
  process.stdout.write("connected\n");
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
  process.exit(1);
}
