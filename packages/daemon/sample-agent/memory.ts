// What the sample agent remembers of its conversations: one JSON file each, so that another process can take them up.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RememberedTurn {
  readonly prompt: string;
  readonly answer: string;
}

const fileOf = (folder: string, sessionId: string): string => join(folder, `${sessionId}.json`);

/** The turns of the conversation; undefined when it is unknown. */
export const recallTurns = (folder: string, sessionId: string): RememberedTurn[] | undefined => {
  if (!/^[\w-]+$/.test(sessionId)) return undefined;
  try {
    return (JSON.parse(readFileSync(fileOf(folder, sessionId), "utf8")) as { turns: RememberedTurn[] }).turns;
  } catch {
    return undefined;
  }
};

export const rememberTurns = (folder: string, sessionId: string, turns: readonly RememberedTurn[]): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = fileOf(folder, sessionId);
  writeFileSync(`${path}.new`, JSON.stringify({ turns }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
};
