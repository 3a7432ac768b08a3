// The command line's token on disk: one file, readable by its owner alone, replaced whole or not at all.
import { chmod, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MusterError } from "@muster/contracts";
import { CLI_TOKEN_FILE } from "./limits.ts";
import { looksLikeToken } from "./tokens.ts";

const FILE_MODE = 0o600;

export const cliTokenFile = (home: string): string => join(home, CLI_TOKEN_FILE);

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

const unwritable = (file: string, error: unknown): MusterError =>
  new MusterError(
    "home_unwritable",
    `${file} cannot be written (${codeOf(error) || "unknown error"}).`,
    { path: file },
    { cause: error },
  );

/** The token in the file, its mode mended to 0600; null when there is no file or no token in it. */
export const readCliToken = async (file: string): Promise<string | null> => {
  try {
    const token = (await readFile(file, "utf8")).trim();
    await chmod(file, FILE_MODE);
    return looksLikeToken(token) ? token : null;
  } catch (error) {
    if (["ENOENT", "EISDIR"].includes(codeOf(error))) return null;
    throw unwritable(file, error);
  }
};

/**
 * Writes the token with mode 0600, durably and atomically: a reader sees the old file or the new one. `unique` names
 * the file it is written to first. Throws `home_unwritable`.
 */
export const writeCliToken = async (file: string, token: string, unique: string): Promise<void> => {
  const temporary = `${file}.${unique}`;
  try {
    const handle = await open(temporary, "wx", FILE_MODE);
    try {
      await handle.chmod(FILE_MODE);
      await handle.writeFile(`${token}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const directory = await open(dirname(file), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw unwritable(file, error);
  }
};
