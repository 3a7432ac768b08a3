// demo: the whole story in a temporary folder, each step verified.
import type { Command } from "commander";
import { examples, type Registry } from "../context.ts";

export function addDemoCommand({ program, context }: Registry): void {
  program
    .command("demo")
    .description("see the whole story with sample agents in a temporary folder; needs no model and no key")
    .option("--keep", "leave it running to look around, until Ctrl-C")
    .addHelpText(
      "after",
      `${examples("demo", "demo --keep", "demo --json")}\n\nExit code: 0 only when every step was verified, else 1.`,
    )
    .action(async (options: { keep?: boolean }, command: Command) => {
      // Only here, so that the other commands need not load it.
      const { runDemo } = await import("../demo/demo.ts");
      await runDemo(context(command), { isKept: options.keep === true });
    });
}
