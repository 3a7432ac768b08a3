// Where a command is on a PATH, as a shell would find it.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { PathLookup } from "./presets.ts";

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** Looks the command up in the folders of `path`, which is the value of PATH; a command with a slash is a path itself. */
export const pathLookup =
  (path: string): PathLookup =>
  (command) => {
    if (command.includes("/")) return isExecutable(command) ? resolve(command) : undefined;
    return path
      .split(delimiter)
      .filter((folder) => folder.startsWith("/"))
      .map((folder) => join(folder, command))
      .find(isExecutable);
  };
