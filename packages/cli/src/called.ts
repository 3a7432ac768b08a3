// How this command is called here. Texts say `muster …`; from a clone, where nothing of that name is installed, what a person
// reads says it through npm, so that every hint runs as it is printed.
import type { Shell } from "./shell.ts";

/** `-s` keeps npm's own lines out of the answer. */
export const calledAs = ({ env }: Pick<Shell, "env">): string =>
  env["npm_lifecycle_event"] === undefined ? "muster" : "npm run -s muster --";

/** A text of this program with its commands, which stand in backquotes or behind a prompt, as they are called here. */
export function asCalled(text: string, muster: string): string {
  return muster === "muster" ? text : text.replace(/(`|^ {2}\$ )muster (?=\S)/gm, `$1${muster} `);
}
