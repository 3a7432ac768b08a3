// One step of the demo: does one thing a person would do, and verifies what came of it where it can be seen from
// outside: in the API's answers, in the feed, in the files of the git work tree, among the processes.
import type { World } from "./world.ts";

/** What earlier steps made is there when a later one runs. */
export type GrowingWorld = Pick<World, "shell" | "folders" | "signal" | "seen"> & {
  -readonly [Part in keyof World]?: World[Part];
};

export interface Step {
  /** Kept from version to version. */
  readonly name: string;
  readonly title: string;
  /** Answers in one line with what was verified. */
  run(world: GrowingWorld): Promise<string>;
}

/** A step that finds everything the opening makes. */
export const step = (name: string, title: string, run: (world: World) => Promise<string>): Step => ({
  name,
  title,
  run: (world) => run(world as World),
});
