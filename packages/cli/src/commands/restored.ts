// restored: the one step after a backup of the hub's database was put in its place.
import { MusterError } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { isAlive, readEndpoint } from "../home.ts";
import { chooseDatabase } from "../up/options.ts";

export function addRestoredCommand({ program, context }: Registry): void {
  program
    .command("restored")
    .description("say that the hub's database was restored from a backup, before the next start")
    .addHelpText(
      "after",
      `${examples("restored")}

The database gets a new generation: consoles and other readers take a new snapshot, and every daemon offers again what
it still keeps of the last day and the backup lacks. Doing it twice is harmless. With a database that several hubs share
(MUSTER_DATABASE_URL), end all of them first.`,
    )
    .action((_options: object, command: Command) => markAsRestored(context(command)));
}

async function markAsRestored(context: Context): Promise<void> {
  const { paths, shell, voice, paint, muster } = context;
  const endpoint = readEndpoint(paths);
  if (endpoint !== null && isAlive(endpoint.pid)) {
    const message = `Muster runs with the home ${paths.home}: process ${endpoint.pid}. End it, put the backup in its place, then say it again.`;
    throw new MusterError("already_running", message, { pid: endpoint.pid });
  }
  // Only here, so that the other commands need not load the hub.
  const { markHubRestored } = await import("@muster/hub");
  const { generation } = await markHubRestored(paths.hub, chooseDatabase(shell, undefined));
  voice.answer({
    json: { generation },
    text: `${paint("green", "✓")} The hub's database has a new generation.\n`,
    quiet: [generation],
  });
  voice.note(`Next: ${muster} up`);
}
