// The files that a restore writes beside the one it replaces. A process that is killed leaves some behind:
// no checkpoint holds them, and the next restore removes them.
import { rm } from "node:fs/promises";
import { absolutePath, splitNul } from "./byte-path.ts";
import { isAlive, type Plumbing } from "./plumbing.ts";
import type { Workspace } from "./workspace.ts";

/** As an ignore rule. */
export const TEMPORARY_PATTERN = ".muster-restore-[0-9]*-[0-9]*";
const NAME = /(?:^|\/)\.muster-restore-(\d+)-\d+$/;

/** What restores of this process are writing now. */
const inUse = new Set<string>();
let count = 0;

/** A name that is free in `folder`; `release` when the file is renamed or removed. */
export function temporaryIn(folder: Buffer): { readonly temporary: Buffer; readonly release: () => void } {
  count += 1;
  const temporary = Buffer.concat([folder, Buffer.from(`/.muster-restore-${process.pid}-${count}`)]);
  const key = temporary.toString("latin1");
  inUse.add(key);
  return { temporary, release: () => inUse.delete(key) };
}

/** Those of processes that are gone. */
export async function removeDeadTemporaries(
  plumbing: Plumbing,
  workspace: Workspace,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Without an index and without ignore rules: they lie beside files of any kind.
  const { stdout } = await plumbing.raw(
    workspace,
    ["ls-files", "-z", "--others", "--ignored", `--exclude=${TEMPORARY_PATTERN}`],
    { signal },
  );
  for (const path of splitNul(stdout)) {
    const pid = NAME.exec(path)?.[1];
    if (pid === undefined) continue;
    const file = absolutePath(workspace.root, path);
    const isOurs = Number(pid) === process.pid;
    if (isOurs ? inUse.has(file.toString("latin1")) : isAlive(Number(pid))) continue;
    await rm(file, { force: true }).catch(() => undefined);
  }
}
