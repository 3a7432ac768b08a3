// The environment of the threads and processes that the store starts: this process's own, and the place where it keeps
// what Node compiled. They read the same sources, and Node hands the place on only by its name in the environment.
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

/** Only for what runs our own sources and starts nothing further: nobody else may write into that folder. */
export const storeEnvironment = (): NodeJS.ProcessEnv => {
  // biome-ignore lint/style/noProcessEnv: what a thread or process of ours would inherit anyway.
  const environment = process.env;
  const directory = getCompileCacheDir();
  // Node's answer is a folder for its own version, inside the one it was given.
  return directory === undefined ? environment : { NODE_COMPILE_CACHE: dirname(directory), ...environment };
};
