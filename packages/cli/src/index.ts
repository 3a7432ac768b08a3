// The command line for other programs: run it with a shell of your own.
export { run } from "./program.ts";
export type { Output, Shell } from "./shell.ts";
